//! The GUID partition table (UEFI specification, chapter 5.3), for sectors of 512 and 4096 bytes.
//!
//! [`read`] looks at the primary table only: a medium whose primary table is damaged is not one that Corbel boots from.
//! [`read_backup`] looks at the copy behind the last partition, and [`Table`] writes both.

mod write;

use std::fmt;
use std::io;

use crate::ReadAt;
use crate::bytes::{le32, le64};

pub(crate) use write::usable;
pub use write::{NewPartition, Table, TableError};

/// The specification asks for 128 entries; a few tools write more. This bounds what a header can make us read.
const MOST_ENTRIES: u32 = 1024;

/// Why a medium has no usable partition table.
#[derive(Debug, thiserror::Error)]
pub enum GptError {
    /// No signature at either sector size.
    #[error("no GUID partition table")]
    NotGpt,
    /// A checksum or a field is wrong.
    #[error("the GUID partition table is damaged: its {what} is wrong")]
    Damaged { what: &'static str },
    /// The medium itself failed.
    #[error("reading the GUID partition table at byte {offset}")]
    Io { offset: u64, source: io::Error },
}

/// A GUID in the mixed-endian form in which the table stores it; shown as people write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// From the five groups as people write them, the last two as bytes.
    pub const fn new(first: u32, second: u16, third: u16, rest: [u8; 8]) -> Self {
        let ([a, b, c, d], [e, f], [g, h], r) = (first.to_le_bytes(), second.to_le_bytes(), third.to_le_bytes(), rest);
        Self([a, b, c, d, e, f, g, h, r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]])
    }
}

impl serde::Serialize for Guid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = &self.0;
        write!(f, "{:02x}{:02x}{:02x}{:02x}-", b[3], b[2], b[1], b[0])?;
        write!(f, "{:02x}{:02x}-{:02x}{:02x}-", b[5], b[4], b[7], b[6])?;
        write!(f, "{:02x}{:02x}-", b[8], b[9])?;
        b[10..].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is no GUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a GUID")]
pub struct NotGuid;

impl std::str::FromStr for Guid {
    type Err = NotGuid;

    /// As [`fmt::Display`] writes it; capitals are read too.
    fn from_str(text: &str) -> Result<Self, NotGuid> {
        let groups: Vec<&str> = text.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return Err(NotGuid);
        }
        let digits = groups.concat();
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotGuid);
        }
        let mut bytes = u128::from_str_radix(&digits, 16).map_err(|_| NotGuid)?.to_be_bytes();
        bytes[..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One used entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Number as the kernel counts (1 for the first entry).
    pub number: u32,
    /// Label, for example `CORBEL-SEED`.
    pub name: String,
    /// Partition type.
    pub kind: Guid,
    /// What tells this partition from every other one.
    pub id: Guid,
    /// First byte on the medium.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// What one copy of the table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Bytes of a sector: 512 or 4096.
    pub sector: u64,
    /// What tells this disk from every other one.
    pub disk: Guid,
    /// The used entries, in the order of their numbers.
    pub partitions: Vec<Partition>,
}

/// Reads the partitions of the primary table: with 512-byte sectors, or else with 4096-byte ones.
///
/// # Errors
/// [`GptError::NotGpt`] when neither place holds a header, else what is damaged or could not be read.
pub fn read(src: &(impl ReadAt + ?Sized)) -> Result<Vec<Partition>, GptError> {
    read_primary(src).map(|found| found.partitions)
}

/// Reads the whole primary table.
///
/// # Errors
/// As [`read`].
pub fn read_primary(src: &(impl ReadAt + ?Sized)) -> Result<Found, GptError> {
    match read_with_sectors(src, 512, 1) {
        Err(GptError::NotGpt) => read_with_sectors(src, 4096, 1),
        other => other,
    }
}

/// Reads the copy in the last sector of a disk of `disk_bytes`.
///
/// # Errors
/// As [`read`].
pub fn read_backup(src: &(impl ReadAt + ?Sized), disk_bytes: u64) -> Result<Found, GptError> {
    let with = |sector: u64| match (disk_bytes / sector).checked_sub(1) {
        Some(last) if last > 1 => read_with_sectors(src, sector, last),
        _ => Err(GptError::NotGpt),
    };
    match with(512) {
        Err(GptError::NotGpt) => with(4096),
        other => other,
    }
}

fn read_with_sectors(src: &(impl ReadAt + ?Sized), sector: u64, own: u64) -> Result<Found, GptError> {
    let damaged = |what| GptError::Damaged { what };
    let mut header = vec![0u8; sector as usize];
    let at = own.checked_mul(sector).ok_or_else(|| damaged("own sector number"))?;
    match src.read_at(at, &mut header) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(GptError::NotGpt),
        Err(source) => return Err(GptError::Io { offset: at, source }),
        Ok(()) => {}
    }
    if &header[..8] != b"EFI PART" {
        return Err(GptError::NotGpt);
    }
    let header_size = le32(&header, 12) as usize;
    if !(92..=header.len()).contains(&header_size) {
        return Err(damaged("header size"));
    }
    let stored = le32(&header, 16);
    header[16..20].fill(0);
    if crc32(&header[..header_size]) != stored {
        return Err(damaged("header checksum"));
    }
    if le64(&header, 24) != own {
        return Err(damaged("own sector number"));
    }
    let (count, size) = (le32(&header, 80), le32(&header, 84));
    if count > MOST_ENTRIES || !(128..=4096).contains(&size) || !size.is_power_of_two() {
        return Err(damaged("number or size of entries"));
    }
    let offset = le64(&header, 72)
        .checked_mul(sector)
        .ok_or_else(|| damaged("entry array sector"))?;
    let mut entries = vec![0u8; count as usize * size as usize];
    src.read_at(offset, &mut entries)
        .map_err(|source| GptError::Io { offset, source })?;
    if crc32(&entries) != le32(&header, 88) {
        return Err(damaged("entry checksum"));
    }
    let used = entries
        .chunks_exact(size as usize)
        .zip(1u32..)
        .filter(|(e, _)| e[..16].iter().any(|b| *b != 0));
    let partitions = used
        .map(|(entry, number)| parse_entry(entry, number, sector).ok_or_else(|| damaged("partition extent")))
        .collect::<Result<_, _>>()?;
    Ok(Found {
        sector,
        disk: guid_at(&header, 56),
        partitions,
    })
}

fn guid_at(bytes: &[u8], at: usize) -> Guid {
    let mut guid = [0; 16];
    guid.copy_from_slice(&bytes[at..at + 16]);
    Guid(guid)
}

fn parse_entry(entry: &[u8], number: u32, sector: u64) -> Option<Partition> {
    let (first, last) = (le64(entry, 32), le64(entry, 40));
    let length = last.checked_sub(first)?.checked_add(1)?.checked_mul(sector)?;
    let offset = first.checked_mul(sector)?;
    offset.checked_add(length)?;
    let units = entry[56..128]
        .chunks_exact(2)
        .map(|c| u16::from_le_bytes([c[0], c[1]]))
        .take_while(|u| *u != 0);
    let name = char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    Some(Partition {
        number,
        name,
        kind: guid_at(entry, 0),
        id: guid_at(entry, 16),
        offset,
        length,
    })
}

/// CRC-32 of IEEE 802.3, which the specification names; a table would cost more than the few KiB it would speed up.
fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32, _| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0xedb8_8320
        } else {
            crc >> 1
        }
    };
    !data
        .iter()
        .fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests;
