//! dm-verity: the superblock that `veritysetup format` writes, the device-mapper table line made from it, and a check
//! of a whole image against its root hash.
//!
//! The superblock itself is not covered by the root hash, so nothing in it is trusted: only the one shape that Corbel
//! builds is accepted (sha256, blocks of 4096 bytes), and a wrong count or salt makes the root hash not match.
//! Sources: cryptsetup's on-disk format page and the kernel's `admin-guide/device-mapper/verity.rst`.

use std::fmt;
use std::io;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::ReadAt;
use crate::bytes::{le16, le32, le64, read_array};

/// Data and hash block size in bytes.
pub const BLOCK: u64 = 4096;
const DIGEST: usize = 32;
const DIGESTS_PER_BLOCK: usize = BLOCK as usize / DIGEST;

/// Why an image has no usable hash tree, or does not match it.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// No signature where the superblock should be.
    #[error("no dm-verity superblock at byte {offset}")]
    NoSuperblock { offset: u64 },
    /// A superblock of another shape than the builder writes.
    #[error("the dm-verity superblock has {what}, expected {expected}")]
    Unsupported { what: String, expected: String },
    /// Data that do not match the hash tree.
    #[error("the data block at byte {offset} is damaged: its hash is not the one recorded")]
    DamagedData { offset: u64 },
    /// A hash block that does not match the data, which themselves are right.
    #[error("the hash tree is damaged at byte {offset}")]
    DamagedTree { offset: u64 },
    /// Data and tree agree with each other, but not with the hash that was asked for.
    #[error("the root hash is {found}, expected {expected}")]
    OtherRoot { found: RootHash, expected: RootHash },
    /// The medium itself failed.
    #[error("reading the verified image at byte {offset}")]
    Io { offset: u64, source: io::Error },
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a root hash: write 64 hexadecimal digits")]
pub struct RootHashError {
    text: String,
}

/// The SHA-256 root of a hash tree; shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootHash(pub [u8; DIGEST]);

impl FromStr for RootHash {
    type Err = RootHashError;
    fn from_str(text: &str) -> Result<Self, RootHashError> {
        let error = || RootHashError { text: text.to_owned() };
        if text.len() != 2 * DIGEST || !text.is_ascii() {
            return Err(error());
        }
        let mut hash = [0; DIGEST];
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16);
            let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(error)?;
            *byte = (high * 16 + low) as u8;
        }
        Ok(Self(hash))
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn read_block(src: &(impl ReadAt + ?Sized), offset: u64) -> Result<[u8; BLOCK as usize], VerityError> {
    read_array(src, offset).map_err(|source| VerityError::Io { offset, source })
}

fn write_hex(f: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// A superblock of the accepted shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// Where the superblock lies, in bytes; also the length of the data before it.
    pub hash_offset: u64,
    /// Data blocks of [`BLOCK`] bytes.
    pub data_blocks: u64,
    /// At most 256 bytes.
    pub salt: Vec<u8>,
    /// As stored; all zeros in a reproducible image.
    pub uuid: [u8; 16],
}

