//! The GUID partition table (UEFI specification, chapter 5.3), for sectors of 512 and 4096 bytes.
//!
//! Only the primary table is read: a medium whose primary table is damaged is not one that Corbel boots from.

use std::fmt;
use std::io;

use crate::ReadAt;
use crate::bytes::{le32, le64};

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
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Guid(pub [u8; 16]);

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = &self.0;
        write!(f, "{:02x}{:02x}{:02x}{:02x}-", b[3], b[2], b[1], b[0])?;
        write!(f, "{:02x}{:02x}-{:02x}{:02x}-", b[5], b[4], b[7], b[6])?;
        write!(f, "{:02x}{:02x}-", b[8], b[9])?;
        b[10..].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
    /// First byte on the medium.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// Reads the primary table: with 512-byte sectors, or else with 4096-byte ones.
///
/// # Errors
/// [`GptError::NotGpt`] when neither place holds a header, else what is damaged or could not be read.
pub fn read(src: &(impl ReadAt + ?Sized)) -> Result<Vec<Partition>, GptError> {
    match read_with_sectors(src, 512) {
        Err(GptError::NotGpt) => read_with_sectors(src, 4096),
        other => other,
    }
}

fn read_with_sectors(src: &(impl ReadAt + ?Sized), sector: u64) -> Result<Vec<Partition>, GptError> {
    let damaged = |what| GptError::Damaged { what };
    let mut header = vec![0u8; sector as usize];
    match src.read_at(sector, &mut header) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(GptError::NotGpt),
        Err(source) => return Err(GptError::Io { offset: sector, source }),
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
    if le64(&header, 24) != 1 {
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
    used.map(|(entry, number)| parse_entry(entry, number, sector).ok_or_else(|| damaged("partition extent")))
        .collect()
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
    let mut kind = [0; 16];
    kind.copy_from_slice(&entry[..16]);
    Some(Partition {
        number,
        name,
        kind: Guid(kind),
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table with one partition, `CORBEL-SEED`, of 4 sectors from sector 40.
    fn medium(sector: usize) -> Vec<u8> {
        let mut disk = vec![0u8; 48 * sector];
        let mut entries = vec![0u8; 128 * 128];
        entries[..16].copy_from_slice(&[
            0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7,
        ]);
        entries[32..40].copy_from_slice(&40u64.to_le_bytes());
        entries[40..48].copy_from_slice(&43u64.to_le_bytes());
        for (i, unit) in "CORBEL-SEED".encode_utf16().enumerate() {
            entries[56 + 2 * i..58 + 2 * i].copy_from_slice(&unit.to_le_bytes());
        }
        let mut header = vec![0u8; 92];
        header[..8].copy_from_slice(b"EFI PART");
        header[12..16].copy_from_slice(&92u32.to_le_bytes());
        header[24..32].copy_from_slice(&1u64.to_le_bytes());
        header[72..80].copy_from_slice(&2u64.to_le_bytes());
        header[80..84].copy_from_slice(&128u32.to_le_bytes());
        header[84..88].copy_from_slice(&128u32.to_le_bytes());
        header[88..92].copy_from_slice(&crc32(&entries).to_le_bytes());
        let crc = crc32(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        disk[sector..sector + 92].copy_from_slice(&header);
        disk[2 * sector..2 * sector + entries.len()].copy_from_slice(&entries);
        disk
    }

    #[test]
    fn the_checksum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn both_sector_sizes_are_read() {
        for sector in [512usize, 4096] {
            let found = read(&medium(sector)).unwrap();
            assert_eq!(found.len(), 1);
            let seed = &found[0];
            assert_eq!((seed.number, seed.name.as_str()), (1, "CORBEL-SEED"));
            assert_eq!((seed.offset, seed.length), (40 * sector as u64, 4 * sector as u64));
            assert_eq!(seed.kind.to_string(), "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
        }
    }

    #[test]
    fn a_flipped_byte_is_noticed() {
        let mut disk = medium(512);
        disk[1024 + 57] ^= 1;
        assert_eq!(
            read(&disk).unwrap_err().to_string(),
            "the GUID partition table is damaged: its entry checksum is wrong"
        );
        let mut disk = medium(512);
        disk[512 + 40] ^= 1;
        assert!(matches!(
            read(&disk),
            Err(GptError::Damaged {
                what: "header checksum"
            })
        ));
        assert!(matches!(read(&vec![0u8; 9000]), Err(GptError::NotGpt)));
    }

    proptest! {
        #[test]
        fn arbitrary_entries_never_panic(entry in prop::collection::vec(any::<u8>(), 128)) {
            let _ = parse_entry(&entry, 1, 4096);
        }

        #[test]
        fn arbitrary_headers_never_panic(mut header in prop::collection::vec(any::<u8>(), 92), rest in any::<u8>()) {
            // The right signature, size and checksum, so that the fields behind them are reached.
            header[..8].copy_from_slice(b"EFI PART");
            header[12..16].copy_from_slice(&92u32.to_le_bytes());
            header[24..32].copy_from_slice(&1u64.to_le_bytes());
            header[16..20].fill(0);
            let crc = crc32(&header);
            header[16..20].copy_from_slice(&crc.to_le_bytes());
            let mut disk = vec![rest; 8192];
            disk[512..604].copy_from_slice(&header);
            let _ = read(&disk);
        }
    }
}
