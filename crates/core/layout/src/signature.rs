//! What a disk or a partition carries, from a few of its bytes: members of volume groups and RAID sets, pools, encrypted volumes and
//! file systems. The installer asks before it erases, so what is looked for is what somebody may miss afterwards.
//!
//! Reads are few and bounded, whatever the bytes say. Offsets and magic numbers are those of the formats' own headers, each named
//! beside its constant.

mod lvm;
mod raid;

use std::fmt;
use std::io;

use serde::Serialize;

use crate::ReadAt;
use crate::bytes::{le16, le32, le64};

pub use lvm::LvmMember;

/// One thing that lies on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Signature {
    /// A physical volume of LVM2.
    Lvm(LvmMember),
    /// A member of a Linux software RAID set.
    Md {
        /// `0.90`, `1.0`, `1.1` or `1.2`.
        version: &'static str,
        /// Same for all members, 32 hex digits.
        set: String,
        name: Option<String>,
    },
    /// A member of a set that a RAID firmware made.
    FakeRaid {
        /// Whose: `isw` (Intel), `ddf`, `promise` and so on, with the names of dmraid.
        format: &'static str,
    },
    /// A device of a ZFS pool.
    Zfs {
        pool: Option<String>,
    },
    /// An object store of Ceph.
    CephBlueStore,
    /// An encrypted volume.
    Luks {
        version: u16,
    },
    /// A file system by the name that mount(8) uses, with its label.
    FileSystem {
        name: &'static str,
        label: Option<String>,
    },
    Swap,
}

impl Signature {
    /// Whether other disks or a storage system count on the device.
    pub fn is_member(&self) -> bool {
        matches!(
            self,
            Self::Lvm(_) | Self::Md { .. } | Self::FakeRaid { .. } | Self::Zfs { .. } | Self::CephBlueStore
        )
    }
}

impl fmt::Display for Signature {
    /// As it stands in "carries …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lvm(member) => member.fmt(f),
            Self::Md { name: Some(name), .. } => write!(f, "a member of the RAID set {name}"),
            Self::Md { set, .. } => write!(f, "a member of the RAID set {set}"),
            Self::FakeRaid { format } => write!(f, "metadata of a RAID firmware ({format})"),
            Self::Zfs { pool: Some(pool) } => write!(f, "a device of the ZFS pool {pool}"),
            Self::Zfs { pool: None } => f.write_str("a device of a ZFS pool"),
            Self::CephBlueStore => f.write_str("an object store of Ceph"),
            Self::Luks { version } => write!(f, "an encrypted volume (LUKS {version})"),
            Self::FileSystem {
                name,
                label: Some(label),
            } => write!(f, "a file system {name} named {label}"),
            Self::FileSystem { name, label: None } => write!(f, "a file system {name}"),
            Self::Swap => f.write_str("swap space"),
        }
    }
}

/// What lies on a device of `length` bytes; several where one was put over another.
///
/// # Errors
/// The device could not be read: a place within its length failed.
pub fn read(src: &(impl ReadAt + ?Sized), length: u64) -> io::Result<Vec<Signature>> {
    let device = Device { src, length };
    let mut found = Vec::new();
    found.extend(lvm::read(&device)?.map(Signature::Lvm));
    found.extend(raid::md(&device)?);
    found.extend(raid::firmware(&device)?);
    found.extend(zfs(&device)?);
    found.extend(front(&device)?);
    Ok(found)
}

/// A device with its length, so that a place behind its end is an absence and not an error.
struct Device<'a, T: ?Sized> {
    src: &'a T,
    length: u64,
}

impl<T: ReadAt + ?Sized> Device<'_, T> {
    /// `count` bytes at `offset`; `None` when they do not all lie on the device.
    fn bytes(&self, offset: u64, count: usize) -> io::Result<Option<Vec<u8>>> {
        if offset.checked_add(count as u64).is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        let mut bytes = vec![0; count];
        self.src.read_at(offset, &mut bytes)?;
        Ok(Some(bytes))
    }

    /// Whether `magic` stands at `offset`.
    fn has(&self, offset: u64, magic: &[u8]) -> io::Result<bool> {
        Ok(self.bytes(offset, magic.len())?.is_some_and(|found| found == magic))
    }
}

