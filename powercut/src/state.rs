//! One state of a disk: what was there before, what is safe since, and which of the latest writes arrived. It reads like a
//! disk, and it can say of any part of itself whether it is the same as in another state without reading a byte.

use std::{fs::File, io, ops::Range, os::unix::fs::FileExt as _};

use corbel_layout::{Extent, ReadAt};
use rustix::fs::{SeekFrom, seek};
use sha2::{Digest as _, Sha256};

use crate::{
    overlay::{Overlay, Piece, Source},
    recording::Recording,
};

/// Two parts of states of one recording with the same identity hold the same bytes. The reverse is not true: the same bytes
/// may have been written twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity([u8; 32]);

/// See the module.
#[derive(Debug)]
pub struct State<'a> {
    recording: &'a Recording,
    safe: Overlay,
    recent: Overlay,
}

impl<'a> State<'a> {
    /// The disk before the first write.
    pub fn new(recording: &'a Recording) -> Self {
        Self {
            recording,
            safe: Overlay::default(),
            recent: Overlay::default(),
        }
    }

    /// The disk behind the last write.
    pub fn last(recording: &'a Recording) -> Self {
        let mut state = Self::new(recording);
        for write in recording.writes() {
            state.lay(write.offset, write.length, write.data.into());
        }
        state
    }

    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.recording.size()
    }

    /// Lays a write over everything else.
    pub(crate) fn lay(&mut self, offset: u64, length: u64, source: Source) {
        self.recent.write(offset, length, source);
    }

    /// Takes away what has been written since the last flush.
    pub(crate) fn forget(&mut self) {
        self.recent.clear();
    }

    /// Makes everything safe that has been written so far.
    pub(crate) fn flush(&mut self) {
        for piece in self.recent.pieces(0..self.size()) {
            if let Some(source) = piece.source {
                self.safe.write(piece.start, piece.end - piece.start, source);
            }
        }
        self.recent.clear();
    }

    /// Where the bytes of this part come from; neighbours that belong together are one piece.
    fn pieces(&self, range: Range<u64>) -> Vec<Piece> {
        let mut found: Vec<Piece> = Vec::new();
        let mut add = |piece: Piece| match found.last_mut() {
            Some(last) if continues(last, &piece) => last.end = piece.end,
            _ => found.push(piece),
        };
        for piece in self.recent.pieces(range) {
            if piece.source.is_some() {
                add(piece);
            } else {
                self.safe.pieces(piece.start..piece.end).into_iter().for_each(&mut add);
            }
        }
        found
    }

    /// What tells this part from the same part of other states.
    pub fn identity(&self, part: Extent) -> Identity {
        let mut hash = Sha256::new();
        for piece in self.pieces(part.offset..part.offset.saturating_add(part.length)) {
            let (kind, at) = match piece.source {
                None => (0u64, 0),
                Some(Source::Zero) => (1, 0),
                Some(Source::Log(at)) => (2, at),
            };
            for number in [piece.start, piece.end, kind, at] {
                hash.update(number.to_le_bytes());
            }
        }
        Identity(hash.finalize().into())
    }

    /// Where this part may hold anything but zeros, in order. What is left out holds zeros.
    ///
    /// # Errors
    /// When the system cannot say where the disk as it was has holes.
    pub fn content(&self, part: Extent) -> io::Result<Vec<Range<u64>>> {
        let mut found = Vec::new();
        for piece in self.pieces(part.offset..part.offset.saturating_add(part.length)) {
            match piece.source {
                Some(Source::Zero) => {}
                Some(Source::Log(_)) => found.push(piece.start..piece.end),
                None => data(self.recording.before(), piece.start..piece.end, &mut found)?,
            }
        }
        Ok(found)
    }
}

impl ReadAt for State<'_> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset
            .checked_add(buffer.len() as u64)
            .filter(|end| *end <= self.size());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        for piece in self.pieces(offset..end) {
            let part = &mut buffer[(piece.start - offset) as usize..(piece.end - offset) as usize];
            match piece.source {
                None => self.recording.before().read_exact_at(part, piece.start)?,
                Some(Source::Zero) => part.fill(0),
                Some(Source::Log(at)) => self.recording.log().read_exact_at(part, at)?,
            }
        }
        Ok(())
    }
}

fn continues(last: &Piece, next: &Piece) -> bool {
    last.end == next.start
        && match (last.source, next.source) {
            (None, None) | (Some(Source::Zero), Some(Source::Zero)) => true,
            (Some(Source::Log(a)), Some(Source::Log(b))) => a + (last.end - last.start) == b,
            _ => false,
        }
}

/// The parts of `range` that a sparse file holds.
fn data(file: &File, range: Range<u64>, found: &mut Vec<Range<u64>>) -> io::Result<()> {
    let mut at = range.start;
    while at < range.end {
        let start = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start,
            // No data behind this place.
            Err(rustix::io::Errno::NXIO) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if start >= range.end {
            return Ok(());
        }
        let end = seek(file, SeekFrom::Hole(start))?.min(range.end);
        found.push(start.max(at)..end);
        at = end;
    }
    Ok(())
}
