//! A disk of a machine, as a file of the host: what it is, and what can be seen on it while the machine is off.

use std::{
    fs::File,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use corbel_layout::{ReadAt, gpt};

/// A disk that keeps what is written to it; a raw file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    pub file: PathBuf,
    /// Bytes in a sector, 512 or 4096.
    pub sector: u32,
    /// Every write is also recorded in this file, in the format of dm-log-writes (QEMU's `blklogwrites`).
    pub log: Option<PathBuf>,
}

impl Disk {
    /// With sectors of 512 bytes, nothing recorded.
    pub fn new(file: &Path) -> Self {
        Self {
            file: file.to_path_buf(),
            sector: 512,
            log: None,
        }
    }

    /// Its partitions, by the table at its beginning.
    ///
    /// # Errors
    /// When the file cannot be read or has no table.
    pub fn partitions(&self) -> anyhow::Result<Vec<gpt::Partition>> {
        gpt::read(&self.open()?).with_context(|| format!("reading {}", self.file.display()))
    }

    /// What of an installation is still there, where `partitions` were: tables, boot code, signatures of file systems. Everything that
    /// is not zero in these places counts.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn traces(&self, partitions: &[gpt::Partition]) -> anyhow::Result<Vec<String>> {
        const MIB: u64 = 1 << 20;
        let disk = self.open()?;
        let length = disk.0.metadata()?.len();
        let mut places = vec![
            ("its first MiB".to_owned(), 0, MIB),
            ("its last MiB".to_owned(), length - MIB, MIB),
        ];
        // The signatures of FAT, squashfs and ext4 lie within the first 2 KiB.
        places.extend(
            partitions
                .iter()
                .map(|p| (p.name.clone(), p.offset, 4096.min(p.length))),
        );
        let mut traces = Vec::new();
        for (name, offset, length) in places {
            let mut bytes = vec![0; usize::try_from(length)?];
            disk.0.read_exact_at(&mut bytes, offset)?;
            if bytes.iter().any(|byte| *byte != 0) {
                traces.push(name);
            }
        }
        Ok(traces)
    }

    /// How many bytes of it were ever written: a new disk is a file that is all hole.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub fn written(&self) -> anyhow::Result<u64> {
        Ok(self.open()?.0.metadata()?.blocks() * 512)
    }

    /// The 512 bytes at this place, counted in these.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sector(&self, number: u64) -> anyhow::Result<[u8; 512]> {
        let mut bytes = [0; 512];
        self.open()?.0.read_exact_at(&mut bytes, number * 512)?;
        Ok(bytes)
    }

    fn open(&self) -> anyhow::Result<DiskFile> {
        let file = File::open(&self.file);
        Ok(DiskFile(
            file.with_context(|| format!("cannot open {}", self.file.display()))?,
        ))
    }
}

struct DiskFile(File);

impl ReadAt for DiskFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}
