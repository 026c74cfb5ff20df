//! Running programs out of the tools tree by its own loader: the host's libraries play no part, and no chroot is needed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_sys::Program;

use crate::BuildError;

/// The tools tree and the time stamp that its programs write.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) tree: PathBuf,
    pub(crate) epoch: u64,
}

impl Tools {
    /// A program of the tree, such as `usr/bin/xorriso`.
    pub(crate) fn program(&self, path: &str) -> Program {
        let lib = self.tree.join("usr/lib/x86_64-linux-gnu");
        let libraries = format!("{}:{}", lib.display(), lib.join("systemd").display());
        Program::new(self.tree.join("usr/lib64/ld-linux-x86-64.so.2"))
            .arg("--library-path")
            .arg(libraries)
            .arg(self.tree.join(path))
            .env("SOURCE_DATE_EPOCH", self.epoch.to_string())
            .env("TZ", "UTC")
            // Conversion tables for FAT names, Python's own library: the tree's, not the host's.
            .env("GCONV_PATH", lib.join("gconv"))
            .env("PYTHONHOME", self.tree.join("usr"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("MTOOLS_SKIP_CHECK", "1")
            .deadline(Duration::from_secs(3600))
    }

    /// A Python program of the tree.
    pub(crate) fn python(&self, path: &str) -> Program {
        self.program("usr/bin/python3").arg(self.tree.join(path))
    }

    /// A file of the tree that must be there.
    pub(crate) fn file(&self, what: &'static str, path: &str) -> Result<PathBuf, BuildError> {
        let path = self.tree.join(path);
        if path.is_file() {
            Ok(path)
        } else {
            Err(BuildError::Missing { what, path })
        }
    }
}

/// Time stamps of files that programs copy with theirs.
pub(crate) fn set_time(path: &Path, epoch: u64) -> Result<(), BuildError> {
    let time = std::time::UNIX_EPOCH + Duration::from_secs(epoch);
    std::fs::File::options()
        .read(true)
        .open(path)
        .and_then(|file| file.set_modified(time))
        .map_err(BuildError::io("set the time of", path))
}
