//! The seed: a small FAT volume labelled `CORBEL-SEED` that an owner fills with answers, keys and kernel words.
//!
//! It is read without a mount, on the node and by the image inspector alike. FAT knows no case, so paths are given in
//! lower case; what desktop systems leave behind (names with a leading dot, `System Volume Information`) is passed over.
//! Limits keep a broken or hostile volume from filling the memory of a machine that is just booting.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use corbel_layout::fat::{self, FatError};
use corbel_layout::{Extent, ReadAt, Window, gpt};

use crate::{BlockDevice, Devices};

/// Name of the partition and label of the file system.
pub const LABEL: &str = "CORBEL-SEED";
/// Most files.
pub const MOST_FILES: usize = 64;
/// Most bytes of one file.
pub const MOST_FILE_BYTES: u64 = 1 << 20;
/// Most bytes of all files.
pub const MOST_BYTES: u64 = 8 << 20;
/// Most directories within one another.
const MOST_DEPTH: usize = 8;
/// Most directories, so that directories which hold one another come to an end.
const MOST_DIRECTORIES: usize = 256;

/// Files by path, in lower case, with `/` between directories: `corbel.toml`, `clients/alice.pem`.
pub type SeedFiles = BTreeMap<String, Vec<u8>>;

/// Why the seed could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The device that was found does not open any more.
    #[error("opening {device}, which holds the seed volume")]
    Open { device: String, source: io::Error },
    /// No FAT file system there, or one that is damaged beyond reading.
    #[error("reading the seed volume")]
    Volume(#[source] FatError),
    /// One entry could not be read.
    #[error("reading {path} of the seed volume")]
    Read { path: String, source: FatError },
    /// Over [`MOST_FILE_BYTES`].
    #[error("{path} of the seed volume has {bytes} bytes, expected at most {MOST_FILE_BYTES}")]
    FileTooLarge { path: String, bytes: u64 },
    /// Over [`MOST_FILES`], [`MOST_BYTES`], or too deep.
    #[error("the seed volume holds too much at {path}: at most {MOST_FILES} files, {MOST_BYTES} bytes in all")]
    TooMuch { path: String },
    /// The list of block devices.
    #[error("listing block devices to find the seed volume")]
    List(#[source] io::Error),
}

/// Where a seed lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSeed {
    /// The device.
    pub device: BlockDevice,
    /// The volume on it.
    pub extent: Extent,
}

/// Finds the seed: the partition of that name or label on `medium` (the device that the system was booted from, as
/// `/dev/sr0`), else any device whose FAT volume label is that, in the order of names. One without files counts only when
/// there is no other: each image brings an empty one along, which must not hide a disk that an owner filled.
///
/// # Errors
/// Only when devices cannot be listed; a device that cannot be read holds no seed.
pub fn find_seed(devices: &dyn Devices, medium: Option<&str>) -> Result<Option<FoundSeed>, SeedError> {
    let list = devices.list().map_err(SeedError::List)?;
    let booted = medium.and_then(|m| list.iter().find(|d| d.path == Path::new(m)));
    let on_medium = booted.and_then(|device| {
        let extent = seed_partition(&devices.open(device).ok()?)?;
        Some((device, extent))
    });
    let labelled = list.iter().filter(|d| d.size > 0).filter_map(|device| {
        let extent = Extent {
            offset: 0,
            length: device.size,
        };
        has_label(&devices.open(device).ok()?, extent).then_some((device, extent))
    });
    let mut empty = None;
    for (device, extent) in on_medium.into_iter().chain(labelled) {
        let device = device.clone();
        let found = FoundSeed { device, extent };
        // One that cannot be read is not empty: what is wrong with it shall be told.
        if !read_found_seed(devices, &found).is_ok_and(|files| files.is_empty()) {
            return Ok(Some(found));
        }
        empty.get_or_insert(found);
    }
    Ok(empty)
}

