//! The EFI partition as a few files: read, put whole, write over in place, remove, list.
//!
//! FAT has no journal. So nothing that a loader needs is renamed: a file appears under its name only when its content is on the
//! disk, and the one file that changes in place (GRUB's environment) changes within one sector.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The largest file that is read: a UKI is some tens of MiB.
const MOST_BYTES: u64 = 512 << 20;

/// An operation on the EFI partition that failed.
#[derive(Debug, thiserror::Error)]
pub enum EspError {
    #[error("cannot {operation} {path} on the EFI partition")]
    Io {
        operation: &'static str,
        path: String,
        source: io::Error,
    },
    #[error("{path} on the EFI partition has {found} bytes, expected {expected}")]
    Length { path: String, found: u64, expected: u64 },
    #[error("{path} on the EFI partition is not what was written")]
    ReadBack { path: String },
}

impl EspError {
    pub(crate) fn at(operation: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}

/// The EFI partition. Paths are from its root, with `/`, without one in front. When a method has returned, what it did is on the disk.
pub trait Esp: Send + Sync {
    /// The whole file; `None` when it is not there.
    ///
    /// # Errors
    /// What the medium reports.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EspError>;
    /// Makes or replaces a file as a whole, and the folders above it. A power cut leaves the old file, none, or the new one.
    ///
    /// # Errors
    /// What the medium reports, such as no space.
    fn put(&self, path: &str, content: &[u8]) -> Result<(), EspError>;
    /// Writes over a file of the same length, in its place.
    ///
    /// # Errors
    /// A missing file, one of another length, or what the medium reports.
    fn overwrite(&self, path: &str, content: &[u8]) -> Result<(), EspError>;
    /// Removes a file that may be absent.
    ///
    /// # Errors
    /// What the medium reports.
    fn remove(&self, path: &str) -> Result<(), EspError>;
    /// Names of the files in a folder, sorted; empty when it is not there.
    ///
    /// # Errors
    /// What the medium reports.
    fn list(&self, folder: &str) -> Result<Vec<String>, EspError>;
}

/// The real one: a folder where the partition is mounted, writable.
#[derive(Debug, Clone)]
pub struct MountedEsp {
    folder: PathBuf,
}

impl MountedEsp {
    /// The partition mounted at `folder`.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self {
            folder: folder.as_ref().to_owned(),
        }
    }

    /// Everything that the file system still holds back. FAT keeps its tables apart from files and folders, so those alone are not enough.
    fn flush(&self, path: &str) -> Result<(), EspError> {
        let flushed = File::open(&self.folder).and_then(|folder| rustix::fs::syncfs(&folder).map_err(io::Error::from));
        flushed.map_err(EspError::at("flush", path))
    }
}

impl Esp for MountedEsp {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, EspError> {
        let file = match File::open(self.folder.join(path)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EspError::at("open", path)(source)),
        };
        let mut content = Vec::new();
        file.take(MOST_BYTES + 1)
            .read_to_end(&mut content)
            .map_err(EspError::at("read", path))?;
        if content.len() as u64 > MOST_BYTES {
            return Err(EspError::Length {
                path: path.to_owned(),
                found: content.len() as u64,
                expected: MOST_BYTES,
            });
        }
        Ok(Some(content))
    }

    fn put(&self, path: &str, content: &[u8]) -> Result<(), EspError> {
        let target = self.folder.join(path);
        let folder = target.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(EspError::at("make the folder of", path))?;
        // Always the same name beside it: what a power cut left behind is written over and never fills the partition. A loader
        // starts nothing that begins with a dot.
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let staged = folder.join(format!(".{name}.new"));
        let write = || {
            let mut file = File::create(&staged)?;
            file.write_all(content)?;
            file.sync_all()
        };
        if let Err(source) = write() {
            // A half-written file is of no use; that it could not be written is what counts.
            let _ = fs::remove_file(&staged);
            return Err(EspError::at("write", path)(source));
        }
        fs::rename(&staged, &target).map_err(EspError::at("rename to", path))?;
        self.flush(path)
    }

    fn overwrite(&self, path: &str, content: &[u8]) -> Result<(), EspError> {
        let file = OpenOptions::new()
            .write(true)
            .open(self.folder.join(path))
            .map_err(EspError::at("open", path))?;
        let found = file.metadata().map_err(EspError::at("read", path))?.len();
        if found != content.len() as u64 {
            return Err(EspError::Length {
                path: path.to_owned(),
                found,
                expected: content.len() as u64,
            });
        }
        file.write_all_at(content, 0).map_err(EspError::at("write", path))?;
        file.sync_all().map_err(EspError::at("flush", path))?;
        self.flush(path)
    }

    fn remove(&self, path: &str) -> Result<(), EspError> {
        match fs::remove_file(self.folder.join(path)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(EspError::at("remove", path)(e)),
            _ => self.flush(path),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, EspError> {
        let entries = match fs::read_dir(self.folder.join(folder)) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(EspError::at("list", folder)(source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(EspError::at("list", folder))?;
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}
