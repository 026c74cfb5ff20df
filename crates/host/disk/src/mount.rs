//! mount(2), with errors that say what was to be mounted where.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

pub use rustix::mount::MountFlags;

/// Why a mount failed.
#[derive(Debug, thiserror::Error)]
#[error("mounting {what} at {target}")]
pub struct MountError {
    /// Device and type, for example `/dev/dm-1 (squashfs)`.
    pub what: String,
    /// Directory.
    pub target: PathBuf,
    /// What the kernel said.
    pub source: io::Error,
}

/// Mounts `source` of type `kind` at `target` with the file system's own `options` (comma separated, may be empty).
///
/// # Errors
/// As mount(2).
pub fn mount(source: &str, kind: &str, target: &Path, flags: MountFlags, options: &str) -> Result<(), MountError> {
    let failed = |e| MountError {
        what: format!("{source} ({kind})"),
        target: target.to_owned(),
        source: e,
    };
    let data = CString::new(options).map_err(|e| failed(e.into()))?;
    rustix::mount::mount(source, target, kind, flags, data.as_c_str()).map_err(|e| failed(e.into()))
}

/// Moves the mount at `from`, with all mounts below it, to `to`.
///
/// # Errors
/// As mount(2).
pub fn move_mount(from: &Path, to: &Path) -> Result<(), MountError> {
    let failed = |e: rustix::io::Errno| MountError {
        what: from.display().to_string(),
        target: to.to_owned(),
        source: e.into(),
    };
    rustix::mount::mount_move(from, to).map_err(failed)
}

/// Takes the mount at `target` away again; everything that was written there is on the device when this returns.
///
/// # Errors
/// As umount(2).
pub fn unmount(target: &Path) -> Result<(), MountError> {
    rustix::mount::unmount(target, rustix::mount::UnmountFlags::empty()).map_err(|e| MountError {
        what: "nothing".into(),
        target: target.to_owned(),
        source: e.into(),
    })
}
