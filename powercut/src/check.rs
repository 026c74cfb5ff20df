//! What would boot from a state of a disk. The choice is made by the code that the node itself decides with, and whatever it
//! chooses must be whole: loader, kernel image, root and configuration. Not only the first choice counts, but also every one
//! that the loader falls back to when the first never becomes healthy.

mod bios;
mod choose;
mod config;
mod firmware;
mod root;

use std::collections::HashMap;

use anyhow::Context as _;
use corbel_layout::{
    Extent, ReadAt,
    disk::Role,
    gpt::{self, Partition},
    slot::Slot,
};

use self::config::Configuration;
use crate::{
    esp::{self, Esp},
    recording::{Operation, Recording},
    release::Release,
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
    /// What would be started repairs the configuration's file system before it mounts it.
    pub repaired: bool,
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
    /// What was there before the operation: neither the document nor the password may be lost.
    before: Option<Configuration>,
    /// What may stand in front of and behind the boot code's jump to core.img.
    grubs: Vec<bios::Grub>,
    /// Boot code of whoever had the disk before.
    foreign: Option<bios::Found>,
    roots: root::Roots,
    configurations: config::Configurations,
    known: HashMap<Vec<Identity>, Outcome>,
    /// The state that is looked at needs a repair.
    repaired: bool,
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
            before: None,
            grubs: Vec::new(),
            foreign: None,
            roots: root::Roots::default(),
            configurations: config::Configurations::new().context("cannot make a temporary folder")?,
            known: HashMap::new(),
            repaired: false,
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
            checker.before = Some(configuration);
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
        self.repaired = false;
        let uefi = self.uefi(state, &either)?;
        let bios = match self.sector {
            BIOS_SECTOR => Some(self.bios(state, &primary)?),
            _ => None,
        };
        let outcome = Outcome {
            uefi: self.allowed(uefi),
            bios: bios.map(|verdict| self.allowed(verdict)),
            repaired: self.repaired,
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
        let found = match self.configurations.check(state, part)? {
            Ok(found) => found,
            Err(reason) => return failure(format!("the configuration: {reason}")),
        };
        self.repaired |= found.repaired;
        if let Some(before) = &self.before {
            if found.generation < before.generation {
                return failure(format!(
                    "the configuration went back from generation {} to {}",
                    before.generation, found.generation
                ));
            }
            // The recording's first save sets one.
            let saved = self.operation == Operation::ConfigurationSave && found.generation > before.generation;
            if !found.password && (before.password || saved) {
                return failure(format!(
                    "the password is not there with generation {} of the configuration",
                    found.generation
                ));
            }
        }
        let is_old = self.old.is_some_and(|old| old.root_hash == release.root_hash);
        Ok(if is_old { Verdict::Old } else { Verdict::New })
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

#[cfg(test)]
mod tests;
