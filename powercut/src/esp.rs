//! Files of an EFI partition by their paths, as firmware and loaders look for them.

use anyhow::Context as _;
use corbel_layout::{ReadAt, fat};
use sha2::{Digest as _, Sha256};

use crate::release::Sum;

/// Far above any UKI of ours. A file that says that it is larger is damaged.
const MOST_BYTES: u64 = 256 << 20;

/// A FAT volume.
#[derive(Debug)]
pub struct Esp<'a, T: ReadAt> {
    src: &'a T,
    volume: fat::Volume,
}

impl<'a, T: ReadAt> Esp<'a, T> {
    /// Reads the boot sector.
    ///
    /// # Errors
    /// When it is no FAT volume.
    pub fn open(src: &'a T) -> Result<Self, fat::FatError> {
        let volume = fat::read_volume(src)?;
        Ok(Self { src, volume })
    }

    /// The content of a file; `None` when there is none. Names are compared as FAT does, without regard to case.
    ///
    /// # Errors
    /// When the volume is damaged on the way there, or the file is.
    pub fn read(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(entry) = self.find(path)? else { return Ok(None) };
        anyhow::ensure!(!entry.directory, "{path} is a folder");
        anyhow::ensure!(entry.size <= MOST_BYTES, "{path} says that it has {} bytes", entry.size);
        let bytes = self.volume.read_file(self.src, &entry);
        bytes.map(Some).with_context(|| format!("cannot read {path}"))
    }

    /// Whether there is such a file. What cannot be looked for is not there.
    pub fn has(&self, path: &str) -> bool {
        matches!(self.find(path), Ok(Some(entry)) if !entry.directory)
    }

    /// Names in a folder; none when it is missing.
    ///
    /// # Errors
    /// When the volume is damaged there.
    pub fn names(&self, path: &str) -> anyhow::Result<Vec<String>> {
        let entries = match self.find(path)? {
            Some(folder) if folder.directory => self.volume.list(self.src, &folder)?,
            _ => Vec::new(),
        };
        Ok(entries
            .into_iter()
            .filter(|entry| !entry.directory)
            .map(|entry| entry.name)
            .collect())
    }

    fn find(&self, path: &str) -> anyhow::Result<Option<fat::Entry>> {
        let damaged = || format!("cannot look for {path}");
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        let mut entries = self.volume.root(self.src).with_context(damaged)?;
        while let Some(part) = parts.next() {
            let found = entries.into_iter().find(|entry| entry.name.eq_ignore_ascii_case(part));
            match found {
                Some(entry) if parts.peek().is_none() => return Ok(Some(entry)),
                Some(entry) if entry.directory => {
                    entries = self.volume.list(self.src, &entry).with_context(damaged)?;
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// SHA-256.
pub fn sum(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}
