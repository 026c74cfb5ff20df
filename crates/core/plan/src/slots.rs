//! The two slots of a disk as a state machine: what may be started, what may be written, and which writes lead from one state
//! to the next.
//!
//! Two loaders read two records of the same thing: systemd-boot reads entry files, GRUB reads its environment block. Every
//! transition writes both, one write at a time, and a power cut may fall between any two.
//!
//! ```text
//!                 upgrade: disarm the spare, write and verify it, note, arm
//!        ┌─────────────────────────────────────────────────────────────────────────┐
//!        │        rollback: note, arm the spare as it is                           │
//!        │   ┌──────────────────────────────────────────────────────────────────┐  │
//!        │   │                                                                  ▼  ▼
//!   ┌────┴───┴─────────┐   healthy: bless (good = spare)               ┌────────────────────┐
//!   │ good             │◀──────────────────────────────────────────────┤ good + trial       │
//!   │ the good slot    │                                               │ loaders take a try │──┐ a boot takes one,
//!   │ runs, spare may  │   given up by hand: note the failure, disarm  │ a boot and start   │◀─┘ unhealthy: reboot
//!   │ be old or failed │◀──────────────────────────────────────────────┤ the trial          │
//!   └──────────────────┘                                               └─────────┬──────────┘
//!        ▲                                                                       │ no tries left
//!        │  fall back noticed: note the failure,                       ┌─────────▼──────────┐
//!        └─────────────────────────────────────────────────────────────┤ good + failed      │
//!           disarm, forget the trial                                   │ loaders start good │
//!                                                                      └────────────────────┘
//! ```
//!
//! What always holds, and is explored exhaustively in `slots/tests.rs`: the good slot is never written; whatever a loader starts
//! is complete; a trial that is never healthy ends at the good slot after exactly its tries; a version that failed is remembered.

use corbel_layout::grubenv::{GrubEnv, Trial};
use corbel_layout::loader_entry::EntryName;
use corbel_layout::slot::Slot;

mod choose;
mod transitions;

pub use choose::{BiosBoot, UefiBoot, choose_bios, choose_uefi};
pub use transitions::{
    Outcome, Refused, Review, plan_arm, plan_bless, plan_disarm, plan_rollback, plan_upgrade, review,
};

/// How often a trial is started before the loaders go back.
pub const TRIES: u8 = 3;

/// Whose loader started the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Firmware {
    /// GRUB.
    Bios,
    /// systemd-boot.
    Uefi,
}

/// A boot entry as systemd-boot orders it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Slot and counter.
    pub name: EntryName,
    /// The entry's `version`.
    pub generation: u64,
}

/// What both loaders read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Records {
    /// Entries of ours whose file and kernel are there.
    pub entries: Vec<Entry>,
    /// GRUB's environment block; absent when it cannot be read.
    pub env: Option<GrubEnv>,
}

/// The system that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Running {
    /// Where its root lies.
    pub slot: Slot,
    /// Who started it.
    pub firmware: Firmware,
}

/// What the ledger says of a trial, beside version and reason, which no decision here needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialNote {
    pub slot: Slot,
    /// Its system came as far as writing a note.
    pub started: bool,
}

/// One write. A power cut leaves it undone or done, apart from the three writes to a slot, which it may tear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Make an entry file. Its title and words are those of the slot's release.
    PutEntry(Entry),
    /// Remove an entry file.
    RemoveEntry(EntryName),
    /// Write GRUB's environment block.
    PutEnv(GrubEnv),
    /// Remove the slot's part of GRUB's menu, so that GRUB cannot start the slot.
    RemoveMenu(Slot),
    /// Write the root image and read it back.
    WriteRoot(Slot),
    /// Write the UKI and the release's manifest and read them back.
    WriteKernel(Slot),
    /// Write the slot's part of GRUB's menu.
    WriteMenu(Slot),
    /// Note that the slot will be tried.
    NoteTrial(Slot),
    /// Note that the trial's system runs.
    NoteStarted(Slot),
    /// Note that the slot's version failed, and why.
    NoteFailed(Slot),
    /// Forget the noted trial.
    ForgetTrial,
}

impl Records {
    /// The slot that one loader takes for good; the other's record where that one's is lost.
    pub fn good(&self, firmware: Firmware) -> Option<Slot> {
        match firmware {
            Firmware::Bios => self.good_bios().or_else(|| self.good_uefi()),
            Firmware::Uefi => self.good_uefi().or_else(|| self.good_bios()),
        }
    }

    /// The slot that one loader has on trial, with the tries that are left; 0 when they are used up.
    pub fn trial(&self, firmware: Firmware) -> Option<Trial> {
        match firmware {
            Firmware::Bios => self.env?.trial.filter(|trial| Some(trial.slot) != self.good(firmware)),
            Firmware::Uefi => {
                let good = self.plain_generation(self.good_uefi()?);
                let counted = self.entries.iter().filter_map(|e| Some((e, e.name.counter?)));
                let newer = counted.filter(|(e, _)| Some(e.generation) > good);
                let (entry, counter) = newer.max_by_key(|(e, counter)| (e.generation, counter.left))?;
                (Some(entry.name.slot) != self.good_uefi()).then(|| Trial {
                    slot: entry.name.slot,
                    tries: u8::try_from(counter.left).unwrap_or(u8::MAX),
                })
            }
        }
    }

    /// Both loaders agree on the good slot.
    pub fn agreed_good(&self) -> Option<Slot> {
        self.good_bios().filter(|good| Some(*good) == self.good_uefi())
    }

    /// Whether the slot has an entry without a counter: its system was healthy once.
    pub fn was_healthy(&self, slot: Slot) -> bool {
        self.plain_generation(slot).is_some()
    }

    /// The generation for an entry that shall come first.
    pub fn next_generation(&self) -> u64 {
        let highest = self.entries.iter().map(|e| e.generation).max();
        highest.map_or(1, |g| g.saturating_add(1))
    }

    fn good_bios(&self) -> Option<Slot> {
        self.env.map(|env| env.good)
    }

    fn good_uefi(&self) -> Option<Slot> {
        let plain = self.entries.iter().filter(|e| e.name.counter.is_none());
        plain.max_by_key(|e| e.generation).map(|e| e.name.slot)
    }

    /// Of the slot's entry without a counter.
    fn plain_generation(&self, slot: Slot) -> Option<u64> {
        let plain = |e: &&Entry| e.name == EntryName::plain(slot);
        self.entries.iter().filter(plain).map(|e| e.generation).max()
    }

    fn of(&self, slot: Slot) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.name.slot == slot)
    }
}

#[cfg(test)]
mod tests;
