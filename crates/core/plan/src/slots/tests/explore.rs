//! Every reachable state of a disk with two slots, breadth first: boots by either loader and by hand, upgrades, rollbacks,
//! healthy and unhealthy trials, and a power cut between any two writes or in the middle of one that can be torn.

mod disk;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::*;
use disk::{Disk, Part};

type Version = u8;
const VERSIONS: std::ops::RangeInclusive<Version> = 1..=2;

/// What runs, and what it is about to write.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct System {
    running: Running,
    outcome: Option<Outcome>,
    pending: Vec<Step>,
    /// The version that the pending steps write.
    writing: Option<Version>,
    /// The machine restarts when nothing is pending.
    restart: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    disk: Disk,
    system: Option<System>,
    /// What nobody writes down and the test knows: the slot that was healthy last, and a trial that used up its tries.
    last_healthy: Slot,
    used_up: Option<Version>,
}

impl World {
    /// A fresh installation: version 1 in slot a, nothing in b.
    fn installed() -> Self {
        let plain = Entry {
            name: EntryName::plain(Slot::A),
            generation: 1,
        };
        Self {
            disk: Disk {
                root: [Part::Is(1), Part::Nothing],
                kernel: [Part::Is(1), Part::Nothing],
                menu: [Part::Is(1), Part::Nothing],
                entries: BTreeMap::from([(plain, 1)]),
                env: Some(GrubEnv {
                    good: Slot::A,
                    trial: None,
                }),
                note: None,
                failed: BTreeSet::new(),
            },
            system: None,
            last_healthy: Slot::A,
            used_up: None,
        }
    }

    /// The same state whatever its generations are called: only their order counts.
    fn normal(mut self) -> Self {
        let ranks: BTreeSet<u64> = self.disk.entries.keys().map(|e| e.generation).collect();
        let rank = |g: u64| 1 + ranks.iter().take_while(|other| **other < g).count() as u64;
        // Boots by hand count tries that were taken for ever; nothing depends on how many there were beyond the first.
        let few = |counter: Counter| Counter {
            done: counter.done.min(u32::from(TRIES).saturating_sub(counter.left)),
            ..counter
        };
        let renumber = |e: Entry| Entry {
            generation: rank(e.generation),
            name: EntryName {
                counter: e.name.counter.map(few),
                ..e.name
            },
        };
        let entries = std::mem::take(&mut self.disk.entries);
        self.disk.entries = entries.into_iter().map(|(e, v)| (renumber(e), v)).collect();
        // Pending steps name generations too; those are never below what the disk has.
        if let Some(system) = &mut self.system {
            for step in &mut system.pending {
                if let Step::PutEntry(entry) = step {
                    *entry = renumber(*entry);
                }
            }
        }
        self
    }

    fn next(&self) -> Vec<World> {
        match &self.system {
            None => self.boots(),
            Some(system) => match system.pending.first() {
                Some(step) => self.steps(system, *step),
                None if system.restart => vec![self.off()],
                None => self.events(system),
            },
        }
    }

    fn off(&self) -> World {
        World {
            system: None,
            ..self.clone()
        }
    }

    /// By themselves, and by hand any entry of the menus.
    fn boots(&self) -> Vec<World> {
        let mut found = Vec::new();
        for firmware in [Firmware::Bios, Firmware::Uefi] {
            let (slot, disk) = self.disk.boot(firmware);
            found.push(self.started(slot, firmware, disk));
        }
        for slot in Slot::ALL
            .into_iter()
            .filter(|slot| self.disk.loadable()[*slot as usize])
        {
            found.push(self.started(slot, Firmware::Bios, self.disk.clone()));
        }
        for entry in self.disk.entries.keys() {
            let mut disk = self.disk.clone();
            let taken = choose_uefi(&[*entry]).and_then(|boot| boot.renamed);
            disk.rename(*entry, taken);
            found.push(self.started(entry.name.slot, Firmware::Uefi, disk));
        }
        found
    }

    /// The system may die at once, or come so far as to look at the records.
    fn started(&self, slot: Slot, firmware: Firmware, disk: Disk) -> World {
        let mut world = World { disk, ..self.clone() };
        let trial = world.disk.records().trial(firmware);
        if let Some(trial) = trial.filter(|t| t.tries == 0 && t.slot != slot) {
            world.used_up = world.disk.complete(trial.slot);
        }
        world.system = Some(System {
            running: Running { slot, firmware },
            outcome: None,
            pending: Vec::new(),
            writing: None,
            restart: false,
        });
        world
    }

    fn doing(&self, system: &System, pending: Vec<Step>, writing: Option<Version>, restart: bool) -> World {
        World {
            system: Some(System {
                pending,
                writing,
                restart,
                ..system.clone()
            }),
            ..self.clone()
        }
    }

    fn events(&self, system: &System) -> Vec<World> {
        let records = self.disk.records();
        let running = system.running;
        let mut found = vec![self.off()];
        let Some(outcome) = system.outcome else {
            let Review { outcome, steps } = review(&records, running, self.disk.note.map(|(note, _)| note));
            let mut world = self.doing(system, steps, None, false);
            if outcome == Outcome::Good || matches!(outcome, Outcome::FellBack(_)) {
                world.last_healthy = running.slot;
            }
            world.system.as_mut().expect("it runs").outcome = Some(outcome);
            found.push(world);
            return found;
        };
        if outcome == Outcome::OnTrial && records.trial(running.firmware).is_some_and(|t| t.slot == running.slot) {
            let steps = plan_bless(&records, running).expect("a trial can be blessed");
            found.push(self.doing(system, steps, None, false));
        }
        if let Ok(steps) = plan_upgrade(&records, running) {
            assert_eq!(self.used_up, None, "a failure is noted before the next upgrade");
            let runs = self.disk.complete(running.slot).expect("the running system is whole");
            for version in VERSIONS.filter(|v| *v != runs && !self.disk.failed.contains(v)) {
                found.push(self.doing(system, steps.clone(), Some(version), true));
            }
        }
        if let Ok(steps) = plan_rollback(&records, running) {
            found.push(self.doing(system, steps, None, true));
        }
        found
    }