/// Reads the superblock at `hash_offset`, which must be where the data end (in bytes, a multiple of [`BLOCK`]).
///
/// # Errors
/// No superblock there, one of another shape, or a failing medium.
pub fn read_superblock(src: &(impl ReadAt + ?Sized), hash_offset: u64) -> Result<Superblock, VerityError> {
    let raw: [u8; 512] = match read_array(src, hash_offset) {
        Ok(raw) => raw,
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(VerityError::NoSuperblock { offset: hash_offset });
        }
        Err(source) => {
            return Err(VerityError::Io {
                offset: hash_offset,
                source,
            });
        }
    };
    if &raw[..8] != b"verity\0\0" {
        return Err(VerityError::NoSuperblock { offset: hash_offset });
    }
    let check = |what: &str, found: u64, expected: u64| {
        let unsupported = || VerityError::Unsupported {
            what: format!("{what} {found}"),
            expected: expected.to_string(),
        };
        if found == expected { Ok(()) } else { Err(unsupported()) }
    };
    check("version", u64::from(le32(&raw, 8)), 1)?;
    check("hash type", u64::from(le32(&raw, 12)), 1)?;
    check("a data block size of", u64::from(le32(&raw, 64)), BLOCK)?;
    check("a hash block size of", u64::from(le32(&raw, 68)), BLOCK)?;
    check("a position within its block of", hash_offset % BLOCK, 0)?;
    let algorithm = String::from_utf8_lossy(&raw[32..64]);
    let algorithm = algorithm.trim_end_matches('\0');
    if algorithm != "sha256" {
        let what = format!("the algorithm {algorithm:?}");
        return Err(VerityError::Unsupported {
            what,
            expected: "sha256".to_owned(),
        });
    }
    let data_blocks = le64(&raw, 72);
    check("a number of data blocks of", data_blocks, hash_offset / BLOCK)?;
    let salt_size = usize::from(le16(&raw, 80));
    let salt = raw[88..344].get(..salt_size).ok_or_else(|| VerityError::Unsupported {
        what: format!("a salt of {salt_size} bytes"),
        expected: "at most 256".to_owned(),
    })?;
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&raw[16..32]);
    Ok(Superblock {
        hash_offset,
        data_blocks,
        salt: salt.to_vec(),
        uuid,
    })
}

impl Superblock {
    /// Length of the mapped device in 512-byte sectors.
    pub fn sectors(&self) -> u64 {
        self.data_blocks * (BLOCK / 512)
    }

    /// The first block of the tree, counted from the start of the device that also holds the data.
    pub fn hash_start_block(&self) -> u64 {
        // The superblock takes one block of its own, whatever its 512 bytes.
        self.hash_offset / BLOCK + 1
    }

    /// The parameters of the kernel's `verity` target, data and tree both on `device` (`major:minor` or a path).
    ///
    /// A damaged block restarts the machine: it must never run on with a root that is not the one it was told to trust.
    pub fn table_line(&self, device: &str, root: &RootHash) -> String {
        let mut salt = String::from("-");
        if !self.salt.is_empty() {
            salt.clear();
            write_hex(&mut salt, &self.salt).expect("writing to a String does not fail");
        }
        let (blocks, start) = (self.data_blocks, self.hash_start_block());
        format!("1 {device} {device} {BLOCK} {BLOCK} {blocks} {start} sha256 {root} {salt} 1 restart_on_corruption")
    }

    /// Bytes of data, superblock and tree together: where the image ends.
    pub fn image_length(&self) -> u64 {
        let tree: u64 = self.level_sizes().iter().sum();
        (self.hash_start_block() + tree) * BLOCK
    }

    /// Blocks of each level, the one next to the data first; empty for a single data block, whose hash is the root.
    fn level_sizes(&self) -> Vec<u64> {
        let mut sizes = Vec::new();
        let mut below = self.data_blocks;
        while below > 1 {
            below = below.div_ceil(DIGESTS_PER_BLOCK as u64);
            sizes.push(below);
        }
        sizes
    }

    /// Reads the whole image and checks data, tree and root.
    ///
    /// # Errors
    /// The first damage found, or a failing medium.
    pub fn verify(&self, src: &(impl ReadAt + ?Sized), expected: &RootHash) -> Result<(), VerityError> {
        let (levels, found) = self.compute_tree(src)?;
        let stored = self.differing_block(src, &levels)?;
        match (found == *expected, stored) {
            (true, None) => Ok(()),
            (true, Some((_, offset))) => Err(VerityError::DamagedTree { offset }),
            (false, None) => Err(VerityError::OtherRoot {
                found,
                expected: *expected,
            }),
            (false, Some((data, _))) => Err(VerityError::DamagedData { offset: data }),
        }
    }

