//! Reading FAT12, FAT16 and FAT32 (Microsoft's FAT specification 1.03) with long names; there is no writing.
//!
//! Written for the seed volume, which anybody may have filled with anything: every number from the volume is checked
//! against the volume, and a chain that runs in a circle ends.

use std::io;

use crate::ReadAt;
use crate::bytes::{le16, le32, read_array};

/// 32768 entries; the specification allows twice that, a seed has a dozen.
const MOST_DIRECTORY_BYTES: u64 = 1 << 20;
const ENTRY: usize = 32;

const ATTRIBUTE_LABEL: u8 = 0x08;
const ATTRIBUTE_DIRECTORY: u8 = 0x10;
const ATTRIBUTES_LONG_NAME: u8 = 0x0f;

/// Why a volume could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// No boot sector of FAT.
    #[error("no FAT file system")]
    NotFat,
    /// A number that contradicts the rest.
    #[error("the FAT file system is damaged: {what}")]
    Damaged { what: String },
    /// The medium itself failed.
    #[error("reading the FAT file system at byte {offset}")]
    Io { offset: u64, source: io::Error },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Bits12,
    Bits16,
    Bits32,
}

/// The layout of a volume; all offsets in bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    width: Width,
    cluster_bytes: u64,
    clusters: u32,
    table: u64,
    fixed_root: u64,
    fixed_root_bytes: u64,
    root_cluster: u32,
    data: u64,
    boot_label: String,
}

/// A file or a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Long name where there is one, else the short one in the case in which it is shown.
    pub name: String,
    /// A directory.
    pub directory: bool,
    /// Bytes; 0 for directories.
    pub size: u64,
    first_cluster: u32,
}

/// Reads the boot sector.
///
/// # Errors
/// Not FAT, contradicting numbers, or a failing medium.
pub fn read_volume(src: &(impl ReadAt + ?Sized)) -> Result<Volume, FatError> {
    let sector: [u8; 512] = match read_array(src, 0) {
        Ok(sector) => sector,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(FatError::NotFat),
        Err(source) => return Err(FatError::Io { offset: 0, source }),
    };
    let sector_bytes = u64::from(le16(&sector, 11));
    let per_cluster = u64::from(sector[13]);
    let sizes_fit = matches!(sector_bytes, 512 | 1024 | 2048 | 4096) && per_cluster.is_power_of_two();
    if sector[510..] != [0x55, 0xaa] || !sizes_fit || sector[16] == 0 {
        return Err(FatError::NotFat);
    }
    let or_long = |short: u16, long: u32| if short == 0 { u64::from(long) } else { u64::from(short) };
    let table_sectors = or_long(le16(&sector, 22), le32(&sector, 36));
    let root_bytes = u64::from(le16(&sector, 17)) * ENTRY as u64;
    let reserved = u64::from(le16(&sector, 14));
    let root_sector = reserved + u64::from(sector[16]) * table_sectors;
    let data_sector = root_sector + root_bytes.div_ceil(sector_bytes);
    let total = or_long(le16(&sector, 19), le32(&sector, 32));
    let clusters = total
        .checked_sub(data_sector)
        .map(|sectors| sectors / per_cluster)
        .ok_or(FatError::NotFat)?;
    let (width, bits, label) = match clusters {
        0..4085 => (Width::Bits12, 12, 43),
        4085..65525 => (Width::Bits16, 16, 43),
        _ => (Width::Bits32, 32, 71),
    };
    if reserved == 0 || clusters >= 0x0fff_fff0 || (clusters + 2) * bits > table_sectors * sector_bytes * 8 {
        return Err(FatError::Damaged {
            what: format!("{clusters} clusters do not fit its table"),
        });
    }
    Ok(Volume {
        width,
        cluster_bytes: per_cluster * sector_bytes,
        clusters: clusters as u32,
        table: reserved * sector_bytes,
        fixed_root: root_sector * sector_bytes,
        fixed_root_bytes: root_bytes,
        root_cluster: if width == Width::Bits32 { le32(&sector, 44) } else { 0 },
        data: data_sector * sector_bytes,
        boot_label: plain_text(&sector[label..label + 11]),
    })
}

