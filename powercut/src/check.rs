//! What would boot from a state of a disk. The choice is made by the code that the node itself decides with, and whatever it
//! chooses must be whole: loader, kernel image, root and configuration. Not only the first choice counts, but also every one
//! that the loader falls back to when the first never becomes healthy.

mod bios;
mod choose;
mod config;
mod root;

use std::collections::HashMap;

use anyhow::Context as _;
use corbel_layout::{
    Extent, ReadAt, Window,
    disk::Role,
    fat::FatError,
    gpt::{self, Partition},
    grubenv::GrubEnv,
    loader_entry::{EntryName, LoaderEntry},
    slot::Slot,
};
use corbel_plan::slots::Entry;

use crate::{
    esp::{self, Esp},
    recording::{Operation, Recording},
    release::{LOADERS, Release},
    state::{Identity, State},
};

/// Bytes at both ends of a disk that hold its partition tables.
const TABLES: u64 = 1 << 20;
/// A BIOS starts no disk with other sectors.
const BIOS_SECTOR: u64 = 512;

/// What one firmware would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The version from before, whole.
    Old,
    /// The version that the operation brings, whole.
    New,
    /// Nothing: firmware goes on to the next medium, which during an install is the installer.
    Nothing,
    /// Something that is not whole, or nothing where a system must be.
    Failure(String),
}

/// What both firmwares would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub uefi: Verdict,
    /// Absent for disks that no BIOS starts.
    pub bios: Option<Verdict>,
}

impl Outcome {
    /// Why the state is a failure, with the firmware that shows it.
    pub fn failure(&self) -> Option<String> {
        let named = [("UEFI", Some(&self.uefi)), ("BIOS", self.bios.as_ref())];
        named.into_iter().find_map(|(firmware, verdict)| match verdict {
            Some(Verdict::Failure(reason)) => Some(format!("{firmware}: {reason}")),
            _ => None,
        })
    }
}

/// Judges the states of one recording.
#[derive(Debug)]
pub struct Checker<'a> {
    operation: Operation,
    old: Option<&'a Release>,
    new: Option<&'a Release>,
    sector: u64,
    /// A configuration that is older than the one before the operation was lost.
    least_generation: u64,
    /// What may stand in front of and behind the boot code's jump to core.img.
    grubs: Vec<bios::Grub>,
    /// Boot code of whoever had the disk before.
    foreign: Option<bios::Found>,
    roots: root::Roots,
    configurations: config::Configurations,
    known: HashMap<Vec<Identity>, Outcome>,
}

impl<'a> Checker<'a> {
    /// For a recording of `operation` between these releases; for an operation that brings no other version they are one
    /// and the same, and then it counts as the old one.
    ///
    /// # Errors
    /// When the disk cannot be read, or its first or last state is not what the operation begins or ends with.
    pub fn new(
        recording: &Recording,
        operation: Operation,
        old: Option<&'a Release>,
        new: Option<&'a Release>,
    ) -> anyhow::Result<Self> {
        let mut checker = Self {
            operation,
            old,
            new,
            sector: recording.sector(),
            least_generation: 0,
            grubs: Vec::new(),
            foreign: None,
            roots: root::Roots::default(),
            configurations: config::Configurations::new().context("cannot make a temporary folder")?,
            known: HashMap::new(),
        };
        let (first, last) = (State::new(recording), State::last(recording));
        for state in [&first, &last] {
            match bios::find(state)? {
                bios::Found::Grub(grub) => checker.grubs.push(grub),
                other => checker.foreign = checker.foreign.or(Some(other)),
            }
        }
        if operation != Operation::Install
            && let Some(partition) = partition(&table(&first, true), Role::Config)
        {
            let configuration = checker.configurations.check(&first, partition)?;
            let configuration = configuration.map_err(|reason| anyhow::anyhow!("before the operation {reason}"))?;
            checker.least_generation = configuration.generation;
        }
        checker.hold("before the operation", &first, checker.expected(true))?;
        checker.hold("after the operation", &last, checker.expected(false))?;
        Ok(checker)
    }

