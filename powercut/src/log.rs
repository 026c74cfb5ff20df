//! Reading a log of block writes: the format of the kernel's dm-log-writes target (`admin-guide/device-mapper/log-writes.rst`,
//! `drivers/md/dm-log-writes.c`), which QEMU's driver `blklogwrites` writes too. Every number is checked against the log, so
//! that a log that was cut off ends in an error and never in a panic.

use std::io;

use corbel_layout::ReadAt;

/// The first eight bytes, little-endian.
const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
/// What a super block and an entry's header take of their sector.
const HEADER: usize = 32;

const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
/// Only a hint of the kernel's that file systems set.
const METADATA: u64 = 16;

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Another file.
    #[error("no log of block writes: the magic number is {found:#x}")]
    NotALog { found: u64 },
    /// A field that contradicts the format.
    #[error("the log of block writes is damaged: {what}")]
    Damaged { what: String },
    /// The log itself could not be read.
    #[error("reading the log of block writes at byte {offset}")]
    Io { offset: u64, source: io::Error },
}

/// Where the bytes of a write come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// From this byte of the log on.
    Log(u64),
    /// All of them are 0: a discard, after which nothing else may be counted on.
    Zero,
}

/// Bytes that were written to the disk in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// First byte on the disk.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// What was written.
    pub data: Data,
    /// The request asked to be answered only when its bytes are safe ("force unit access").
    pub fua: bool,
}

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Everything that stands before it is safe.
    Flush,
    /// A write or a discard.
    Write(Write),
    /// A name that whoever recorded gave to this moment.
    Mark(String),
}

/// All entries, in the order in which the requests were completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Bytes; a write covers whole sectors, and a sector is the unit that a power cut leaves whole.
    pub sector: u64,
    /// A flush that carries data of its own is two entries here: first the flush, then the write.
    pub entries: Vec<Entry>,
}

/// Reads a log of `length` bytes. The written bytes themselves stay where they are.
///
/// # Errors
/// Not a log, one that contradicts itself or ends too soon, or a failing medium.
pub fn read(src: &(impl ReadAt + ?Sized), length: u64) -> Result<Log, LogError> {
    let header = read_header(src, 0)?;
    let magic = field(&header, 0);
    if magic != MAGIC {
        return Err(LogError::NotALog { found: magic });
    }
    if field(&header, 8) != VERSION {
        return Err(damaged(format!("version {}, expected {VERSION}", field(&header, 8))));
    }
    // Four bytes, and what follows them means nothing.
    let sector = field(&header, 24) & u64::from(u32::MAX);
    if !sector.is_power_of_two() || !(512..=65536).contains(&sector) {
        return Err(damaged(format!("sectors of {sector} bytes")));
    }
    let count = field(&header, 16);
    if count > length / sector {
        return Err(damaged(format!("{count} entries in {length} bytes")));
    }
    let mut entries = Vec::new();
    let mut at = sector;
    for number in 0..count {
        at = read_entry(src, at, length, sector, &mut entries).map_err(|error| match error {
            LogError::Damaged { what } => damaged(format!("entry {number}: {what}")),
            other => other,
        })?;
    }
    Ok(Log { sector, entries })
}

/// Reads the entry at `at` and gives where the next one begins.
fn read_entry(
    src: &(impl ReadAt + ?Sized),
    at: u64,
    length: u64,
    sector: u64,
    entries: &mut Vec<Entry>,
) -> Result<u64, LogError> {
    if at.checked_add(sector).is_none_or(|end| end > length) {
        return Err(damaged(format!("it begins at byte {at} of {length}")));
    }
    let header = read_header(src, at)?;
    let flags = field(&header, 16);
    if flags & !(FLUSH | FUA | DISCARD | MARK | METADATA) != 0 {
        return Err(damaged(format!("flags {flags:#x}")));
    }
    let (first, sectors, inline) = (field(&header, 0), field(&header, 8), field(&header, 24));
    if inline > sector - HEADER as u64 {
        return Err(damaged(format!("{inline} bytes beside its header")));
    }
    let mut next = at + sector;
    if flags & MARK != 0 {
        let mut text = vec![0; inline as usize];
        let offset = at + HEADER as u64;
        src.read_at(offset, &mut text)
            .map_err(|source| LogError::Io { offset, source })?;
        let text = String::from_utf8_lossy(&text);
        entries.push(Entry::Mark(text.trim_end_matches('\0').to_owned()));
        return Ok(next);
    }
    if flags & FLUSH != 0 {
        entries.push(Entry::Flush);
    }
    if sectors == 0 {
        // Room that was kept for an entry which never came reads as zeros: what is missing there was written to the disk.
        return match flags & FLUSH {
            0 => Err(damaged("neither sectors nor a flush: an entry was lost".to_owned())),
            _ => Ok(next),
        };
    }
    let too_far = || damaged(format!("{sectors} sectors from sector {first} on"));
    let bytes = sectors.checked_mul(sector).ok_or_else(too_far)?;
    let offset = first.checked_mul(sector).ok_or_else(too_far)?;
    offset.checked_add(bytes).ok_or_else(too_far)?;
    let mut data = Data::Zero;
    if flags & DISCARD == 0 {
        data = Data::Log(next);
        next = next
            .checked_add(bytes)
            .filter(|end| *end <= length)
            .ok_or_else(|| damaged(format!("its {bytes} bytes begin at byte {next} of {length}")))?;
    }
    entries.push(Entry::Write(Write {
        offset,
        length: bytes,
        data,
        fua: flags & FUA != 0,
    }));
    Ok(next)
}

fn damaged(what: String) -> LogError {
    LogError::Damaged { what }
}

fn read_header(src: &(impl ReadAt + ?Sized), offset: u64) -> Result<[u8; HEADER], LogError> {
    let mut header = [0; HEADER];
    match src.read_at(offset, &mut header) {
        Ok(()) => Ok(header),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && offset == 0 => {
            Err(LogError::NotALog { found: 0 })
        }
        Err(source) => Err(LogError::Io { offset, source }),
    }
}

/// The eight bytes at `at`, which is within the header.
fn field(header: &[u8; HEADER], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[at..at + 8]);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