impl Volume {
    /// The label: the entry in the root directory, which is the one that tools change, else the boot sector's.
    ///
    /// # Errors
    /// As [`Volume::root`].
    pub fn label(&self, src: &(impl ReadAt + ?Sized)) -> Result<String, FatError> {
        let raw = self.raw_directory(src, self.root_cluster)?;
        let label = raw.chunks_exact(ENTRY).take_while(|e| e[0] != 0).find(|e| {
            let attributes = e[11];
            e[0] != 0xe5
                && attributes & ATTRIBUTE_LABEL != 0
                && attributes & ATTRIBUTES_LONG_NAME != ATTRIBUTES_LONG_NAME
        });
        Ok(label.map_or_else(|| self.boot_label.clone(), |e| plain_text(&e[..11])))
    }

    /// Entries of the root directory, without labels.
    ///
    /// # Errors
    /// A damaged chain, or a failing medium.
    pub fn root(&self, src: &(impl ReadAt + ?Sized)) -> Result<Vec<Entry>, FatError> {
        self.raw_directory(src, self.root_cluster)
            .map(|raw| parse_directory(&raw))
    }

    /// Entries of `directory`, without `.` and `..`.
    ///
    /// # Errors
    /// As [`Volume::root`].
    pub fn list(&self, src: &(impl ReadAt + ?Sized), directory: &Entry) -> Result<Vec<Entry>, FatError> {
        if directory.first_cluster == 0 {
            return Err(FatError::Damaged {
                what: format!("directory {} has no first cluster", directory.name),
            });
        }
        self.raw_directory(src, directory.first_cluster)
            .map(|raw| parse_directory(&raw))
    }

    /// The content of `file`. The caller has checked its size against what it is ready to hold.
    ///
    /// # Errors
    /// A chain that is shorter than the size says, or a failing medium.
    pub fn read_file(&self, src: &(impl ReadAt + ?Sized), file: &Entry) -> Result<Vec<u8>, FatError> {
        let mut content = Vec::new();
        let mut cluster = file.first_cluster;
        while (content.len() as u64) < file.size {
            let length = (file.size - content.len() as u64).min(self.cluster_bytes);
            self.append(src, self.cluster_offset(cluster)?, length, &mut content)?;
            if (content.len() as u64) < file.size {
                cluster = self.next(src, cluster)?.ok_or_else(|| FatError::Damaged {
                    what: format!("{} ends after {} of {} bytes", file.name, content.len(), file.size),
                })?;
            }
        }
        Ok(content)
    }

    fn raw_directory(&self, src: &(impl ReadAt + ?Sized), first: u32) -> Result<Vec<u8>, FatError> {
        let mut raw = Vec::new();
        if first == 0 {
            self.append(src, self.fixed_root, self.fixed_root_bytes, &mut raw)?;
            return Ok(raw);
        }
        let mut at = Some(first);
        while let Some(cluster) = at {
            self.append(src, self.cluster_offset(cluster)?, self.cluster_bytes, &mut raw)?;
            if raw.len() as u64 > MOST_DIRECTORY_BYTES {
                return Err(FatError::Damaged {
                    what: "a directory is endless".to_owned(),
                });
            }
            at = self.next(src, cluster)?;
        }
        Ok(raw)
    }

    fn append(&self, src: &(impl ReadAt + ?Sized), offset: u64, length: u64, to: &mut Vec<u8>) -> Result<(), FatError> {
        let start = to.len();
        // At most a cluster (512 KiB) or a fixed root directory (2 MiB), whatever the volume says.
        to.resize(start + length as usize, 0);
        src.read_at(offset, &mut to[start..])
            .map_err(|source| FatError::Io { offset, source })
    }

    fn cluster_offset(&self, cluster: u32) -> Result<u64, FatError> {
        match cluster.checked_sub(2) {
            Some(index) if index < self.clusters => Ok(self.data + u64::from(index) * self.cluster_bytes),
            _ => Err(FatError::Damaged {
                what: format!("cluster {cluster} is outside of the volume"),
            }),
        }
    }

