//! What outlives a power cut, and what must be true of it at any moment.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Nothing,
    Torn,
    Is(Version),
}

/// Everything that outlives a power cut.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    pub(super) root: [Part; 2],
    pub(super) kernel: [Part; 2],
    pub(super) menu: [Part; 2],
    /// Entry files and the version whose words they carry.
    pub(super) entries: BTreeMap<Entry, Version>,
    pub(super) env: Option<GrubEnv>,
    pub(super) note: Option<(TrialNote, Version)>,
    pub(super) failed: BTreeSet<Version>,
}

impl Disk {
    pub(super) fn records(&self) -> Records {
        Records {
            entries: self.entries.keys().copied().collect(),
            env: self.env,
        }
    }

    pub(super) fn complete(&self, slot: Slot) -> Option<Version> {
        match (self.root[slot as usize], self.kernel[slot as usize]) {
            (Part::Is(root), Part::Is(kernel)) if root == kernel => Some(root),
            _ => None,
        }
    }

    pub(super) fn loadable(&self) -> [bool; 2] {
        self.menu.map(|menu| menu != Part::Nothing)
    }

    /// What a loader starts by itself, with the disk after its try was taken.
    pub(super) fn boot(&self, firmware: Firmware) -> (Slot, Disk) {
        let mut after = self.clone();
        match firmware {
            Firmware::Uefi => {
                let entries: Vec<_> = self.entries.keys().copied().collect();
                let boot = choose_uefi(&entries).expect("there is an entry to start");
                after.rename(boot.entry, boot.renamed);
                (boot.entry.name.slot, after)
            }
            Firmware::Bios => {
                let boot = choose_bios(self.env, self.loadable()).expect("there is a slot to start");
                after.env = boot.saved.or(self.env);
                (boot.slot, after)
            }
        }
    }

    pub(super) fn rename(&mut self, entry: Entry, name: Option<EntryName>) {
        if let Some(name) = name {
            let version = self.entries.remove(&entry).expect("the entry is there");
            assert!(
                !self.entries.keys().any(|e| e.name == name),
                "the loader meets no file of the name {name}"
            );
            self.entries.insert(Entry { name, ..entry }, version);
        }
    }

    /// Whatever a loader could start, by itself or by hand, is complete and of one version.
    pub(super) fn check(&self) {
        for (entry, words) in &self.entries {
            let slot = entry.name.slot;
            assert_eq!(
                self.complete(slot),
                Some(*words),
                "entry {} starts a whole system",
                entry.name
            );
        }
        for slot in Slot::ALL {
            match self.menu[slot as usize] {
                Part::Nothing => {}
                Part::Torn => panic!("GRUB's menu of slot {slot} is torn"),
                Part::Is(words) => assert_eq!(self.complete(slot), Some(words), "GRUB starts a whole system"),
            }
        }
        let names: BTreeSet<_> = self.entries.keys().map(|e| e.name).collect();
        assert_eq!(names.len(), self.entries.len(), "a folder has each name once");
        for firmware in [Firmware::Bios, Firmware::Uefi] {
            self.check_trial_ends(firmware);
        }
    }

    /// Nothing but boots: the trial is started exactly as often as it has tries, and the good slot ever after.
    pub(super) fn check_trial_ends(&self, firmware: Firmware) {
        let good = self.records().good(firmware).expect("a good slot");
        let tries = self.records().trial(firmware).map_or(0, |t| t.tries);
        let mut disk = self.clone();
        for number in 0..=TRIES + 2 {
            let (slot, after) = disk.boot(firmware);
            let expected = if number < tries { good.other() } else { good };
            assert_eq!(slot, expected, "boot {number} of {tries} tries by {firmware:?}");
            disk = after;
        }
    }
}
