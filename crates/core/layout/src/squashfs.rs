//! The squashfs 4.0 superblock (kernel: `fs/squashfs/squashfs_fs.h`), as far as it says where the file system ends.

use std::io;

use crate::ReadAt;
use crate::bytes::{le16, le32, le64, read_array};

const MAGIC: u32 = 0x7371_7368;
/// What the image builder pads the file system to, and the block size of its hash tree.
const PADDING: u64 = 4096;

/// Why the bytes are not a squashfs.
#[derive(Debug, thiserror::Error)]
pub enum SquashfsError {
    /// Another magic number or version.
    #[error("not a squashfs 4.0 file system")]
    NotSquashfs,
    /// A length that no file system has.
    #[error("the squashfs superblock is damaged: {bytes_used} bytes used")]
    Damaged { bytes_used: u64 },
    /// The medium itself failed.
    #[error("reading the squashfs superblock")]
    Io(#[source] io::Error),
}

/// What the superblock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superblock {
    /// Bytes of the file system, without padding.
    pub bytes_used: u64,
    /// Bytes of a data block.
    pub block_size: u32,
    /// Compression: 1 gzip, 2 lzma, 3 lzo, 4 xz, 5 lz4, 6 zstd.
    pub compression: u16,
}

impl Superblock {
    /// Where the padding ends and the dm-verity superblock begins, in bytes.
    pub fn padded_length(&self) -> u64 {
        // `read` refused lengths that have no next multiple.
        self.bytes_used.next_multiple_of(PADDING)
    }
}

/// Reads the superblock at the start of `src`.
///
/// # Errors
/// Not a squashfs, a damaged length, or a failing medium.
pub fn read(src: &(impl ReadAt + ?Sized)) -> Result<Superblock, SquashfsError> {
    let raw: [u8; 96] = match read_array(src, 0) {
        Ok(raw) => raw,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(SquashfsError::NotSquashfs),
        Err(e) => return Err(SquashfsError::Io(e)),
    };
    if le32(&raw, 0) != MAGIC || le16(&raw, 28) != 4 || le16(&raw, 30) != 0 {
        return Err(SquashfsError::NotSquashfs);
    }
    let bytes_used = le64(&raw, 40);
    // One exabyte: far above any image, far below where arithmetic on sectors could overflow.
    if !(96..1 << 60).contains(&bytes_used) {
        return Err(SquashfsError::Damaged { bytes_used });
    }
    Ok(Superblock {
        bytes_used,
        block_size: le32(&raw, 12),
        compression: le16(&raw, 20),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A superblock that says `bytes_used`, alone.
    pub(crate) fn superblock(bytes_used: u64) -> [u8; 96] {
        let mut raw = [0u8; 96];
        raw[..4].copy_from_slice(b"hsqs");
        raw[12..16].copy_from_slice(&(1u32 << 20).to_le_bytes());
        raw[20] = 6;
        raw[28] = 4;
        raw[40..48].copy_from_slice(&bytes_used.to_le_bytes());
        raw
    }

    #[test]
    fn the_length_is_padded_to_a_block() {
        let found = read(&superblock(8193)[..]).unwrap();
        assert_eq!(
            found,
            Superblock {
                bytes_used: 8193,
                block_size: 1 << 20,
                compression: 6
            }
        );
        assert_eq!(found.padded_length(), 12288);
        assert_eq!(read(&superblock(8192)[..]).unwrap().padded_length(), 8192);
        assert!(matches!(
            read(&superblock(u64::MAX)[..]),
            Err(SquashfsError::Damaged { .. })
        ));
        assert!(matches!(read(&[0u8; 96][..]), Err(SquashfsError::NotSquashfs)));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut raw in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&raw).map(|s| s.padded_length());
            if raw.len() >= 32 {
                raw[..4].copy_from_slice(b"hsqs");
                raw[28..32].copy_from_slice(&[4, 0, 0, 0]);
                let _ = read(&raw).map(|s| s.padded_length());
            }
        }
    }
}