    /// The cluster after this one, which the caller has used and so checked; `None` at the end of the chain.
    fn next(&self, src: &(impl ReadAt + ?Sized), cluster: u32) -> Result<Option<u32>, FatError> {
        let n = u64::from(cluster);
        let at = self.table
            + match self.width {
                Width::Bits12 => n + n / 2,
                Width::Bits16 => n * 2,
                Width::Bits32 => n * 4,
            };
        let io = |source| FatError::Io { offset: at, source };
        let (value, end) = match self.width {
            Width::Bits12 => {
                let pair = u16::from_le_bytes(read_array(src, at).map_err(io)?);
                (
                    u32::from(if cluster % 2 == 1 { pair >> 4 } else { pair & 0xfff }),
                    0xff8,
                )
            }
            Width::Bits16 => (u32::from(u16::from_le_bytes(read_array(src, at).map_err(io)?)), 0xfff8),
            // The upper four bits are reserved.
            Width::Bits32 => (
                u32::from_le_bytes(read_array(src, at).map_err(io)?) & 0x0fff_ffff,
                0x0fff_fff8,
            ),
        };
        Ok((value < end).then_some(value))
    }
}

fn parse_directory(raw: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut long = LongName::default();
    for entry in raw.chunks_exact(ENTRY).take_while(|e| e[0] != 0) {
        if entry[0] == 0xe5 {
            long = LongName::default();
        } else if entry[11] & 0x3f == ATTRIBUTES_LONG_NAME {
            long.add(entry);
        } else {
            let name = std::mem::take(&mut long)
                .finish(entry)
                .unwrap_or_else(|| short_name(entry));
            let directory = entry[11] & ATTRIBUTE_DIRECTORY != 0;
            if entry[11] & ATTRIBUTE_LABEL == 0 && entry[0] != b'.' {
                let first_cluster = u32::from(le16(entry, 20)) << 16 | u32::from(le16(entry, 26));
                let size = if directory { 0 } else { u64::from(le32(entry, 28)) };
                found.push(Entry {
                    name,
                    directory,
                    size,
                    first_cluster,
                });
            }
        }
    }
    found
}

/// The parts of a long name, which stand before the short entry, last part first.
#[derive(Default)]
struct LongName {
    units: Vec<u16>,
    next: u8,
    checksum: u8,
}

impl LongName {
    fn add(&mut self, entry: &[u8]) {
        let number = entry[0] & 0x3f;
        if entry[0] & 0x40 != 0 {
            *self = Self {
                units: Vec::new(),
                next: number,
                checksum: entry[13],
            };
        }
        // A part out of order or of another name makes the whole name unusable.
        if number == 0 || number != self.next || entry[13] != self.checksum {
            *self = Self::default();
            return;
        }
        let part = [&entry[1..11], &entry[14..26], &entry[28..32]].concat();
        let part = part.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        self.units.splice(0..0, part);
        self.next -= 1;
    }

    /// The name, when all its parts were there and belong to the short `entry`.
    fn finish(self, entry: &[u8]) -> Option<String> {
        let sum = entry[..11]
            .iter()
            .fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        let complete = !self.units.is_empty() && self.next == 0 && sum == self.checksum;
        let units = self.units.into_iter().take_while(|unit| *unit != 0);
        complete.then(|| {
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        })
    }
}

/// `NAME    EXT` with the flags by which Windows and mtools mark names that are wholly in lower case.
fn short_name(entry: &[u8]) -> String {
    let cased = |bytes: &[u8], flag: u8| {
        let text = plain_text(bytes);
        if entry[12] & flag != 0 {
            text.to_ascii_lowercase()
        } else {
            text
        }
    };
    let (base, extension) = (cased(&entry[..8], 0x08), cased(&entry[8..11], 0x10));
    if extension.is_empty() {
        base
    } else {
        format!("{base}.{extension}")
    }
}

/// Code pages are not known; what is not ASCII is replaced.
fn plain_text(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|b| {
            if b.is_ascii() {
                char::from(*b)
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect();
    text.trim_end_matches([' ', '\0']).to_owned()
}

#[cfg(test)]
mod tests;
