//! The real machine: device nodes, file systems that are mounted for a moment, and the firmware's variables.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use corbel_boot::{EfiVariables, Esp, HardDrive, MountedEsp};
use corbel_disk::{BlockDisk, MountFlags, RawDisk, mount, reread_partitions, unmount};
use corbel_layout::disk::{DiskLayout, FileSystem};
use corbel_sys::ledger::Ledger;
use corbel_sys::{Cancel, FileError, read_limited, wait_for_quiet_udev, write_atomic};

use crate::{BootImages, ConfigFiles, Facilities, FacilityError};

/// Where the image has the loaders of an installed disk.
pub const BOOT_FILES: &str = "/usr/lib/corbel/boot";
/// The largest of them, GRUB's core.img, must fit the BIOS boot partition of 1 MiB.
const MOST_IMAGE: u64 = 4 << 20;
const EFI_VARIABLES: &str = "/sys/firmware/efi/efivars";
/// Where partitions are mounted while they are written.
const WORK: &str = "/run/corbel/install";
/// How long the node of a partition may be away, and between two looks.
const NODE_LIMIT: Duration = Duration::from_secs(30);
const NODE_PAUSE: Duration = Duration::from_millis(100);

/// The images that start a disk, as the running system carries them.
#[derive(Debug, Clone)]
pub struct BootFiles {
    boot: Vec<u8>,
    core: Vec<u8>,
    systemd_boot: Vec<u8>,
}

impl BootFiles {
    /// Reads them from `folder`, on a node [`BOOT_FILES`].
    ///
    /// # Errors
    /// A file that is missing or larger than any such file.
    pub fn load(folder: &Path) -> Result<Self, FileError> {
        let read = |name: &str| read_limited(&folder.join(name), MOST_IMAGE);
        Ok(Self {
            boot: read("grub-boot.img")?,
            core: read("grub-core.img")?,
            systemd_boot: read("systemd-bootx64.efi")?,
        })
    }

    /// As an installation takes them.
    pub fn images(&self) -> BootImages<'_> {
        BootImages {
            boot: &self.boot,
            core: &self.core,
            systemd_boot: &self.systemd_boot,
        }
    }
}

/// This machine. One installation at a time.
#[derive(Debug, Default, Clone)]
pub struct Machine;

/// A mount that goes away with this value, also when the work failed.
struct Mounted {
    folder: PathBuf,
    done: bool,
}

impl Mounted {
    fn new(partition: &str, kind: &str) -> Result<Self, FacilityError> {
        let folder = Path::new(WORK).join(kind);
        fs::create_dir_all(&folder)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        let end = Instant::now() + NODE_LIMIT;
        // Whenever somebody who wrote to the whole disk closes it, udev has the kernel read the table anew, and the nodes of its
        // partitions are gone for a moment (systemd's block device locking covers only the time before the close).
        wait_for_quiet_udev(Path::new("/"), NODE_PAUSE, NODE_LIMIT);
        loop {
            match mount(partition, kind, &folder, flags, "") {
                Ok(()) => return Ok(Self { folder, done: false }),
                Err(error) if error.source.kind() == io::ErrorKind::NotFound && Instant::now() < end => {
                    thread::sleep(NODE_PAUSE);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Writes everything out and takes the mount away, with the errors of both.
    fn finish(mut self) -> Result<(), FacilityError> {
        self.done = true;
        let folder = File::open(&self.folder)?;
        rustix::fs::syncfs(&folder).map_err(io::Error::from)?;
        drop(folder);
        Ok(unmount(&self.folder)?)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if !self.done {
            // The error that ended the work is the one to tell.
            let _ = unmount(&self.folder);
        }
    }
}

impl Facilities for Machine {
    fn disk(&self, disk: &str) -> Result<Box<dyn RawDisk>, FacilityError> {
        Ok(Box::new(BlockDisk::open(Path::new(disk))?))
    }

    fn disk_in_use(&self, disk: &str) -> Result<Box<dyn RawDisk>, FacilityError> {
        Ok(Box::new(BlockDisk::open_shared(Path::new(disk))?))
    }

    fn reread(&self, disk: &str, layout: &DiskLayout) -> Result<(), FacilityError> {
        Ok(reread_partitions(Path::new("/"), disk, layout)?)
    }

    fn format(
        &self,
        partition: &str,
        sector: u64,
        file_system: FileSystem,
        label: &str,
        cancel: &Cancel,
    ) -> Result<(), FacilityError> {
        Ok(corbel_disk::format(partition, sector, file_system, label, cancel)?)
    }

    fn with_esp(
        &self,
        partition: &str,
        work: &mut dyn FnMut(&dyn Esp) -> Result<(), FacilityError>,
    ) -> Result<(), FacilityError> {
        let mounted = Mounted::new(partition, "vfat")?;
        work(&MountedEsp::new(&mounted.folder))?;
        mounted.finish()
    }

    fn write_config(&self, partition: &str, files: ConfigFiles<'_>) -> Result<(), FacilityError> {
        let mounted = Mounted::new(partition, "ext4")?;
        if let Some(document) = files.document {
            // Twice, so that both copies are there from the start.
            let ledger = Ledger::new(&mounted.folder, "node", "toml");
            ledger.save(document)?;
            ledger.save(document)?;
        }
        if !files.words.is_empty() {
            let text = format!("{}\n", files.words.join(" "));
            write_atomic(&mounted.folder.join("words"), text.as_bytes(), 0o600)?;
        }
        write_atomic(&mounted.folder.join("data-partitions"), files.places.as_bytes(), 0o644)?;
        mounted.finish()
    }

    fn add_boot_entry(&self, drive: &HardDrive) -> Result<(), FacilityError> {
        EfiVariables::new(EFI_VARIABLES).add(drive)?;
        Ok(())
    }

    fn remove_boot_entries(&self) -> Result<(), FacilityError> {
        if Path::new(EFI_VARIABLES).is_dir() {
            let variables = EfiVariables::new(EFI_VARIABLES);
            variables.remove(None)?;
            variables.forget_default()?;
        }
        Ok(())
    }
}
