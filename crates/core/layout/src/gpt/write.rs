//! Both copies of a partition table as bytes, with the protective MBR in front (UEFI specification, 5.2.3 and 5.3).
//!
//! Nothing is written here: whoever does decides the order, and a power cut between the copies leaves one that is whole.

use super::{Guid, crc32};
use crate::Extent;

/// Entries in a table, and bytes of one: the least that the specification allows and what every tool writes.
const ENTRIES: usize = 128;
const ENTRY: usize = 128;
const HEADER: usize = 92;
/// A name has 36 units of UTF-16.
const NAME_UNITS: usize = 36;
/// Do not mount on your own (Discoverable Partitions Specification): what Corbel mounts is said by Corbel.
const NO_AUTO: u64 = 1 << 63;

/// Why a table cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Neither 512 nor 4096 bytes.
    #[error("a sector of {sector} bytes is not supported: only 512 and 4096 are")]
    Sector { sector: u64 },
    /// A partition that is empty, not at a sector, or outside the room for partitions.
    #[error("partition {name:?} does not lie within the disk at sector boundaries")]
    Extent { name: String },
    /// Two that share bytes.
    #[error("partitions {first:?} and {second:?} overlap")]
    Overlap { first: String, second: String },
    /// More than 128, a number twice, or one that is not 1 to 128.
    #[error("partition number {number} is used twice or is not 1 to 128")]
    Number { number: u32 },
    /// More than 36 units of UTF-16.
    #[error("partition name {name:?} is longer than 36 characters")]
    Name { name: String },
}

/// One partition to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPartition {
    /// From 1, as the kernel counts.
    pub number: u32,
    pub name: String,
    pub kind: Guid,
    pub id: Guid,
    /// In bytes, at sector boundaries.
    pub extent: Extent,
    /// Whether systemd may mount or use it by its type alone.
    pub automatic: bool,
}

/// A checked table: its bytes can be had and will be read back as the same partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    sector: u64,
    sectors: u64,
    disk: Guid,
    partitions: Vec<NewPartition>,
}

impl Table {
    /// A table for a disk of `disk_bytes` with sectors of `sector` bytes.
    ///
    /// # Errors
    /// What does not fit.
    pub fn new(
        disk_bytes: u64,
        sector: u64,
        disk: Guid,
        mut partitions: Vec<NewPartition>,
    ) -> Result<Self, TableError> {
        let (first, end) = usable(disk_bytes, sector)?;
        partitions.sort_by_key(|partition| partition.number);
        for (index, partition) in partitions.iter().enumerate() {
            let number = partition.number;
            let twice = index > 0 && partitions[index - 1].number == number;
            if twice || !(1..=ENTRIES as u32).contains(&number) {
                return Err(TableError::Number { number });
            }
            let name = &partition.name;
            if name.encode_utf16().count() > NAME_UNITS {
                return Err(TableError::Name { name: name.clone() });
            }
            let Extent { offset, length } = partition.extent;
            let inside = offset >= first && offset.checked_add(length).is_some_and(|last| last <= end);
            if !inside || length == 0 || offset % sector != 0 || length % sector != 0 {
                return Err(TableError::Extent { name: name.clone() });
            }
        }
        let mut by_place: Vec<&NewPartition> = partitions.iter().collect();
        by_place.sort_by_key(|partition| partition.extent.offset);
        for pair in by_place.windows(2) {
            if pair[0].extent.offset + pair[0].extent.length > pair[1].extent.offset {
                return Err(TableError::Overlap {
                    first: pair[0].name.clone(),
                    second: pair[1].name.clone(),
                });
            }
        }
        Ok(Self {
            sector,
            sectors: disk_bytes / sector,
            disk,
            partitions,
        })
    }

    /// The partitions, by number.
    pub fn partitions(&self) -> &[NewPartition] {
        &self.partitions
    }

    /// The copy in front: (0, protective MBR without boot code, header, entries).
    pub fn primary(&self) -> (u64, Vec<u8>) {
        let sector = self.sector as usize;
        let mut bytes = vec![0; 2 * sector];
        // The type 0xEE covers the disk, as far as 32 bits count.
        bytes[446..462].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0]);
        let covered = u32::try_from(self.sectors - 1).unwrap_or(u32::MAX);
        bytes[458..462].copy_from_slice(&covered.to_le_bytes());
        bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
        bytes[sector..sector + HEADER].copy_from_slice(&self.header(1, self.sectors - 1, 2));
        bytes.extend(self.entries());
        (0, bytes)
    }

    /// The copy at the end: (offset, entries, header in the last sector of the disk).
    pub fn backup(&self) -> (u64, Vec<u8>) {
        let mut bytes = self.entries();
        let first = self.sectors - 1 - bytes.len() as u64 / self.sector;
        let header = self.header(self.sectors - 1, 1, first);
        bytes.extend(&header);
        bytes.resize(bytes.len() + self.sector as usize - HEADER, 0);
        (first * self.sector, bytes)
    }

    fn header(&self, own: u64, other: u64, entries: u64) -> [u8; HEADER] {
        let reserved = reserved(self.sector);
        let mut header = [0; HEADER];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"EFI PART");
        put(8, &[0, 0, 1, 0]);
        put(12, &(HEADER as u32).to_le_bytes());
        put(24, &own.to_le_bytes());
        put(32, &other.to_le_bytes());
        put(40, &(1 + reserved).to_le_bytes());
        put(48, &(self.sectors - 1 - reserved).to_le_bytes());
        put(56, &self.disk.0);
        put(72, &entries.to_le_bytes());
        put(80, &(ENTRIES as u32).to_le_bytes());
        put(84, &(ENTRY as u32).to_le_bytes());
        put(88, &crc32(&self.entries()).to_le_bytes());
        let crc = crc32(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        header
    }

    fn entries(&self) -> Vec<u8> {
        let mut bytes = vec![0; ENTRIES * ENTRY];
        for partition in &self.partitions {
            let entry = &mut bytes[(partition.number as usize - 1) * ENTRY..][..ENTRY];
            let (first, count) = (
                partition.extent.offset / self.sector,
                partition.extent.length / self.sector,
            );
            entry[..16].copy_from_slice(&partition.kind.0);
            entry[16..32].copy_from_slice(&partition.id.0);
            entry[32..40].copy_from_slice(&first.to_le_bytes());
            entry[40..48].copy_from_slice(&(first + count - 1).to_le_bytes());
            let attributes = if partition.automatic { 0 } else { NO_AUTO };
            entry[48..56].copy_from_slice(&attributes.to_le_bytes());
            for (unit, place) in partition.name.encode_utf16().zip(entry[56..].chunks_exact_mut(2)) {
                place.copy_from_slice(&unit.to_le_bytes());
            }
        }
        bytes
    }
}

/// Sectors that header and entries take, at each end of the disk.
fn reserved(sector: u64) -> u64 {
    1 + (ENTRIES * ENTRY) as u64 / sector
}

/// First byte that a partition may have, and the byte behind the last one.
pub(crate) fn usable(disk_bytes: u64, sector: u64) -> Result<(u64, u64), TableError> {
    if !matches!(sector, 512 | 4096) {
        return Err(TableError::Sector { sector });
    }
    let reserved = reserved(sector);
    let sectors = disk_bytes / sector;
    let end = sectors.checked_sub(reserved).filter(|end| *end > 1 + reserved);
    let end = end.ok_or_else(|| TableError::Extent {
        name: "(the table itself)".into(),
    })?;
    Ok(((1 + reserved) * sector, end * sector))
}
