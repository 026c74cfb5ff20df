//! Loading kernel modules (finit_module(2)), and what sysfs says about devices that want one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Why a module was not loaded.
#[derive(Debug, thiserror::Error)]
#[error("loading the kernel module {path}")]
pub struct ModuleError {
    /// The file.
    pub path: PathBuf,
    /// What the kernel said.
    pub source: io::Error,
}

/// What loading did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loaded {
    /// It was not there before.
    Now,
    /// It already was, or is built in.
    Before,
}

/// Loads an uncompressed module file with `parameters` (`name=value` words, usually empty).
///
/// # Errors
/// No such file, no permission, or the kernel refuses it: another version, a missing symbol, no such hardware.
pub fn load_module(path: &Path, parameters: &str) -> Result<Loaded, ModuleError> {
    let failed = |source| ModuleError {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let parameters = std::ffi::CString::new(parameters).map_err(|e| failed(e.into()))?;
    match rustix::system::finit_module(&file, &parameters, 0) {
        Ok(()) => Ok(Loaded::Now),
        Err(rustix::io::Errno::EXIST) => Ok(Loaded::Before),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// Names of the modules that are loaded now, with `_`; empty when `/proc/modules` cannot be read.
pub fn loaded_modules() -> BTreeSet<String> {
    let text = fs::read_to_string("/proc/modules").unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// The `modalias` of every device below `root` (`/sys/devices`), each once.
///
/// A device may go away while this walks; what cannot be read is left out.
pub fn present_modaliases(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            // `file_type` does not follow links, so the walk stays in the tree and ends.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_file() && entry.file_name() == "modalias" => {
                    let text = fs::read_to_string(entry.path()).unwrap_or_default();
                    found.extend(Some(text.trim().to_owned()).filter(|t| !t.is_empty()));
                }
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn modaliases_are_collected_once_and_links_are_not_followed() {
        let root = tempfile::tempdir().unwrap();
        for (directory, text) in [
            ("pci0/a", "pci:v1\n"),
            ("pci0/a/b", "scsi:t-0x05\n"),
            ("pci1", "pci:v1\n"),
            ("e", "\n"),
        ] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
            let mut file = File::create(root.path().join(directory).join("modalias")).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
        std::os::unix::fs::symlink(root.path(), root.path().join("pci0/loop")).unwrap();
        let found: Vec<_> = present_modaliases(root.path()).into_iter().collect();
        assert_eq!(found, ["pci:v1", "scsi:t-0x05"]);
    }
}
