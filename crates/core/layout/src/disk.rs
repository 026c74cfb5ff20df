//! The disk of an installed node: which partitions there are, how large, where, and how a disk of ours is recognised.
//!
//! ```text
//! boot disk:  corbel-esp · corbel-bios · corbel-root-a · corbel-root-b · corbel-config · corbel-log · [corbel-swap] · corbel-data
//! data disk:  corbel-data
//! ```
//!
//! The same on BIOS and UEFI, so that a disk moves between them. Partitions begin and end at whole MiB. The first 440 bytes of the
//! disk are left zero: they belong to GRUB's boot.img, which is written last of all.

mod data;
mod role;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Extent;
use crate::gpt::{self, Guid, NewPartition, Partition, Table, TableError};

pub use data::{DATA_PLACES, data_set, find_data, is_of_set, lay_out_data};
pub use role::{FileSystem, Role};

/// Partitions begin and end at multiples of this.
pub const ALIGNMENT: u64 = 1 << 20;
/// Volume label of the EFI partition's file system; FAT allows 11 characters.
pub const ESP_LABEL: &str = "CORBEL-ESP";
/// The smallest disk that a node boots from: 8 GB as the makers of disks count.
pub const LEAST_BOOT_DISK: u64 = 8_000_000_000;
/// The smallest data partition: below this there is no room for one guest.
pub const LEAST_DATA: u64 = 1 << 30;

const MIB: u64 = 1 << 20;

/// How much the data partition gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSize {
    /// What the others leave.
    #[default]
    Rest,
    /// So many bytes.
    Bytes(u64),
    /// No data partition: the node's data lies on another disk.
    None,
}

/// Bytes of each partition; rounded up to whole MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Sizes {
    pub esp: u64,
    pub bios: u64,
    /// Of each of the two slots.
    pub root: u64,
    pub config: u64,
    pub log: u64,
    /// 0 for none.
    pub swap: u64,
    pub data: DataSize,
}

impl Default for Sizes {
    /// What a disk of 8 GB carries and what leaves several times the room that the image needs today.
    fn default() -> Self {
        Self {
            esp: 512 * MIB,
            bios: MIB,
            root: 1024 * MIB,
            config: 128 * MIB,
            log: 1024 * MIB,
            swap: 0,
            data: DataSize::Rest,
        }
    }
}

impl Sizes {
    /// The fixed size of a role; `None` for data and for swap that is not wanted.
    fn fixed(&self, role: Role) -> Option<u64> {
        let bytes = match role {
            Role::Esp => self.esp,
            Role::Bios => self.bios,
            Role::RootA | Role::RootB => self.root,
            Role::Config => self.config,
            Role::Log => self.log,
            Role::Swap => self.swap,
            Role::Data => 0,
        };
        (bytes > 0).then(|| bytes.next_multiple_of(ALIGNMENT))
    }

    /// What the system needs besides the data partition, in bytes, with the room in front of the first partition.
    pub fn system_bytes(&self) -> u64 {
        let fixed = Role::ALL.iter().filter_map(|role| self.fixed(*role));
        fixed.fold(ALIGNMENT, u64::saturating_add)
    }
}

/// Where the identifiers of a table come from: all are derived from one random value, which the caller provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guids([u8; 32]);

impl Guids {
    /// From 32 random bytes.
    pub const fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// The identifier for `what`: always the same for the same seed (RFC 9562, version 8).
    pub fn of(&self, what: &str) -> Guid {
        let digest = Sha256::new().chain_update(self.0).chain_update(what).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        // In the table's mixed order the version is in byte 7.
        bytes[7] = bytes[7] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Guid(bytes)
    }
}

/// One partition of a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaidOut {
    pub role: Role,
    /// As the kernel counts.
    pub number: u32,
    #[serde(flatten)]
    pub extent: Extent,
    pub id: Guid,
    /// It is there already and keeps its content.
    pub kept: bool,
}

/// What a disk will look like. Its table is whole and its partitions do not overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskLayout {
    pub disk_bytes: u64,
    /// 512 or 4096.
    pub sector: u64,
    pub disk: Guid,
    pub partitions: Vec<LaidOut>,
    #[serde(skip)]
    table: Table,
}

/// Why a disk cannot be laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// The partitions do not fit.
    #[error("the partitions need {needed} bytes and the disk has room for {available}")]
    TooSmall { needed: u64, available: u64 },
    /// A partition that shall be kept lies where the system must go.
    #[error("the partition that is kept begins at byte {offset}, and the system in front of it needs {needed}")]
    Kept { offset: u64, needed: u64 },
    /// The table itself.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl DiskLayout {
    /// The partition of that role.
    pub fn partition(&self, role: Role) -> Option<&LaidOut> {
        self.partitions.iter().find(|partition| partition.role == role)
    }

    /// The table in front as (offset, bytes): protective MBR without boot code, header, entries.
    pub fn primary(&self) -> (u64, Vec<u8>) {
        self.table.primary()
    }

    /// The copy of the table at the end as (offset, bytes).
    pub fn backup(&self) -> (u64, Vec<u8>) {
        self.table.backup()
    }

    /// The same disk with nothing but the data partition in its table, at its place and under its number: the state between two
    /// systems, in which the data is found and nothing boots. `None` when there is no data partition.
    pub fn only_data(&self) -> Option<Self> {
        let data = self.partition(Role::Data)?.clone();
        let data = LaidOut { kept: true, ..data };
        Self::of(self.disk_bytes, self.sector, self.disk, vec![data]).ok()
    }

    fn of(disk_bytes: u64, sector: u64, disk: Guid, partitions: Vec<LaidOut>) -> Result<Self, LayoutError> {
        let entries = partitions.iter().map(|partition| NewPartition {
            number: partition.number,
            name: partition.role.name().to_owned(),
            kind: partition.role.kind(),
            id: partition.id,
            extent: partition.extent,
            automatic: false,
        });
        let table = Table::new(disk_bytes, sector, disk, entries.collect())?;
        Ok(Self {
            disk_bytes,
            sector,
            disk,
            partitions,
            table,
        })
    }
}

