//! A text kept in two copies, so that one of them is whole whatever happens to the other.
//!
//! The first line of a copy is `# corbel generation=N sha256=HEX`; the sum is over everything behind that line. The newest copy
//! whose sum is right counts, and a save goes over the other one. [`newest`] decides from bytes alone, so that a checker of
//! recorded disks asks the same code.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{FileError, read_limited, write_atomic};

/// The largest copy that is read: a configuration with hundreds of networks is far below.
const MOST_BYTES: u64 = 4 << 20;
const HEAD: &str = "# corbel generation=";

/// A ledger that could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    File(#[from] FileError),
    /// Copies are there, and none of them is whole.
    #[error("neither copy of {name} in {folder} is whole")]
    Damaged { name: String, folder: PathBuf },
}

/// The content of one whole copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Counts saves, from 1.
    pub generation: u64,
    /// Everything behind the first line.
    pub text: String,
}

/// Where two copies live: `<folder>/<name>.a.<extension>` and `<folder>/<name>.b.<extension>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    folder: PathBuf,
    name: String,
    extension: String,
    mode: u32,
}

impl Ledger {
    /// For example `Ledger::new("/config", "node", "toml")` for `/config/node.a.toml` and `/config/node.b.toml`; files get
    /// the mode 0600.
    pub fn new(folder: impl AsRef<Path>, name: &str, extension: &str) -> Self {
        Self {
            folder: folder.as_ref().to_owned(),
            name: name.to_owned(),
            extension: extension.to_owned(),
            mode: 0o600,
        }
    }

    /// Another mode for the files, such as 0644.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// The two files.
    pub fn paths(&self) -> [PathBuf; 2] {
        ["a", "b"].map(|copy| self.folder.join(format!("{}.{copy}.{}", self.name, self.extension)))
    }

    /// The newest whole copy; `None` when there is no copy at all.
    ///
    /// # Errors
    /// A file that cannot be read, and [`LedgerError::Damaged`] when there are copies and none is whole.
    pub fn load(&self) -> Result<Option<Version>, LedgerError> {
        let copies = self.read()?;
        match newest([copies[0].as_deref(), copies[1].as_deref()]) {
            Some((_, version)) => Ok(Some(version)),
            None if copies.iter().all(Option::is_none) => Ok(None),
            None => Err(LedgerError::Damaged {
                name: self.name.clone(),
                folder: self.folder.clone(),
            }),
        }
    }

    /// Replaces the older or damaged copy by `text` and gives the new generation. The newest whole copy stays as it is, so
    /// that a power cut leaves the old or the new text.
    ///
    /// # Errors
    /// A file that cannot be read or written.
    pub fn save(&self, text: &str) -> Result<u64, LedgerError> {
        self.save_after(0, text)
    }

    /// The same with a generation that is later than `after` too, for a ledger whose older versions are kept elsewhere.
    ///
    /// # Errors
    /// As of [`Ledger::save`].
    pub fn save_after(&self, after: u64, text: &str) -> Result<u64, LedgerError> {
        let copies = self.read()?;
        let (target, last) = match newest([copies[0].as_deref(), copies[1].as_deref()]) {
            Some((index, version)) => (1 - index, version.generation),
            None => (0, 0),
        };
        let generation = last.max(after).saturating_add(1);
        write_atomic(
            &self.paths()[target],
            render_copy(generation, text).as_bytes(),
            self.mode,
        )?;
        Ok(generation)
    }

    /// Removes both copies; the older first, so that a power cut never brings an older text back.
    ///
    /// # Errors
    /// A file that cannot be removed.
    pub fn remove(&self) -> Result<(), LedgerError> {
        let copies = self.read()?;
        let paths = self.paths();
        let last = newest([copies[0].as_deref(), copies[1].as_deref()]).map_or(1, |(index, _)| index);
        for path in [&paths[1 - last], &paths[last]] {
            match fs::remove_file(path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("remove", path, source).into());
                }
                _ => {}
            }
            flush_folder(&self.folder)?;
        }
        Ok(())
    }

    /// Every whole copy, the newest first; the flag says whether there is a copy at all.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn versions(&self) -> Result<(Vec<Version>, bool), LedgerError> {
        let copies = self.read()?;
        let mut whole: Vec<Version> = copies.iter().flatten().filter_map(|bytes| parse_copy(bytes)).collect();
        whole.sort_by_key(|version| std::cmp::Reverse(version.generation));
        Ok((whole, copies.iter().any(Option::is_some)))
    }

    fn read(&self) -> Result<[Option<Vec<u8>>; 2], LedgerError> {
        let [a, b] = self.paths();
        Ok([read_copy(&a)?, read_copy(&b)?])
    }
}

/// Which of two copies counts, with its content: the whole one of the highest generation, the first when they are equal.
pub fn newest(copies: [Option<&[u8]>; 2]) -> Option<(usize, Version)> {
    let mut best: Option<(usize, Version)> = None;
    for (index, copy) in copies.into_iter().enumerate() {
        let Some(version) = copy.and_then(parse_copy) else {
            continue;
        };
        if best.as_ref().is_none_or(|(_, b)| version.generation > b.generation) {
            best = Some((index, version));
        }
    }
    best
}

/// The content of a copy as it lies in a file; `None` when it is not whole.
pub fn parse_copy(bytes: &[u8]) -> Option<Version> {
    let (head, text) = std::str::from_utf8(bytes).ok()?.split_once('\n')?;
    let (generation, sum) = head.strip_prefix(HEAD)?.split_once(" sha256=")?;
    (sum == sha256(text)).then_some(())?;
    Some(Version {
        generation: generation.parse().ok()?,
        text: text.to_owned(),
    })
}

/// A copy as it lies in a file.
pub fn render_copy(generation: u64, text: &str) -> String {
    format!("{HEAD}{generation} sha256={}\n{text}", sha256(text))
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

fn read_copy(path: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    match read_limited(path, MOST_BYTES) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        // A copy of an impossible size is as good as damaged: the other one counts.
        Err(FileError::TooLarge { .. }) => Ok(Some(Vec::new())),
        Err(error) => Err(error.into()),
    }
}

fn flush_folder(folder: &Path) -> Result<(), LedgerError> {
    match fs::File::open(folder).and_then(|f| f.sync_all()) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(io_error("flush", folder, source).into()),
        _ => Ok(()),
    }
}

fn io_error(operation: &'static str, path: &Path, source: io::Error) -> FileError {
    FileError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
