//! The seed: a small FAT volume labelled `CORBEL-SEED` that an owner fills with answers, keys and kernel words.
//!
//! It is read without a mount, on the node and by the image inspector alike. FAT knows no case, so paths are given in
//! lower case; what desktop systems leave behind (names with a leading dot, `System Volume Information`) is passed over.
//! Limits keep a broken or hostile volume from filling the memory of a machine that is just booting.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

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
/// Most reads of the volume. 8 MiB in clusters of 512 bytes take about 50,000; a chain that runs in a circle ends here.
const MOST_READS: u32 = 200_000;

/// Files by path, in lower case, with `/` between directories: `corbel.toml`, `clients/alice.pem`.
pub type SeedFiles = BTreeMap<String, Vec<u8>>;

/// Why the seed could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// No FAT file system there, or one that is damaged beyond reading.
    #[error("the seed volume has no readable FAT file system")]
    NotFat(#[source] io::Error),
    /// One entry could not be read.
    #[error("reading {path} of the seed volume")]
    Read { path: String, source: io::Error },
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

/// Finds the seed: the partition of that name on `medium` (the device that the system was booted from, as
/// `/dev/sr0`), else any device whose FAT volume label is that, in the order of names.
///
/// # Errors
/// Only when devices cannot be listed; a device that cannot be read holds no seed.
pub fn find_seed(devices: &dyn Devices, medium: Option<&str>) -> Result<Option<FoundSeed>, SeedError> {
    let list = devices.list().map_err(SeedError::List)?;
    let booted = medium.and_then(|m| list.iter().find(|d| d.path == Path::new(m)));
    if let Some(device) = booted
        && let Some(extent) = devices.open(device).ok().and_then(|bytes| seed_partition(&bytes))
    {
        return Ok(Some(FoundSeed {
            device: device.clone(),
            extent,
        }));
    }
    for device in list.into_iter().filter(|d| d.size > 0) {
        let extent = Extent {
            offset: 0,
            length: device.size,
        };
        if devices.open(&device).is_ok_and(|bytes| has_label(&bytes, extent)) {
            return Ok(Some(FoundSeed { device, extent }));
        }
    }
    Ok(None)
}

/// Reads the files of what [`find_seed`] found.
///
/// # Errors
/// As [`read_seed`].
pub fn read_found_seed(devices: &dyn Devices, seed: &FoundSeed) -> Result<SeedFiles, SeedError> {
    let bytes = devices.open(&seed.device).map_err(SeedError::NotFat)?;
    read_seed(&bytes, seed.extent)
}

/// Reads the seed partition of a whole medium, such as an ISO file; `None` when it has no such partition.
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
    let volume = open_fat(medium, extent).map_err(SeedError::NotFat)?;
    let mut files = SeedFiles::new();
    read_directory(&volume.root_dir(), "", 0, &mut files)?;
    Ok(files)
}

fn seed_partition(medium: &impl ReadAt) -> Option<Extent> {
    let seed = gpt::read(medium).ok()?.into_iter().find(|p| p.name == LABEL)?;
    Some(Extent {
        offset: seed.offset,
        length: seed.length,
    })
}

fn has_label(medium: &dyn ReadAt, extent: Extent) -> bool {
    let Ok(volume) = open_fat(medium, extent) else {
        return false;
    };
    // The entry in the root directory is the one that tools change; the boot sector's copy is often `NO NAME`.
    let label = volume
        .read_volume_label_from_root_dir()
        .ok()
        .flatten()
        .unwrap_or_else(|| volume.volume_label());
    label.trim_end() == LABEL
}

type Volume<'a> = fatfs::FileSystem<FatMedium<'a>>;
type Directory<'v, 'a> = fatfs::Dir<'v, FatMedium<'a>>;

