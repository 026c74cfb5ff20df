//! What a disk holds at each place, as a map from runs of bytes to where they come from. No byte is copied: thousands of
//! states of one disk share the disk as it was and the log of what was written.

use std::{collections::BTreeMap, ops::Range};

use crate::log::Data;

/// A run of bytes on the disk and its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Piece {
    /// First byte on the disk.
    pub start: u64,
    /// The byte behind the last one.
    pub end: u64,
    /// Where its bytes come from; nothing was written there when it is `None`.
    pub source: Option<Source>,
}

/// Where written bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// From this byte of the log on.
    Log(u64),
    /// All 0.
    Zero,
}

impl Source {
    fn skip(self, bytes: u64) -> Self {
        match self {
            Self::Log(at) => Self::Log(at + bytes),
            Self::Zero => Self::Zero,
        }
    }
}

impl From<Data> for Source {
    fn from(data: Data) -> Self {
        match data {
            Data::Log(at) => Self::Log(at),
            Data::Zero => Self::Zero,
        }
    }
}

/// Writes on top of each other; the later one counts.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    /// From the first byte of a run to the byte behind it and its source. Runs do not overlap.
    runs: BTreeMap<u64, (u64, Source)>,
}

impl Overlay {
    /// Lays `length` bytes from `source` at `offset`.
    pub fn write(&mut self, offset: u64, length: u64, source: Source) {
        let end = offset.saturating_add(length);
        if length == 0 {
            return;
        }
        // What begins before and reaches into the new run keeps its front, and its back when it reaches beyond.
        if let Some((&start, &(old_end, old))) = self.runs.range(..offset).next_back()
            && old_end > offset
        {
            self.runs.insert(start, (offset, old));
            if old_end > end {
                self.runs.insert(end, (old_end, old.skip(end - start)));
            }
        }
        let covered: Vec<u64> = self.runs.range(offset..end).map(|(start, _)| *start).collect();
        for start in covered {
            if let Some((old_end, old)) = self.runs.remove(&start)
                && old_end > end
            {
                self.runs.insert(end, (old_end, old.skip(end - start)));
            }
        }
        self.runs.insert(offset, (end, source));
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.runs.clear();
    }

    /// Covers `range` without gaps, in order; where nothing was written the source is `None`.
    pub fn pieces(&self, range: Range<u64>) -> Vec<Piece> {
        let mut found = Vec::new();
        let mut at = range.start;
        let first = self.runs.range(..=range.start).next_back();
        let others = self
            .runs
            .range(range.start.saturating_add(1)..range.end.max(range.start + 1));
        for (&start, &(end, source)) in first.into_iter().chain(others) {
            let (from, to) = (start.max(at), end.min(range.end));
            if from >= to {
                continue;
            }
            if from > at {
                found.push(Piece {
                    start: at,
                    end: from,
                    source: None,
                });
            }
            let source = Some(source.skip(from - start));
            found.push(Piece {
                start: from,
                end: to,
                source,
            });
            at = to;
        }
        if at < range.end {
            found.push(Piece {
                start: at,
                end: range.end,
                source: None,
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_run_in_the_middle_splits_the_older_one() {
        let mut overlay = Overlay::default();
        overlay.write(0, 100, Source::Log(1000));
        overlay.write(40, 20, Source::Zero);
        let piece = |start, end, source| Piece { start, end, source };
        assert_eq!(
            overlay.pieces(30..120),
            [
                piece(30, 40, Some(Source::Log(1030))),
                piece(40, 60, Some(Source::Zero)),
                piece(60, 100, Some(Source::Log(1060))),
                piece(100, 120, None)
            ]
        );
    }

    proptest! {
        /// The map says the same as an array with one source a byte.
        #[test]
        fn it_is_an_array_of_sources(writes in prop::collection::vec((0u64..60, 0u64..30, any::<bool>()), 0..30), from in 0u64..90, length in 0u64..90) {
            let mut overlay = Overlay::default();
            let mut array = vec![None; 200];
            for (number, (offset, length, zero)) in writes.into_iter().enumerate() {
                let source = if zero { Source::Zero } else { Source::Log(1000 * number as u64) };
                overlay.write(offset, length, source);
                for n in 0..length {
                    array[(offset + n) as usize] = Some(source.skip(n));
                }
            }
            let pieces = overlay.pieces(from..from + length);
            let mut at = from;
            for piece in pieces {
                prop_assert_eq!(piece.start, at);
                prop_assert!(piece.end > piece.start);
                for n in piece.start..piece.end {
                    prop_assert_eq!(array[n as usize], piece.source.map(|source| source.skip(n - piece.start)));
                }
                at = piece.end;
            }
            prop_assert_eq!(at, from + length);
        }
    }
}
