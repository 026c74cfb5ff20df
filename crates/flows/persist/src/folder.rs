//! A folder above a kept file, which a newer image may lack.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::PersistError;

/// Whose a folder is, and who may enter it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Folder {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Folder {
    pub(crate) fn of(path: &Path) -> Result<Self, PersistError> {
        let found = fs::symlink_metadata(path).map_err(PersistError::io("read", path))?;
        Ok(Self {
            mode: found.mode() & 0o7777,
            uid: found.uid(),
            gid: found.gid(),
        })
    }

    pub(crate) fn make(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)?;
        chown(path, Some(self.uid), Some(self.gid))?;
        fs::set_permissions(path, fs::Permissions::from_mode(self.mode))
    }
}