/// Reads the files of what [`find_seed`] found.
///
/// # Errors
/// As [`read_seed`].
pub fn read_found_seed(devices: &dyn Devices, seed: &FoundSeed) -> Result<SeedFiles, SeedError> {
    let failed = |source| SeedError::Open {
        device: seed.device.path.display().to_string(),
        source,
    };
    read_seed(&devices.open(&seed.device).map_err(failed)?, seed.extent)
}

/// Reads the seed partition (by name or label) of a whole medium, such as an ISO file; `None` when it has none.
///
/// # Errors
/// As [`read_seed`].
pub fn read_seed_partition(medium: &dyn ReadAt) -> Result<Option<SeedFiles>, SeedError> {
    seed_partition(&medium)
        .map(|extent| read_seed(medium, extent))
        .transpose()
}

/// Reads all files of the FAT volume at `extent`.
///
/// # Errors
/// Not FAT, damaged, or over the limits; the error names the file.
pub fn read_seed(medium: &dyn ReadAt, extent: Extent) -> Result<SeedFiles, SeedError> {
    let window = Window::new(medium, extent);
    let volume = fat::read_volume(&window).map_err(SeedError::Volume)?;
    let root = volume.root(&window).map_err(SeedError::Volume)?;
    let mut walk = Walk {
        window,
        volume,
        files: SeedFiles::new(),
        bytes: 0,
        directories: 0,
    };
    walk.visit(root, "", 0)?;
    Ok(walk.files)
}

/// The partition of that name, else one whose file system has it as its label: not every tool that appends a partition
/// to an ISO image can name it.
fn seed_partition(medium: &dyn ReadAt) -> Option<Extent> {
    let partitions = gpt::read(medium).ok()?;
    let extent = |p: &gpt::Partition| Extent {
        offset: p.offset,
        length: p.length,
    };
    let named = partitions.iter().find(|p| p.name == LABEL).map(extent);
    named.or_else(|| partitions.iter().map(extent).find(|e| has_label(medium, *e)))
}

fn has_label(medium: &dyn ReadAt, extent: Extent) -> bool {
    let window = Window::new(medium, extent);
    fat::read_volume(&window)
        .and_then(|volume| volume.label(&window))
        .is_ok_and(|label| label == LABEL)
}

/// The files so far, and what they have used of the limits.
struct Walk<'a> {
    window: Window<&'a dyn ReadAt>,
    volume: fat::Volume,
    files: SeedFiles,
    bytes: u64,
    directories: usize,
}

impl Walk<'_> {
    fn visit(&mut self, entries: Vec<fat::Entry>, prefix: &str, depth: usize) -> Result<(), SeedError> {
        for entry in entries {
            let name = entry.name.to_lowercase();
            if name.starts_with('.') || name == "system volume information" {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.directory {
                self.visit_directory(&entry, path, depth + 1)?;
            } else {
                self.take_file(&entry, path)?;
            }
        }
        Ok(())
    }

    fn visit_directory(&mut self, entry: &fat::Entry, path: String, depth: usize) -> Result<(), SeedError> {
        self.directories += 1;
        if depth > MOST_DEPTH || self.directories > MOST_DIRECTORIES {
            return Err(SeedError::TooMuch { path });
        }
        match self.volume.list(&self.window, entry) {
            Ok(entries) => self.visit(entries, &format!("{path}/"), depth),
            Err(source) => Err(SeedError::Read { path, source }),
        }
    }

    fn take_file(&mut self, entry: &fat::Entry, path: String) -> Result<(), SeedError> {
        let bytes = entry.size;
        if bytes > MOST_FILE_BYTES {
            return Err(SeedError::FileTooLarge { path, bytes });
        }
        self.bytes += bytes;
        if self.files.len() == MOST_FILES || self.bytes > MOST_BYTES {
            return Err(SeedError::TooMuch { path });
        }
        match self.volume.read_file(&self.window, entry) {
            Ok(content) => drop(self.files.insert(path, content)),
            Err(source) => return Err(SeedError::Read { path, source }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
