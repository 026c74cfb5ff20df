//! The installed node as its own programs find it: the disk and the slot that it was started from, the partitions of that disk and
//! no other, and its EFI partition, mounted for as long as somebody holds it. Daemon and health gate both begin here.

mod esp;
mod fast;
mod place;

use std::path::PathBuf;

use corbel_boot::{EspError, MountedEsp, read_state};
use corbel_disk::MountError;
use corbel_layout::slot::Slot;
use corbel_upgrade::Installed;

pub use esp::EspMount;
pub use fast::load_next;
pub use place::{Place, find};

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
    _esp: EspMount,
}

/// Opens the installed node that runs; `None` when this system does not run from an installed disk. `version` is what to take for
/// its version where the EFI partition does not say it.
///
/// # Errors
/// A disk without our partitions, or an EFI partition that cannot be mounted.
pub fn open(version: &str) -> Result<Option<Node>, MachineError> {
    let Some(place) = find()? else {
        return Ok(None);
    };
    let mount = EspMount::new(&place.esp)?;
    let esp = MountedEsp::new(mount.folder());
    let written = read_state(&esp)?.slot(place.running.slot).release.clone();
    let installed = Installed {
        running: place.running,
        version: written.map_or_else(|| version.to_owned(), |release| release.version),
        esp,
        slots: place.roots.clone(),
        config: PathBuf::from("/config"),
    };
    Ok(Some(Node {
        installed,
        place,
        _esp: mount,
    }))
}