    /// What a disk is before or after the operation.
    fn expected(&self, before: bool) -> Verdict {
        let one =
            |release: Option<&Release>, verdict: Verdict| if release.is_some() { verdict } else { Verdict::Nothing };
        if before {
            return match self.operation {
                // It begins where the upgrade armed it.
                Operation::FirstBoot => one(self.new, Verdict::New),
                _ => one(self.old, Verdict::Old),
            };
        }
        match (self.old, self.new) {
            (Some(old), Some(new)) if old.root_hash == new.root_hash => Verdict::Old,
            (_, new) => one(new, Verdict::New),
        }
    }

    /// A recording of something else would prove nothing.
    fn hold(&mut self, when: &str, state: &State<'_>, expected: Verdict) -> anyhow::Result<()> {
        let outcome = self.check(state)?;
        let verdicts = [Some(&outcome.uefi), outcome.bios.as_ref()];
        for verdict in verdicts.into_iter().flatten() {
            anyhow::ensure!(
                *verdict == expected,
                "{when} the disk should be {expected:?}, and it is {outcome:?}"
            );
        }
        Ok(())
    }

    /// How many states differed in what this looks at.
    pub fn distinct(&self) -> usize {
        self.known.len()
    }

    /// The judgement on one state.
    ///
    /// # Errors
    /// When the checker itself cannot work: a recording that cannot be read, a tool that is missing.
    pub fn check(&mut self, state: &State<'_>) -> anyhow::Result<Outcome> {
        let primary = table(state, false);
        let either = if primary.is_empty() {
            table(state, true)
        } else {
            primary.clone()
        };
        let size = state.size();
        let end = size.saturating_sub(TABLES);
        let mut parts = vec![
            Extent {
                offset: 0,
                length: TABLES.min(size),
            },
            Extent {
                offset: end,
                length: size - end,
            },
        ];
        let looked_at = [Role::Esp, Role::Bios, Role::RootA, Role::RootB, Role::Config];
        parts.extend(looked_at.iter().filter_map(|role| partition(&either, *role)));
        let key: Vec<Identity> = parts.into_iter().map(|part| state.identity(part)).collect();
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let uefi = self.uefi(state, &either)?;
        let bios = match self.sector {
            BIOS_SECTOR => Some(self.bios(state, &primary)?),
            _ => None,
        };
        let outcome = Outcome {
            uefi: self.allowed(uefi),
            bios: bios.map(|verdict| self.allowed(verdict)),
        };
        self.known.insert(key, outcome.clone());
        Ok(outcome)
    }

    /// On the way to a node or away from it the medium beside the disk is what is started.
    fn may_be_nothing(&self) -> bool {
        matches!(self.operation, Operation::Install | Operation::Uninstall)
    }