/// Printable text up to the first NUL, without blanks around it; `None` when nothing is left.
fn text(bytes: &[u8]) -> Option<String> {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let text: String = String::from_utf8_lossy(&bytes[..end])
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The uberblock of ZFS (`sys/uberblock_impl.h`): an array of at least 128 of them in the second half of each label of 256 KiB.
fn zfs<T: ReadAt + ?Sized>(device: &Device<'_, T>) -> io::Result<Option<Signature>> {
    const LABEL: u64 = 256 << 10;
    const MAGIC: u64 = 0x00ba_b10c;
    let aligned = device.length / LABEL * LABEL;
    for label in [
        0,
        LABEL,
        aligned.saturating_sub(2 * LABEL),
        aligned.saturating_sub(LABEL),
    ] {
        let Some(blocks) = device.bytes(label + LABEL / 2, (LABEL / 2) as usize)? else {
            continue;
        };
        let is_block = |block: &[u8]| le64(block, 0) == MAGIC || le64(block, 0) == MAGIC.swap_bytes();
        if blocks.chunks_exact(1024).any(is_block) {
            let pairs = device.bytes(label + (16 << 10), 112 << 10)?;
            let pool = pairs.as_deref().and_then(zfs_pool);
            return Ok(Some(Signature::Zfs { pool }));
        }
    }
    Ok(None)
}

/// The pool's name out of the label's list of pairs in XDR (RFC 4506): the name, the type 9 for a text, one element, its text.
fn zfs_pool(pairs: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\0\0\0\x04name\0\0\0\x09\0\0\0\x01";
    let at = pairs.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let length = u32::from_be_bytes(pairs.get(at..at + 4)?.try_into().ok()?) as usize;
    text(pairs.get(at + 4..)?.get(..length.min(256))?)
}

/// What begins in the first 128 KiB: encrypted volumes, object stores, swap and file systems.
fn front<T: ReadAt + ?Sized>(device: &Device<'_, T>) -> io::Result<Option<Signature>> {
    /// Covers the superblock of btrfs, the farthest one.
    const FRONT: u64 = (64 << 10) + 4096;
    let count = device.length.min(FRONT) as usize;
    let Some(bytes) = device.bytes(0, count)? else {
        return Ok(None);
    };
    let has = |at: usize, magic: &[u8]| bytes.get(at..at + magic.len()) == Some(magic);
    let label = |at: usize, length: usize| bytes.get(at..at + length).and_then(text);
    let file_system = |name, label| Some(Signature::FileSystem { name, label });
    // LUKS on-disk format specification: magic, then a big-endian version.
    if has(0, b"LUKS\xba\xbe") {
        let version = u16::from_be_bytes([bytes[6], bytes[7]]);
        return Ok(Some(Signature::Luks { version }));
    }
    // Ceph, BlueStore.cc: a text line begins the label.
    if has(0, b"bluestore block device\n") {
        return Ok(Some(Signature::CephBlueStore));
    }
    // include/linux/swap.h: the last ten bytes of the first page.
    if [4096, 8192, 16384, 65536]
        .iter()
        .any(|page| has(page - 10, b"SWAPSPACE2"))
    {
        return Ok(Some(Signature::Swap));
    }
    if has(0, b"XFSB") {
        return Ok(file_system("xfs", label(108, 12)));
    }
    if has(0x10040, b"_BHRfS_M") {
        return Ok(file_system("btrfs", label(0x1012b, 256)));
    }
    if has(3, b"NTFS    ") {
        return Ok(file_system("ntfs", None));
    }
    if has(3, b"EXFAT   ") {
        return Ok(file_system("exfat", None));
    }
    if has(510, &[0x55, 0xaa]) && (has(82, b"FAT32   ") || has(54, b"FAT1")) {
        let at = if has(82, b"FAT32   ") { 71 } else { 43 };
        return Ok(file_system("vfat", label(at, 11).filter(|l| l != "NO NAME")));
    }
    // Documentation/filesystems/ext4/super.rst: the superblock is at 1024, its magic at 0x38 of it.
    if bytes.len() >= 2048 && le16(&bytes, 1080) == 0xef53 {
        const JOURNAL: u32 = 4;
        const EXTENTS: u32 = 0x40;
        let (compatible, incompatible) = (le32(&bytes, 1116), le32(&bytes, 1120));
        let name = match (incompatible & EXTENTS, compatible & JOURNAL) {
            (0, 0) => "ext2",
            (0, _) => "ext3",
            _ => "ext4",
        };
        return Ok(file_system(name, label(1144, 16)));
    }
    if has(0x8001, b"CD001") {
        return Ok(file_system("iso9660", label(0x8028, 32)));
    }
    if has(0, b"hsqs") {
        return Ok(file_system("squashfs", None));
    }
    // GFS2 and OCFS2 are shared by several machines.
    if has(65536, &[0x01, 0x16, 0x19, 0x70]) {
        return Ok(file_system("gfs2", label(65536 + 96, 64)));
    }
    for block in [1024, 2048, 4096] {
        if has(2 * block, b"OCFSV2") {
            return Ok(file_system("ocfs2", None));
        }
    }
    // VMware: the volume's header one MiB into the partition.
    if device.has(1 << 20, &[0x0d, 0xd0, 0x01, 0xc0])? {
        return Ok(file_system("vmfs", None));
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
