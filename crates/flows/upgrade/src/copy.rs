//! A copy onto a device that is only believed when it has been read back from the device itself.
//!
//! SHA-256 is the dearest part of it, so the source is summed once, before anything is written. Then a mark of each chunk, which costs
//! next to nothing, says whether what is read again, from the source or from the device, are still those bytes. Marks live in memory
//! and guard against failing hardware; against a hostile disk there is dm-verity, whose root hash is part of what was summed.

use std::hash::{DefaultHasher, Hasher as _};
use std::io;

use corbel_layout::ReadAt;
use corbel_sys::Cancel;
use sha2::{Digest, Sha256};

use crate::SlotDevice;
use crate::report::Step;

/// Bytes of one read and write.
const CHUNK: usize = 4 << 20;

/// Why a copy is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("cannot read the source at byte {offset}")]
    Read { offset: u64, source: io::Error },
    #[error("cannot write at byte {offset}")]
    Write { offset: u64, source: io::Error },
    #[error("cannot flush what was written")]
    Flush(#[source] io::Error),
    #[error("cannot read back at byte {offset}")]
    ReadBack { offset: u64, source: io::Error },
    #[error("the source changed after it was verified, at byte {offset} or behind it: its medium fails")]
    Changed { offset: u64 },
    #[error("what was read back at byte {offset} or behind it is not what was written: the device does not keep it")]
    Kept { offset: u64 },
    #[error("the copy was cancelled")]
    Cancelled,
}

/// What a source held when it was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summed {
    bytes: u64,
    /// 64 lower-case hexadecimal digits.
    pub(crate) sha256: String,
    /// One of each chunk.
    marks: Vec<u64>,
}

impl Summed {
    /// Reads `bytes` bytes of a source.
    ///
    /// # Errors
    /// What could not be read.
    pub(crate) fn read(
        source: &dyn ReadAt,
        bytes: u64,
        cancel: &Cancel,
        seen: impl Fn(u64),
    ) -> Result<Self, CopyError> {
        let (mut sum, mut marks) = (Sha256::new(), Vec::new());
        each_chunk(bytes, cancel, |offset, buffer| {
            source
                .read_at(offset, buffer)
                .map_err(|source| CopyError::Read { offset, source })?;
            sum.update(&*buffer);
            marks.push(mark(buffer));
            seen(offset + buffer.len() as u64);
            Ok(())
        })?;
        Ok(Self {
            bytes,
            sha256: hex(&sum.finalize()),
            marks,
        })
    }

    /// Its length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn is(&self, offset: u64, chunk: &[u8]) -> bool {
        self.marks.get(offset as usize / CHUNK) == Some(&mark(chunk))
    }
}

/// Copies what was summed to the start of `target`, flushes, drops the cache and reads back. The step's progress counts bytes
/// written and bytes read back.
///
/// # Errors
/// What failed, at which byte.
pub fn write_verified(
    source: &dyn ReadAt,
    summed: &Summed,
    target: &dyn SlotDevice,
    step: &Step<'_>,
    cancel: &Cancel,
) -> Result<(), CopyError> {
    let total = summed.bytes.saturating_mul(2);
    each_chunk(summed.bytes, cancel, |offset, buffer| {
        source
            .read_at(offset, buffer)
            .map_err(|source| CopyError::Read { offset, source })?;
        if !summed.is(offset, buffer) {
            return Err(CopyError::Changed { offset });
        }
        target
            .write_at(offset, buffer)
            .map_err(|source| CopyError::Write { offset, source })?;
        step.progress(offset + buffer.len() as u64, total);
        Ok(())
    })?;
    target.flush().map_err(CopyError::Flush)?;
    each_chunk(summed.bytes, cancel, |offset, buffer| {
        target
            .read_at(offset, buffer)
            .map_err(|source| CopyError::ReadBack { offset, source })?;
        if !summed.is(offset, buffer) {
            return Err(CopyError::Kept { offset });
        }
        step.progress(summed.bytes + offset + buffer.len() as u64, total);
        Ok(())
    })
}

/// Lets `fill` handle one chunk after the other.
fn each_chunk(
    bytes: u64,
    cancel: &Cancel,
    mut fill: impl FnMut(u64, &mut [u8]) -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    while offset < bytes {
        if cancel.is_cancelled() {
            return Err(CopyError::Cancelled);
        }
        let length = (bytes - offset).min(CHUNK as u64) as usize;
        fill(offset, &mut buffer[..length])?;
        offset += length as u64;
    }
    Ok(())
}

/// The same bytes have the same mark for as long as this program runs.
fn mark(chunk: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(chunk);
    hasher.finish()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::fake::FakeSlot;

    struct Medium(Mutex<Vec<u8>>);

    impl ReadAt for Medium {
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            self.0.lock().expect("whole").read_at(offset, buffer)
        }
    }

    #[test]
    fn a_medium_that_changes_after_it_was_verified_is_not_copied() {
        let medium = Medium(Mutex::new(vec![7; 5000]));
        let summed = Summed::read(&medium, 5000, &Cancel::new(), |_| ()).expect("read");
        let (sink, slot) = (|_| (), FakeSlot::default());
        let step = Step::begin(&sink, "write", "Write");
        let copy = || write_verified(&medium, &summed, &slot, &step, &Cancel::new());
        copy().expect("copied");
        assert_eq!(slot.bytes()[..5000], [7; 5000]);
        medium.0.lock().expect("whole")[4321] ^= 1;
        assert!(matches!(copy(), Err(CopyError::Changed { offset: 0 })));
    }
}
