//! A recorded operation: the disk before it, and the log of every write that it made. In a folder these are `before.img`,
//! `writes.log` and `operation.json`, which says what was done and between which releases.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use corbel_layout::ReadAt;
use serde::{Deserialize, Serialize};

use crate::log::{self, Entry, Log, Write};

/// The disk before the operation, sparse.
pub const BEFORE: &str = "before.img";
/// What `blklogwrites` wrote.
pub const LOG: &str = "writes.log";
/// An [`About`].
pub const ABOUT: &str = "operation.json";

/// What was recorded; decides which outcomes are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// An empty disk becomes a node.
    Install,
    /// The spare slot gets another version, up to the reboot.
    Upgrade,
    /// The first boot of a trial, up to its blessing and an orderly shutdown.
    FirstBoot,
    /// The other slot is chosen by hand, up to the reboot.
    Rollback,
    /// A document is stored.
    ConfigurationSave,
    /// The disk is given back.
    Uninstall,
}

impl Operation {
    /// In the order of a node's life.
    pub const ALL: [Self; 6] = [
        Self::Install,
        Self::ConfigurationSave,
        Self::Upgrade,
        Self::FirstBoot,
        Self::Rollback,
        Self::Uninstall,
    ];

    /// As the report calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::FirstBoot => "first boot of the new version",
            Self::Rollback => "rollback",
            Self::ConfigurationSave => "configuration save",
            Self::Uninstall => "uninstall",
        }
    }
}

/// What is to be known about a recording beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// What was done.
    pub operation: Operation,
    /// ISO of the version that the disk had before, where it had one. Relative paths begin in the recording's folder.
    pub old: Option<PathBuf>,
    /// ISO of the version that the disk has afterwards, where it has one.
    pub new: Option<PathBuf>,
}

impl About {
    /// Reads it from the recording's folder.
    ///
    /// # Errors
    /// When the file is missing or damaged.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(ABOUT);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot use {}", path.display()))
    }
}

/// The bytes of a recording, ready to be replayed.
#[derive(Debug)]
pub struct Recording {
    before: File,
    size: u64,
    file: File,
    log: Log,
    writes: Vec<Write>,
}

impl Recording {
    /// Opens the recording in this folder.
    ///
    /// # Errors
    /// When a file is missing, or the log is damaged or of another disk.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        Self::from_files(&folder.join(BEFORE), &folder.join(LOG))
    }

    /// The same from files of any name.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_files(before: &Path, log: &Path) -> anyhow::Result<Self> {
        let open = |path: &Path| File::open(path).with_context(|| format!("cannot open {}", path.display()));
        let (base, file) = (open(before)?, open(log)?);
        let length = file.metadata()?.len();
        let parsed = log::read(&OnDisk(&file), length).with_context(|| format!("cannot use {}", log.display()))?;
        let size = base.metadata()?.len();
        let writes = parsed.entries.iter().filter_map(|entry| match entry {
            Entry::Write(write) => Some(*write),
            Entry::Flush | Entry::Mark(_) => None,
        });
        let writes: Vec<Write> = writes.collect();
        if let Some(wrong) = writes.iter().find(|write| write.offset + write.length > size) {
            anyhow::bail!(
                "{} has a write of {} bytes at byte {}, and the disk has {size}",
                log.display(),
                wrong.length,
                wrong.offset
            );
        }
        Ok(Self {
            before: base,
            size,
            file,
            log: parsed,
            writes,
        })
    }

    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that a power cut leaves whole.
    pub fn sector(&self) -> u64 {
        self.log.sector
    }

    /// Everything that was logged.
    pub fn entries(&self) -> &[Entry] {
        &self.log.entries
    }

    /// Of it the writes and discards.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The disk as it was.
    pub(crate) fn before(&self) -> &File {
        &self.before
    }

    /// The log itself, for the bytes that were written.
    pub(crate) fn log(&self) -> &File {
        &self.file
    }
}

/// A file as the pure readers of formats want it.
#[derive(Debug)]
pub struct OnDisk<'a>(pub &'a File);

impl ReadAt for OnDisk<'_> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}
