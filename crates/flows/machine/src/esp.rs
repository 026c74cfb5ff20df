//! The EFI partition (and that of the configuration of a system that does not run), mounted where nobody else looks and only while it is
//! needed: what is not mounted cannot be half written.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use corbel_disk::{MountFlags, mount};
use rustix::mount::UnmountFlags;

use crate::MachineError;

const FOLDER: &str = "/run/corbel";

/// Unmounted when it is dropped.
#[derive(Debug)]
pub struct EspMount(PathBuf);

impl EspMount {
    /// Mounts the partition in a folder of its own.
    ///
    /// # Errors
    /// A folder that cannot be made, or a partition that the kernel does not mount.
    pub fn new(device: &Path) -> Result<Self, MachineError> {
        Self::mount(device, "vfat", MountFlags::NOEXEC, "umask=0077")
    }

    /// Mounts the configuration of a system that does not run. The owner's hooks are programs in it.
    ///
    /// # Errors
    /// As [`EspMount::new`].
    pub fn of_config(device: &Path) -> Result<Self, MachineError> {
        Self::mount(device, "ext4", MountFlags::empty(), "")
    }

    /// The same, for a look that changes nothing: the journal is not replayed, so that not even a damaged file system is written to,
    /// and damage is an error of this look and no reason to stop the machine, whatever the file system says of itself.
    ///
    /// # Errors
    /// As [`EspMount::new`].
    pub fn of_config_to_read(device: &Path) -> Result<Self, MachineError> {
        Self::mount(
            device,
            "ext4",
            MountFlags::RDONLY | MountFlags::NOEXEC,
            "noload,errors=continue",
        )
    }

    fn mount(device: &Path, kind: &str, more: MountFlags, options: &str) -> Result<Self, MachineError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(FOLDER).join(format!("{kind}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|source| MachineError::Folder {
            path: path.clone(),
            source,
        })?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | more;
        let mounted = mount(&device.to_string_lossy(), kind, &path, flags, options);
        if let Err(error) = mounted {
            let _ = std::fs::remove_dir(&path);
            return Err(error.into());
        }
        Ok(Self(path))
    }

    /// Where it is mounted.
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for EspMount {
    fn drop(&mut self) {
        // All that was written has been flushed by whoever wrote it.
        if rustix::mount::unmount(&self.0, UnmountFlags::DETACH).is_ok() {
            let _ = std::fs::remove_dir(&self.0);
        }
    }
}