    /// What is no damage can still be wrong.
    fn allowed(&self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Nothing if !self.may_be_nothing() => Verdict::Failure("nothing would be started".to_owned()),
            other => other,
        }
    }

    fn uefi(&mut self, state: &State<'_>, table: &[Partition]) -> anyhow::Result<Verdict> {
        let Some(part) = partition(table, Role::Esp) else {
            return Ok(Verdict::Nothing);
        };
        let window = Window::new(state, part);
        let esp = match Esp::open(&window) {
            Ok(esp) => esp,
            Err(FatError::Io { source, .. }) => return Err(source.into()),
            Err(_) => return Ok(Verdict::Nothing),
        };
        let mut loader = false;
        for path in LOADERS {
            let bytes = match esp.read(path) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                // What firmware cannot read it does not start.
                Err(_) if self.may_be_nothing() => continue,
                Err(error) => return failure(format!("{error:#}")),
            };
            let sum = esp::sum(&bytes);
            if !self.releases().any(|release| release.loaders.contains(&sum)) {
                return failure(format!("{path} is the loader of no release"));
            }
            loader = true;
        }
        if !loader {
            return Ok(Verdict::Nothing);
        }
        let entries = match entries(&esp) {
            Ok(entries) => entries,
            Err(error) => return failure(format!("{error:#}")),
        };
        let order = choose::uefi(entries.iter().map(|(entry, _)| *entry).collect());
        let mut first = None;
        for chosen in order {
            let Some((_, entry)) = entries
                .iter()
                .find(|(entry, _)| entry.generation == chosen.generation && entry.name.slot == chosen.name.slot)
            else {
                continue;
            };
            let system = System {
                slot: chosen.name.slot,
                uki: &entry.efi,
                words: &entry.words,
            };
            let verdict = self.system(state, table, &esp, &system)?;
            if let Verdict::Failure(reason) = verdict {
                return failure(format!("{}: {reason}", chosen.name));
            }
            first.get_or_insert(verdict);
        }
        // Without an entry systemd-boot gives the machine back to the firmware.
        Ok(first.unwrap_or(Verdict::Nothing))
    }

    fn bios(&mut self, state: &State<'_>, table: &[Partition]) -> anyhow::Result<Verdict> {
        let found = bios::find(state)?;
        match &found {
            bios::Found::Nothing => return Ok(Verdict::Nothing),
            // What it starts, or does not, was so before.
            other if self.operation == Operation::Install && self.foreign.as_ref() == Some(other) => {
                return Ok(Verdict::Nothing);
            }
            bios::Found::Other(_) => return failure("the boot code in sector 0 is nobody's".to_owned()),
            bios::Found::Grub(grub) if !self.grubs.contains(grub) => {
                return failure("boot code and core.img do not belong together".to_owned());
            }
            bios::Found::Grub(_) => {}
        }
        let first = table
            .iter()
            .find(|partition| partition.number == 1 && partition.name == Role::Esp.name());
        let Some(part) = first else {
            return failure("GRUB starts, and its first partition is no EFI partition".to_owned());
        };
        let window = Window::new(
            state,
            Extent {
                offset: part.offset,
                length: part.length,
            },
        );
        let esp = match Esp::open(&window) {
            Ok(esp) => esp,
            Err(error) => return failure(format!("GRUB starts and finds {error}")),
        };
        match esp.read("corbel/grub.cfg") {
            Ok(Some(text)) if bios::is_main_config(&String::from_utf8_lossy(&text)) => {}
            Ok(Some(_)) => return failure("corbel/grub.cfg is not whole".to_owned()),
            Ok(None) => return failure("GRUB starts and finds no corbel/grub.cfg".to_owned()),
            Err(error) => return failure(format!("{error:#}")),
        }
        let env = match esp.read("corbel/grubenv") {
            Ok(Some(block)) => match GrubEnv::parse(&block) {
                Ok(env) => env,
                Err(error) => return failure(format!("{error}")),
            },
            Ok(None) => return failure("there is no corbel/grubenv".to_owned()),
            Err(error) => return failure(format!("{error:#}")),
        };
        // GRUB goes on to the other slot where it finds no files; whether they are whole it cannot know.
        let loadable = Slot::ALL.map(|slot| {
            let there = |name: &str| esp.has(&format!("corbel/{slot}/{name}"));
            there("grub.cfg") && there("corbel.efi")
        });
        let mut started = None;
        for slot in choose::bios(env, loadable) {
            let verdict = self.bios_slot(state, table, &esp, slot)?;
            if let Verdict::Failure(reason) = verdict {
                return failure(format!("slot {slot}: {reason}"));
            }
            started.get_or_insert(verdict);
        }
        match started {
            Some(verdict) => Ok(verdict),
            None => failure("GRUB starts and finds no system".to_owned()),
        }
    }

    fn bios_slot<T: ReadAt>(
        &mut self,
        state: &State<'_>,
        table: &[Partition],
        esp: &Esp<'_, T>,
        slot: Slot,
    ) -> anyhow::Result<Verdict> {
        let path = format!("corbel/{slot}/grub.cfg");
        let text = match esp.read(&path) {
            Ok(Some(text)) => String::from_utf8_lossy(&text).into_owned(),
            Ok(None) => return failure(format!("there is no {path}")),
            Err(error) => return failure(format!("{error:#}")),
        };
        let words = self
            .releases()
            .find_map(|release| bios::slot_words(&text, slot, release));
        let Some(words) = words else {
            return failure(format!("{path} is not whole, or of no release"));
        };
        let uki = format!("corbel/{slot}/corbel.efi");
        let system = System {
            slot,
            uki: &uki,
            words: &words,
        };
        self.system(state, table, esp, &system)
    }

    /// Whether what a loader would start is whole.
    fn system<T: ReadAt>(
        &mut self,
        state: &State<'_>,
        table: &[Partition],
        esp: &Esp<'_, T>,
        system: &System<'_>,
    ) -> anyhow::Result<Verdict> {
        let uki = match esp.read(system.uki) {
            Ok(Some(bytes)) => esp::sum(&bytes),
            Ok(None) => return failure(format!("there is no {}", system.uki)),
            Err(error) => return failure(format!("{error:#}")),
        };
        let Some(release) = self.releases().find(|release| release.uki == uki) else {
            return failure(format!("{} is the kernel image of no release", system.uki));
        };
        for word in [
            format!("corbel.root={}", release.root_hash),
            format!("corbel.slot={}", system.slot),
        ] {
            if !system
                .words
                .split_whitespace()
                .any(|found| found.trim_matches('\'') == word)
            {
                return failure(format!("the kernel is started without the word {word}"));
            }
        }
        let role = match system.slot {
            Slot::A => Role::RootA,
            Slot::B => Role::RootB,
        };
        let Some(part) = partition(table, role) else {
            return failure(format!("there is no partition {}", role.name()));
        };
        if let Err(reason) = self.roots.check(state, part, release)? {
            return failure(format!("{}: {reason}", role.name()));
        }
        let Some(part) = partition(table, Role::Config) else {
            return failure(format!("there is no partition {}", Role::Config.name()));
        };
        match self.configurations.check(state, part)? {
            Ok(found) if found.generation < self.least_generation => failure(format!(
                "the configuration went back from generation {} to {}",
                self.least_generation, found.generation
            )),
            Ok(_) if self.old.is_some_and(|old| old.root_hash == release.root_hash) => Ok(Verdict::Old),
            Ok(_) => Ok(Verdict::New),
            Err(reason) => failure(format!("the configuration: {reason}")),
        }
    }

    fn releases(&self) -> impl Iterator<Item = &'a Release> + use<'a> {
        [self.old, self.new].into_iter().flatten()
    }
}

