//! A copy onto a device that is only believed when it has been read back from the device itself.

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
    #[error("the source has the SHA-256 {found}, expected {expected}")]
    Source { found: String, expected: String },
    #[error(
        "what was read back has the SHA-256 {found}, expected {expected}: the device does not keep what is written"
    )]
    Kept { found: String, expected: String },
    #[error("the copy was cancelled")]
    Cancelled,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub bytes: u64,
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Copies `bytes` bytes to the start of `target`, flushes, drops the cache and reads back. Both the source and what was read
/// back must have the sum `sha256`. The step's progress counts bytes written and bytes read back.
///
/// # Errors
/// What failed, at which byte.
pub fn write_verified(
    source: &dyn ReadAt,
    target: &dyn SlotDevice,
    bytes: u64,
    sha256: &str,
    step: &Step<'_>,
    cancel: &Cancel,
) -> Result<Copied, CopyError> {
    let total = bytes.saturating_mul(2);
    let written = each_chunk(bytes, cancel, |offset, buffer| {
        source
            .read_at(offset, buffer)
            .map_err(|source| CopyError::Read { offset, source })?;
        target
            .write_at(offset, buffer)
            .map_err(|source| CopyError::Write { offset, source })?;
        step.progress(offset + buffer.len() as u64, total);
        Ok(())
    })?;
    if written != sha256 {
        return Err(CopyError::Source {
            found: written,
            expected: sha256.to_owned(),
        });
    }
    target.flush().map_err(CopyError::Flush)?;
    let kept = each_chunk(bytes, cancel, |offset, buffer| {
        target
            .read_at(offset, buffer)
            .map_err(|source| CopyError::ReadBack { offset, source })?;
        step.progress(bytes + offset + buffer.len() as u64, total);
        Ok(())
    })?;
    if kept != sha256 {
        return Err(CopyError::Kept {
            found: kept,
            expected: sha256.to_owned(),
        });
    }
    Ok(Copied { bytes, sha256: kept })
}

/// The sum of `bytes` bytes of a source.
pub(crate) fn sum(source: &dyn ReadAt, bytes: u64, cancel: &Cancel, seen: impl Fn(u64)) -> Result<String, CopyError> {
    each_chunk(bytes, cancel, |offset, buffer| {
        source
            .read_at(offset, buffer)
            .map_err(|source| CopyError::Read { offset, source })?;
        seen(offset + buffer.len() as u64);
        Ok(())
    })
}

/// Lets `fill` handle one chunk after the other and gives the sum of what it left in the buffer.
fn each_chunk(
    bytes: u64,
    cancel: &Cancel,
    mut fill: impl FnMut(u64, &mut [u8]) -> Result<(), CopyError>,
) -> Result<String, CopyError> {
    let mut buffer = vec![0; CHUNK];
    let mut sum = Sha256::new();
    let mut offset = 0;
    while offset < bytes {
        if cancel.is_cancelled() {
            return Err(CopyError::Cancelled);
        }
        let length = (bytes - offset).min(CHUNK as u64) as usize;
        fill(offset, &mut buffer[..length])?;
        sum.update(&buffer[..length]);
        offset += length as u64;
    }
    Ok(hex(&sum.finalize()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