/// Lays out a boot disk of `disk_bytes` with sectors of `sector` bytes.
///
/// # Errors
/// The partitions do not fit, or the sector size is another one.
pub fn lay_out(disk_bytes: u64, sector: u64, sizes: &Sizes, guids: &Guids) -> Result<DiskLayout, LayoutError> {
    boot_disk(disk_bytes, sector, sizes, guids, None)
}

/// Lays out a boot disk around a data partition that stays where it is; `sizes.data` does not count.
///
/// # Errors
/// The system does not fit in front of it.
pub fn lay_out_keeping(
    disk_bytes: u64,
    sector: u64,
    sizes: &Sizes,
    guids: &Guids,
    data: &Partition,
) -> Result<DiskLayout, LayoutError> {
    boot_disk(disk_bytes, sector, sizes, guids, Some(data))
}

/// The layout of a disk as it is, from its partitions: for what wipes or keeps parts of it.
///
/// # Errors
/// As [`lay_out`], when the partitions are not ones that could have been written.
pub fn as_found(disk_bytes: u64, found: &gpt::Found) -> Result<DiskLayout, LayoutError> {
    let ours = found.partitions.iter().filter_map(|partition| {
        Some(LaidOut {
            role: Role::from_name(&partition.name)?,
            number: partition.number,
            extent: Extent {
                offset: partition.offset,
                length: partition.length,
            },
            id: partition.id,
            kept: true,
        })
    });
    DiskLayout::of(disk_bytes, found.sector, found.disk, ours.collect())
}

fn boot_disk(
    disk_bytes: u64,
    sector: u64,
    sizes: &Sizes,
    guids: &Guids,
    kept: Option<&Partition>,
) -> Result<DiskLayout, LayoutError> {
    let (_, end) = gpt::usable(disk_bytes, sector)?;
    let end = end / ALIGNMENT * ALIGNMENT;
    let mut at = ALIGNMENT;
    let mut partitions: Vec<LaidOut> = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Data) {
        let Some(length) = sizes.fixed(role) else { continue };
        partitions.push(LaidOut {
            role,
            number: partitions.len() as u32 + 1,
            extent: Extent { offset: at, length },
            id: guids.of(role.name()),
            kept: false,
        });
        at = at.saturating_add(length);
    }
    let number = partitions.len() as u32 + 1;
    if let Some(data) = kept {
        let offset = data.offset;
        if at > offset {
            return Err(LayoutError::Kept { offset, needed: at });
        }
        partitions.push(LaidOut {
            role: Role::Data,
            number,
            extent: Extent {
                offset,
                length: data.length,
            },
            id: data.id,
            kept: true,
        });
        return DiskLayout::of(disk_bytes, sector, guids.of("disk"), partitions);
    }
    let data = match sizes.data {
        DataSize::None => 0,
        DataSize::Rest => end.saturating_sub(at).max(LEAST_DATA),
        DataSize::Bytes(bytes) => bytes.max(1).checked_next_multiple_of(ALIGNMENT).unwrap_or(u64::MAX),
    };
    let needed = at.saturating_add(data);
    if needed > end {
        return Err(LayoutError::TooSmall { needed, available: end });
    }
    if data > 0 {
        partitions.push(LaidOut {
            role: Role::Data,
            number,
            extent: Extent {
                offset: at,
                length: data,
            },
            id: guids.of(Role::Data.name()),
            kept: false,
        });
    }
    DiskLayout::of(disk_bytes, sector, guids.of("disk"), partitions)
}

/// The partitions of a boot disk of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLayout {
    pub esp: Partition,
    /// Absent only where somebody removed it.
    pub bios: Option<Partition>,
    pub root_a: Partition,
    pub root_b: Partition,
    pub config: Partition,
    pub log: Option<Partition>,
    pub swap: Option<Partition>,
    pub data: Option<Partition>,
}

/// Recognises a boot disk of ours by the names in its table: EFI partition, both slots and the configuration, each once.
pub fn find_layout(partitions: &[Partition]) -> Option<FoundLayout> {
    let one = |role: Role| {
        let mut named = partitions.iter().filter(|partition| partition.name == role.name());
        named.next().filter(|_| named.next().is_none()).cloned()
    };
    Some(FoundLayout {
        esp: one(Role::Esp)?,
        bios: one(Role::Bios),
        root_a: one(Role::RootA)?,
        root_b: one(Role::RootB)?,
        config: one(Role::Config)?,
        log: one(Role::Log),
        swap: one(Role::Swap),
        data: one(Role::Data),
    })
}

#[cfg(test)]
mod tests;