/// What a loader was told to start.
struct System<'a> {
    slot: Slot,
    /// Path in the EFI partition.
    uki: &'a str,
    words: &'a str,
}

fn failure(reason: String) -> anyhow::Result<Verdict> {
    Ok(Verdict::Failure(reason))
}

/// The partitions of the first table that is whole; none when no table is. GRUB reads only the primary one, UEFI and the
/// kernel also the backup.
fn table(state: &State<'_>, backup: bool) -> Vec<Partition> {
    let found = gpt::read_primary(state).or_else(|error| match backup {
        true => gpt::read_backup(state, state.size()),
        false => Err(error),
    });
    found.map(|found| found.partitions).unwrap_or_default()
}

fn partition(table: &[Partition], role: Role) -> Option<Extent> {
    let found = table.iter().find(|partition| partition.name == role.name())?;
    Some(Extent {
        offset: found.offset,
        length: found.length,
    })
}

/// The boot entries that systemd-boot would show. It leaves out what it cannot read or start, and so does this.
fn entries<T: ReadAt>(esp: &Esp<'_, T>) -> anyhow::Result<Vec<(Entry, LoaderEntry)>> {
    let mut found = Vec::new();
    for file in esp.names("loader/entries")? {
        let Ok(name) = file.parse::<EntryName>() else { continue };
        let Some(bytes) = esp.read(&format!("loader/entries/{file}"))? else {
            continue;
        };
        let Ok(entry) = LoaderEntry::parse(&String::from_utf8_lossy(&bytes)) else {
            continue;
        };
        if esp.has(&entry.efi) {
            let generation = entry.generation;
            found.push((Entry { name, generation }, entry));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
