//! The installed node as its own programs find it: the disk and the slot that it was started from, the partitions of that disk and
//! no other, and its EFI partition, mounted for as long as somebody holds it. Daemon and health gate both begin here.

pub mod crash;
mod esp;
mod fast;
mod kernel;
mod os_release;
mod place;

use std::path::{Path, PathBuf};

use corbel_boot::{EspError, MountedEsp, read_state};
use corbel_disk::MountError;
use corbel_layout::slot::Slot;
use corbel_plan::slots::Running;
use corbel_upgrade::Installed;

pub use esp::EspMount;
pub use fast::load_next;
pub use os_release::version;
pub use place::{Place, find, firmware};

/// Names of machines that ran when the node went down last, one a line: written by the daemon, for the gate of a version on trial.
pub const RAN_FILE: &str = "/data/machines-before";

/// Why the installed node was not found.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    #[error(transparent)]
    File(#[from] corbel_sys::FileError),
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is not as the start of this system writes it")]
    Report { path: PathBuf, source: serde_json::Error },
    #[error("disk {disk} has no partition {name}")]
    NoPartition { disk: String, name: String },
    #[error("cannot make the folder {path}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Mount(#[from] MountError),
    #[error(transparent)]
    Esp(#[from] EspError),
    #[error(transparent)]
    Boot(#[from] corbel_boot::BootError),
    #[error(transparent)]
    Program(#[from] corbel_sys::ProgramError),
    #[error("the boot records name nothing that can be started")]
    NothingToStart,
    #[error("slot {slot} lacks {what}")]
    NoKernel { slot: Slot, what: &'static str },
    #[error("the kernel of slot {slot} cannot be taken apart")]
    Kernel {
        slot: Slot,
        source: corbel_layout::pe::PeError,
    },
}

/// The installed node with its EFI partition at hand, which is let go when this is dropped.
#[derive(Debug)]
pub struct Node {
    pub installed: Installed,
    /// Where it is.
    pub place: Place,
    _mounts: Vec<EspMount>,
}

/// Opens the installed node that runs; `None` when this system does not run from an installed disk.
///
/// # Errors
/// A disk without our partitions, or an EFI partition that cannot be mounted.
pub fn open() -> Result<Option<Node>, MachineError> {
    let Some(place) = find()? else {
        return Ok(None);
    };
    let mount = EspMount::new(&place.esp)?;
    let esp = MountedEsp::new(mount.folder());
    let written = read_state(&esp)?.slot(place.running.slot).release.clone();
    let installed = Installed {
        running: place.running,
        version: written.map_or_else(version, |release| release.version),
        esp,
        slots: place.roots.clone(),
        config: PathBuf::from("/config"),
    };
    Ok(Some(Node {
        installed,
        place,
        _mounts: vec![mount],
    }))
}

/// Opens a system on a disk that this one does not run from, as if the slot ran that its loader takes for good: so the other one is
/// what may be written. `config` is the partition with its configuration.
///
/// # Errors
/// Partitions that cannot be mounted, or records that name no good slot.
pub fn open_other(disk: &str, esp: &Path, roots: [PathBuf; 2], config: &Path) -> Result<Node, MachineError> {
    let mount = EspMount::new(esp)?;
    let config = EspMount::of_config(config)?;
    let mounted = MountedEsp::new(mount.folder());
    let state = read_state(&mounted)?;
    let firmware = firmware();
    let slot = state.records.good(firmware).ok_or(MachineError::NothingToStart)?;
    let written = state.slot(slot).release.as_ref();
    let place = Place {
        disk: disk.to_owned(),
        running: Running { slot, firmware },
        esp: esp.to_owned(),
        roots,
    };
    let installed = Installed {
        running: place.running,
        version: written.map_or_else(String::new, |release| release.version.clone()),
        esp: mounted,
        slots: place.roots.clone(),
        config: config.folder().to_owned(),
    };
    Ok(Node {
        installed,
        place,
        _mounts: vec![mount, config],
    })
}