fn open_fat(medium: &dyn ReadAt, extent: Extent) -> io::Result<Volume<'_>> {
    let mut boot_sector = [0; 512];
    let window = Window::new(medium, extent);
    window.read_at(0, &mut boot_sector)?;
    check_boot_sector(&boot_sector).ok_or_else(|| io::Error::other("the FAT boot sector contradicts itself"))?;
    fatfs::FileSystem::new(
        FatMedium {
            window,
            position: 0,
            reads: Cell::new(0),
        },
        fatfs::FsOptions::new(),
    )
}

/// Sums of the boot sector that fatfs computes without checking them (Microsoft's FAT specification 1.03).
fn check_boot_sector(sector: &[u8; 512]) -> Option<()> {
    let le16 = |at: usize| u64::from(u16::from_le_bytes([sector[at], sector[at + 1]]));
    let le32 = |at: usize| le16(at) | le16(at + 2) << 16;
    let or = |short: u64, long: u64| if short == 0 { long } else { short };
    let bytes_per_sector = le16(11);
    let total = or(le16(19), le32(32));
    let fat_sectors = u64::from(sector[16]) * or(le16(22), le32(36));
    let root_sectors = (le16(17) * 32).div_ceil(bytes_per_sector.max(1));
    let before_data = le16(14) + fat_sectors + root_sectors;
    let usable = (512..=4096).contains(&bytes_per_sector) && sector[13].is_power_of_two() && sector[16] > 0;
    // Two clusters of entries exist in every table, and the entries of all clusters must fit into one.
    let clusters = total.checked_sub(before_data)? / u64::from(sector[13]).max(1);
    let entries = or(le16(22), le32(36)) * bytes_per_sector * 8 / 12;
    (usable && total <= u64::from(u32::MAX) && clusters + 2 <= entries).then_some(())
}

fn read_directory(
    directory: &Directory<'_, '_>,
    prefix: &str,
    depth: usize,
    files: &mut SeedFiles,
) -> Result<(), SeedError> {
    for entry in directory.iter() {
        let here = || {
            if prefix.is_empty() {
                "/".to_owned()
            } else {
                prefix.to_owned()
            }
        };
        let entry = entry.map_err(|source| SeedError::Read { path: here(), source })?;
        let name = entry.file_name().to_lowercase();
        // FAT itself has `.` and `..`.
        if name.starts_with('.') || name == "system volume information" {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.is_dir() {
            if depth == MOST_DEPTH {
                return Err(SeedError::TooMuch { path });
            }
            read_directory(&entry.to_dir(), &format!("{path}/"), depth + 1, files)?;
            continue;
        }
        let bytes = entry.len();
        if bytes > MOST_FILE_BYTES {
            return Err(SeedError::FileTooLarge { path, bytes });
        }
        let so_far: u64 = files.values().map(|f| f.len() as u64).sum();
        if files.len() == MOST_FILES || so_far + bytes > MOST_BYTES {
            return Err(SeedError::TooMuch { path });
        }
        let mut content = Vec::new();
        let read = entry.to_file().take(bytes).read_to_end(&mut content);
        match read {
            Ok(n) if n as u64 == bytes => files.insert(path, content),
            Ok(_) => {
                return Err(SeedError::Read {
                    path,
                    source: io::ErrorKind::UnexpectedEof.into(),
                });
            }
            Err(source) => return Err(SeedError::Read { path, source }),
        };
    }
    Ok(())
}

/// The volume as fatfs wants it: a stream that can seek. Writing is refused.
struct FatMedium<'a> {
    window: Window<&'a dyn ReadAt>,
    position: u64,
    reads: Cell<u32>,
}

impl Read for FatMedium<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() > MOST_READS {
            return Err(io::Error::other("the FAT file system is damaged: it runs in a circle"));
        }
        let left = self.window.length().saturating_sub(self.position);
        let length = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.window.read_at(self.position, &mut buf[..length])?;
        self.position += length as u64;
        Ok(length)
    }
}

impl Write for FatMedium<'_> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for FatMedium<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.position, by),
            SeekFrom::End(by) => (self.window.length(), by),
        };
        self.position = base.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