    /// The write is done, or power is cut before it, or in the middle of it.
    fn steps(&self, system: &System, step: Step) -> Vec<World> {
        let mut done = self.clone();
        done.system.as_mut().expect("it runs").pending.remove(0);
        done.apply(step, system);
        let mut found = vec![self.off(), done];
        let torn = match step {
            Step::WriteRoot(slot) => Some((slot, true)),
            Step::WriteKernel(slot) => Some((slot, false)),
            _ => None,
        };
        if let Some((slot, root)) = torn {
            let mut world = self.off();
            let part = if root {
                &mut world.disk.root
            } else {
                &mut world.disk.kernel
            };
            part[slot as usize] = Part::Torn;
            found.push(world);
        }
        found
    }

    fn apply(&mut self, step: Step, system: &System) {
        let disk = &mut self.disk;
        let written = || Part::Is(system.writing.expect("an upgrade writes a version"));
        match step {
            Step::PutEntry(entry) => {
                let known = disk.complete(entry.name.slot).expect("an entry names a whole system");
                // From the first write on, a healthy trial is the good system.
                if entry.name.counter.is_none() {
                    self.last_healthy = entry.name.slot;
                    // Started once more by hand it may turn out to be healthy: then it did not fail.
                    if self.used_up == Some(known) {
                        self.used_up = None;
                    }
                }
                disk.entries.retain(|e, _| e.name != entry.name);
                disk.entries.insert(entry, known);
            }
            Step::RemoveEntry(name) => disk.entries.retain(|e, _| e.name != name),
            Step::PutEnv(env) => {
                disk.env = Some(env);
                // The other loader's record had it for good already.
                if self.used_up.is_some() && disk.complete(env.good) == self.used_up {
                    self.used_up = None;
                }
            }
            Step::RemoveMenu(slot) | Step::WriteRoot(slot) | Step::WriteKernel(slot) | Step::WriteMenu(slot) => {
                assert_ne!(slot, self.last_healthy, "the good slot is never written");
                assert_ne!(slot, system.running.slot, "the running slot is never written");
                let at = slot as usize;
                match step {
                    Step::RemoveMenu(_) => disk.menu[at] = Part::Nothing,
                    Step::WriteRoot(_) => disk.root[at] = written(),
                    Step::WriteKernel(_) => disk.kernel[at] = written(),
                    _ => disk.menu[at] = written(),
                }
            }
            Step::NoteTrial(slot) => {
                let version = disk.complete(slot).expect("a trial is whole");
                disk.note = Some((TrialNote { slot, started: false }, version));
            }
            Step::NoteStarted(slot) => {
                let version = disk.complete(slot).expect("what runs is whole");
                disk.note = Some((TrialNote { slot, started: true }, version));
            }
            Step::NoteFailed(slot) => {
                let noted = disk
                    .note
                    .filter(|(note, _)| note.slot == slot)
                    .map(|(_, version)| version);
                let version = noted.or(disk.complete(slot)).expect("what was tried has a version");
                disk.failed.insert(version);
                // Given up, by a person or because its tries are used up although one loader had blessed it.
                if self.last_healthy == slot {
                    self.last_healthy = slot.other();
                }
                if self.used_up == Some(version) {
                    self.used_up = None;
                }
            }
            Step::ForgetTrial => disk.note = None,
        }
    }

    fn check(&self) {
        self.disk.check();
        let records = self.disk.records();
        let nothing_on_trial = [Firmware::Bios, Firmware::Uefi]
            .iter()
            .all(|firmware| records.trial(*firmware).is_none());
        let idle = self.system.as_ref().is_none_or(|s| s.pending.is_empty());
        if let Some(version) = self.used_up
            && nothing_on_trial
            && idle
        {
            assert!(
                self.disk.failed.contains(&version),
                "version {version} failed and nobody knows"
            );
        }
    }
}

#[test]
fn no_reachable_state_loses_the_good_system() {
    let first = World::installed();
    let mut seen = HashMap::from([(first.clone(), 0)]);
    // Each state with the one that led to it, for the message.
    let mut states = vec![(first, 0)];
    let mut at = 0;
    while let Some((world, _)) = states.get(at).cloned() {
        let result = std::panic::catch_unwind(|| {
            world.check();
            world.next()
        });
        let Ok(next) = result else {
            let mut path = vec![at];
            for _ in 0..5 {
                path.insert(0, states[path[0]].1);
            }
            let path: Vec<_> = path.into_iter().map(|at| format!("{:?}", states[at].0)).collect();
            panic!("the end of the way there:\n{}", path.join("\n"));
        };
        for state in next.into_iter().map(World::normal) {
            seen.entry(state.clone()).or_insert_with(|| {
                states.push((state, at));
                states.len()
            });
        }
        at += 1;
    }
    // An exploration that did not get far would prove little.
    assert!(states.len() > 10_000, "{} states", states.len());
    let reached = |wanted: &dyn Fn(&World) -> bool| states.iter().any(|(world, _)| wanted(world));
    assert!(reached(&|w| w.last_healthy == Slot::B));
    assert!(reached(&|w| !w.disk.failed.is_empty()));
    assert!(reached(&|w| w.disk.root.contains(&Part::Torn)));
}
