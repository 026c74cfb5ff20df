//! Kernel and initrd of a slot, taken out of its UKI for kexec(8).

use std::path::{Path, PathBuf};

use corbel_boot::{Esp, kernel_path};
use corbel_layout::pe::sections;
use corbel_layout::slot::Slot;
use corbel_sys::write_atomic;

use crate::MachineError;

/// Two files in memory, which go when this is dropped: the kernel has its own copy by then, and they are many megabytes.
#[derive(Debug)]
pub(crate) struct Parts {
    folder: PathBuf,
}

impl Parts {
    /// # Errors
    /// A slot without a kernel, one that cannot be taken apart, or a folder that cannot be written.
    pub(crate) fn of(esp: &dyn Esp, slot: Slot, folder: &Path) -> Result<Self, MachineError> {
        let missing = |what: &'static str| MachineError::NoKernel { slot, what };
        let image = esp.read(&kernel_path(slot))?.ok_or_else(|| missing("its kernel"))?;
        let found = sections(&image[..], image.len() as u64).map_err(|source| MachineError::Kernel { slot, source })?;
        let part = |name: &'static str| {
            let section = found.iter().find(|section| section.name == name);
            let extent = section.ok_or_else(|| missing(name))?.content();
            let range = usize::try_from(extent.offset)
                .ok()
                .zip(usize::try_from(extent.offset + extent.length).ok());
            range
                .and_then(|(from, to)| image.get(from..to))
                .ok_or_else(|| missing(name))
        };
        std::fs::create_dir_all(folder).map_err(|source| MachineError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        let parts = Self {
            folder: folder.to_owned(),
        };
        write_atomic(&parts.linux(), part(".linux")?, 0o600)?;
        write_atomic(&parts.initrd(), part(".initrd")?, 0o600)?;
        Ok(parts)
    }

    pub(crate) fn linux(&self) -> PathBuf {
        self.folder.join("linux")
    }

    pub(crate) fn initrd(&self) -> PathBuf {
        self.folder.join("initrd")
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // What stays is memory that the next boot frees.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
