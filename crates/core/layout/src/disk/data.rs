//! Disks that carry nothing but data: how they are laid out, and how they say to which node they belong.
//!
//! The first bytes of such a disk's identifier are made from the [`data_set`] of its node. A removal that takes VM storage along takes the
//! disks of that set, and not those of another node that happen to be plugged in.

use sha2::{Digest, Sha256};

use super::{ALIGNMENT, DiskLayout, Guids, LEAST_DATA, LaidOut, LayoutError, Role};
use crate::Extent;
use crate::gpt::{self, Guid, Partition};

/// How many data partitions a node can have: the image has a folder to mount each at, because nobody can make one on a root that is
/// read-only.
pub const DATA_PLACES: u32 = 32;

/// What ties the data disks of a node to its boot disk: the identifier of the data partition there, which a new installation keeps, or
/// of the disk where it has none.
pub fn data_set(boot: Guid, data: Option<Guid>) -> Guid {
    data.unwrap_or(boot)
}

/// Whether a data disk of that identifier was laid out for `set`.
pub fn is_of_set(set: Guid, disk: Guid) -> bool {
    disk.0[..MARK] == mark(set)
}

/// How many bytes of a data disk's identifier say whose it is. The others tell it from the next one, and the version is among them.
const MARK: usize = 7;

fn mark(set: Guid) -> [u8; MARK] {
    let digest = Sha256::new()
        .chain_update("corbel data set")
        .chain_update(set.0)
        .finalize();
    let mut mark = [0; MARK];
    mark.copy_from_slice(&digest[..MARK]);
    mark
}

/// Lays out a disk that carries nothing but data, for the node that [`data_set`] tells.
///
/// # Errors
/// The disk is too small for it.
pub fn lay_out_data(disk_bytes: u64, sector: u64, guids: &Guids, set: Guid) -> Result<DiskLayout, LayoutError> {
    let (_, end) = gpt::usable(disk_bytes, sector)?;
    let room = (end / ALIGNMENT * ALIGNMENT).saturating_sub(ALIGNMENT);
    if room < LEAST_DATA {
        return Err(LayoutError::TooSmall {
            needed: LEAST_DATA,
            available: room,
        });
    }
    let data = LaidOut {
        role: Role::Data,
        number: 1,
        extent: Extent {
            offset: ALIGNMENT,
            length: room,
        },
        id: guids.of(Role::Data.name()),
        kept: false,
    };
    let mut disk = guids.of("disk");
    disk.0[..MARK].copy_from_slice(&mark(set));
    DiskLayout::of(disk_bytes, sector, disk, vec![data])
}

/// The data partition of a disk that carries no system: a data disk, or one whose system was removed.
pub fn find_data(partitions: &[Partition]) -> Option<&Partition> {
    let mut data = partitions
        .iter()
        .filter(|partition| partition.name == Role::Data.name());
    data.next().filter(|_| data.next().is_none())
}
