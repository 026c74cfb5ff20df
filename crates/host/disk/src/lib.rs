//! Block devices, device-mapper, loop devices, mounts, kernel modules, and the seed volume: everything that early boot and
//! the image inspector need from storage.
//!
//! Reading goes through [`corbel_layout::ReadAt`], so that what decides is tested with bytes and [`FakeDevices`]. Writing goes
//! through [`RawDisk`], [`format()`] and [`reread_partitions`], each of them told exactly where.

mod block;
mod device_mapper;
mod fake;
mod format;
mod ioctl;
mod iscsi;
mod loop_device;
mod modules;
mod mount;
mod multipath;
mod observe;
mod partitions;
mod raw;
mod seed;
mod udev_record;
mod uevent;

pub use block::{BlockDevice, Devices, FileMedium, SysDevices};
pub use device_mapper::{DeviceMapper, DeviceMapperError, MappedDevice, Target};
pub use fake::FakeDevices;
pub use format::{FormatError, format};
pub use iscsi::{IscsiListError, IscsiSession, iscsi_sessions};
pub use loop_device::{LoopError, attach_loop};
pub use modules::{Loaded, ModuleError, load_module, loaded_modules, present_modaliases};
pub use mount::{MountError, MountFlags, mount, move_mount, unmount};
pub use multipath::{MultipathAnswerError, MultipathDevice, MultipathPath, parse_multipath};
pub use observe::observe_disks;
pub use partitions::{PartitionError, partition_path, reread_partitions};
pub use raw::{BlockDisk, RawDisk, zero};
pub use seed::{
    FoundSeed, LABEL, MOST_BYTES, MOST_FILE_BYTES, MOST_FILES, SeedError, SeedFiles, find_seed, read_found_seed,
    read_seed, read_seed_partition,
};
pub use uevent::Uevents;
