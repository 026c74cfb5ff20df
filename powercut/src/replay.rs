//! From a disk as it was and the log of what was written to it: every disk that a power cut could have left. That is the
//! disk at each boundary between two writes, and what a drive may make of the writes since the last flush, which it is free to
//! keep back, to take out of order, or to leave half done at a sector.

use std::{fmt, ops::Range};

use corbel_layout::{Extent, ReadAt};

use crate::{
    log::{Entry, Write},
    overlay::Source,
    recording::Recording,
    state::State,
};

/// Seeded samples of what a drive may have done with the writes between two flushes; beside these each single write is
/// left out once and is there alone once.
const MOST_SUBSETS: usize = 32;

/// Sectors of a write that is torn at each of them.
const SHORT: u64 = 8;

/// How the power was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Before the first write.
    Start,
    /// Between two writes; all before it have reached the disk.
    Boundary,
    /// In the middle of a write: of the last one only so many sectors have reached the disk.
    Torn(u64),
    /// One write since the last flush has not reached the disk, all others have.
    Missing,
    /// Of all writes since the last flush only this one has reached the disk, with those before it that were forced.
    Alone,
    /// Some writes since the last flush have reached the disk: the sample of this number.
    Subset(u32),
}

impl Cut {
    /// One of the cuts that leave the order of the writes as it was.
    pub fn is_boundary(self) -> bool {
        matches!(self, Self::Start | Self::Boundary)
    }
}

/// Which of a recording's states this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The write that the cut is about, counted from 0; for a subset the last one that could have arrived.
    pub write: usize,
    /// What happened to it.
    pub cut: Cut,
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write = self.write;
        match self.cut {
            Cut::Start => write!(formatter, "before the first write"),
            Cut::Boundary => write!(formatter, "after write {write}"),
            Cut::Torn(sectors) => write!(formatter, "write {write} torn after {sectors} sectors"),
            Cut::Missing => write!(formatter, "write {write} missing"),
            Cut::Alone => write!(formatter, "write {write} alone"),
            Cut::Subset(number) => write!(formatter, "up to write {write} some, sample {number}"),
        }
    }
}

/// Shows every state of the recording to `visit`, in the same order each time.
///
/// # Errors
/// What `visit` failed with.
pub fn replay<E>(recording: &Recording, mut visit: impl FnMut(Name, &State<'_>) -> Result<(), E>) -> Result<(), E> {
    let mut state = State::new(recording);
    visit(
        Name {
            write: 0,
            cut: Cut::Start,
        },
        &state,
    )?;
    for epoch in epochs(recording.entries()) {
        let writes = &recording.writes()[epoch.clone()];
        in_order(&mut state, recording, &epoch, &mut visit)?;
        for number in 0..writes.len() {
            let name = |cut| Name {
                write: epoch.start + number,
                cut,
            };
            // Whoever waited for a forced write has it, so it is missing only when nothing came after it.
            // Left out as the last one, it is the boundary before it.
            if !writes[number].fua && number + 1 < writes.len() {
                state.only(writes, |other| other != number);
                visit(name(Cut::Missing), &state)?;
            }
            // Alone as the first one, it is the boundary behind it.
            if number > 0 {
                state.only(writes, |other| other == number || (other < number && writes[other].fua));
                visit(name(Cut::Alone), &state)?;
            }
        }
        for sample in subsets(writes, epoch.start as u64) {
            state.only(writes, |other| sample.kept[other]);
            let cut = Cut::Subset(sample.number);
            visit(
                Name {
                    write: epoch.start + sample.last,
                    cut,
                },
                &state,
            )?;
        }
        state.only(writes, |_| true);
        state.flush();
    }
    Ok(())
}

/// The boundaries, and each write torn.
fn in_order<E>(
    state: &mut State<'_>,
    recording: &Recording,
    epoch: &Range<usize>,
    visit: &mut impl FnMut(Name, &State<'_>) -> Result<(), E>,
) -> Result<(), E> {
    for number in epoch.clone() {
        let write = recording.writes()[number];
        let sector = recording.sector();
        for sectors in torn(write.length / sector) {
            state.write(&Write {
                length: sectors * sector,
                ..write
            });
            visit(
                Name {
                    write: number,
                    cut: Cut::Torn(sectors),
                },
                state,
            )?;
        }
        state.write(&write);
        visit(
            Name {
                write: number,
                cut: Cut::Boundary,
            },
            state,
        )?;
    }
    Ok(())
}

/// After how many of its sectors a write is torn: after each where it is short, as superblocks, folders and tables are, else after
/// the first, in the middle and before the last.
fn torn(sectors: u64) -> Vec<u64> {
    if sectors <= SHORT {
        return (1..sectors).collect();
    }
    vec![1, sectors / 2, sectors - 1]
}

/// The numbers of the writes between two flushes; empty ones are left out.
fn epochs(entries: &[Entry]) -> Vec<Range<usize>> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    for entry in entries {
        match entry {
            Entry::Write(_) => at += 1,
            Entry::Flush => {
                found.push(start..at);
                start = at;
            }
            Entry::Mark(_) => {}
        }
    }
    found.push(start..at);
    found.retain(|epoch| !epoch.is_empty());
    found
}

struct Subset {
    number: u32,
    /// The last write that the drive was told of.
    last: usize,
    kept: Vec<bool>,
}

/// Random, but the same each time: a failure must be found again.
fn subsets(writes: &[Write], seed: u64) -> Vec<Subset> {
    // Of two writes all four cases are seen already.
    let count = if writes.len() < 3 {
        0
    } else {
        writes.len().min(MOST_SUBSETS)
    };
    let mut random = Random(seed);
    let sample = |number| {
        let last = random.below(writes.len() as u64) as usize;
        // Sometimes nearly all, sometimes hardly any.
        let weight = random.below(7) + 1;
        let mut kept: Vec<bool> = writes
            .iter()
            .enumerate()
            .map(|(other, write)| other <= last && (random.below(8) < weight || (write.fua && other < last)))
            .collect();
        kept[last] |= writes[last].fua;
        Subset { number, last, kept }
    };
    (0..count as u32).map(sample).collect()
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose samples.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % bound.max(1)
    }
}

/// A part of a state, for readers of formats.
pub fn window<'a>(state: &'a State<'_>, extent: Extent) -> impl ReadAt + 'a {
    corbel_layout::Window::new(state, extent)
}

impl State<'_> {
    /// On top of what is safe, exactly the writes that `kept` says, in their order.
    fn only(&mut self, writes: &[Write], kept: impl Fn(usize) -> bool) {
        self.forget();
        for (number, write) in writes.iter().enumerate() {
            if kept(number) {
                self.write(write);
            }
        }
    }

    fn write(&mut self, write: &Write) {
        self.lay(write.offset, write.length, Source::from(write.data));
    }
}

#[cfg(test)]
mod tests;