    /// Checks one data block, from the root down: cheap, and enough to tell a wrong or damaged image before the kernel,
    /// which restarts the machine at the first damaged block, gets to see it.
    ///
    /// # Errors
    /// [`VerityError::OtherRoot`] when not even the top of the tree belongs to the root hash, else the damage found.
    pub fn verify_block(
        &self,
        src: &(impl ReadAt + ?Sized),
        number: u64,
        expected: &RootHash,
    ) -> Result<(), VerityError> {
        let sizes = self.level_sizes();
        let mut start = self.hash_start_block();
        let mut wanted = expected.0;
        for (level, size) in sizes.iter().enumerate().rev() {
            let below = number / (DIGESTS_PER_BLOCK as u64).saturating_pow(level as u32);
            let offset = (start + below / DIGESTS_PER_BLOCK as u64) * BLOCK;
            let block: [u8; BLOCK as usize] = read_block(src, offset)?;
            let found = self.hash(&block);
            if found != wanted && level + 1 == sizes.len() {
                return Err(VerityError::OtherRoot {
                    found: RootHash(found),
                    expected: *expected,
                });
            } else if found != wanted {
                return Err(VerityError::DamagedTree { offset });
            }
            let digest = (below % DIGESTS_PER_BLOCK as u64) as usize * DIGEST;
            wanted.copy_from_slice(&block[digest..digest + DIGEST]);
            start += size;
        }
        let offset = number * BLOCK;
        let found = self.hash(&read_block(src, offset)?);
        if found == wanted {
            Ok(())
        } else {
            Err(VerityError::DamagedData { offset })
        }
    }

    /// The blocks of every level, the one next to the data first, and the root.
    fn compute_tree(&self, src: &(impl ReadAt + ?Sized)) -> Result<(Vec<Vec<u8>>, RootHash), VerityError> {
        let mut digests = Vec::new();
        let mut block = [0; BLOCK as usize];
        for offset in (0..self.data_blocks).map(|n| n * BLOCK) {
            src.read_at(offset, &mut block)
                .map_err(|source| VerityError::Io { offset, source })?;
            digests.push(self.hash(&block));
        }
        let mut levels = Vec::new();
        while digests.len() > 1 {
            let mut level = digests.concat();
            level.resize(level.len().next_multiple_of(BLOCK as usize), 0);
            digests = level.chunks_exact(BLOCK as usize).map(|b| self.hash(b)).collect();
            levels.push(level);
        }
        Ok((levels, RootHash(digests.first().copied().unwrap_or_default())))
    }

    fn hash(&self, block: &[u8]) -> [u8; DIGEST] {
        Sha256::new()
            .chain_update(&self.salt)
            .chain_update(block)
            .finalize()
            .into()
    }

    /// The first stored hash that differs from the computed one: (the first data byte below it, its own place).
    fn differing_block(
        &self,
        src: &(impl ReadAt + ?Sized),
        levels: &[Vec<u8>],
    ) -> Result<Option<(u64, u64)>, VerityError> {
        // On the medium the top level comes first; damage is best located at the bottom.
        let mut end = self.image_length();
        let mut covers = BLOCK;
        for level in levels {
            let start = end - level.len() as u64;
            let mut stored = vec![0; level.len()];
            src.read_at(start, &mut stored)
                .map_err(|source| VerityError::Io { offset: start, source })?;
            let pairs = stored.chunks_exact(DIGEST).zip(level.chunks_exact(DIGEST));
            if let Some(n) = pairs.into_iter().position(|(a, b)| a != b).map(|n| n as u64) {
                return Ok(Some((n * covers, start + n * DIGEST as u64)));
            }
            (end, covers) = (start, covers * DIGESTS_PER_BLOCK as u64);
        }
        Ok(None)
    }
}

#[cfg(test)]
pub(crate) mod tests;
