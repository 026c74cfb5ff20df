//! A machine whose disks and slots exist only here: work on it makes visible progress, can be held, and can be told to fail.

mod answers;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use corbel_layout::slot::Slot;
use corbel_model::Keymap;
use corbel_progress::{Event, Outcome, Sink, Unit};
use corbel_sys::Cancel;

use super::disks::disks;
use super::world::World;
use crate::system::{FailedVersion, Restart, Secret, SlotInfo, SlotState, SystemError};

/// What a write takes, in pieces.
const IMAGE: u64 = 512 << 20;
const PIECES: u64 = 32;

/// Begins as a machine that runs from a CD and has four disks: an empty one, one of a foreign volume group, a small one, and the
/// USB stick that is the medium.
#[derive(Debug)]
pub struct FakeSystem {
    world: Mutex<World>,
    released: Condvar,
    /// What each piece of a write takes.
    pace: Duration,
}

impl Default for FakeSystem {
    fn default() -> Self {
        Self::live(Duration::ZERO)
    }
}

impl FakeSystem {
    /// Runs from a CD. Each of the 32 pieces of a write takes `pace`.
    pub fn live(pace: Duration) -> Self {
        let world = World {
            disks: disks(),
            version: "0.1.0".to_owned(),
            protection: super::support::protection(),
            ..World::default()
        };
        Self {
            world: Mutex::new(world),
            released: Condvar::new(),
            pace,
        }
    }

    /// Runs from slot a of `/dev/sda`; slot b is empty.
    pub fn installed(pace: Duration) -> Self {
        let fake = Self::live(pace);
        let mut world = fake.world();
        world.install("/dev/sda");
        world.slots.slots = vec![
            SlotInfo {
                name: Slot::A,
                state: SlotState::Good,
                version: Some("0.1.0".to_owned()),
                running: true,
                tries_left: None,
            },
            SlotInfo {
                name: Slot::B,
                state: SlotState::Empty,
                version: None,
                running: false,
                tries_left: None,
            },
        ];
        drop(world);
        fake
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next write fails in its middle, with these words.
    pub fn fail_next(&self, problem: &str) {
        self.world().fails = Some(problem.to_owned());
    }

    /// Writes stop in their middle until this is taken back, or they are cancelled.
    pub fn hold(&self, held: bool) {
        self.world().held = held;
        self.released.notify_all();
    }

    /// Whether it runs from slots.
    pub fn is_installed(&self) -> bool {
        !self.world().slots.slots.is_empty()
    }

    /// A version that did not become healthy. On an installed node it lies in the spare slot.
    pub fn set_failed(&self, failed: Option<FailedVersion>) {
        let mut world = self.world();
        if let (Some(failed), Ok(slot)) = (&failed, world.spare()) {
            (slot.state, slot.version, slot.tries_left) = (SlotState::Failed, Some(failed.version.clone()), None);
        }
        world.slots.last_failed = failed;
    }

    /// No kernel can be loaded from here, for this reason.
    pub fn never_fast(&self, reason: &str) {
        self.world().never_fast = Some(reason.to_owned());
    }

    /// What an upgrade from the medium has to be asked with.
    pub fn set_password(&self, password: &str) {
        self.world().password = Some(Secret(password.to_owned()));
    }

    /// What is wrong with the boot records.
    pub fn set_problems(&self, problems: &[&str]) {
        self.world().slots.problems = problems.iter().map(|text| (*text).to_owned()).collect();
    }

    /// How the machine was made to go down so far.
    pub fn restarts(&self) -> Vec<Restart> {
        self.world().restarts.clone()
    }

    /// Machines that ran when the node went down.
    pub fn ran(&self) -> Vec<String> {
        self.world().ran.clone()
    }

    /// The layout of the screen's keys, where one was chosen.
    pub fn keyboard(&self) -> Option<Keymap> {
        self.world().keyboard.clone()
    }

    /// What the installed node was given as its document.
    pub fn installed_document(&self) -> Option<String> {
        self.world().installed_document.clone()
    }

    pub(super) fn write(&self, step: &str, title: &str, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError> {
        let step = step.to_owned();
        sink.event(Event::StepStarted {
            step: step.clone(),
            title: title.to_owned(),
        });
        for piece in 0..=PIECES {
            sink.event(Event::StepProgress {
                step: step.clone(),
                done: IMAGE / PIECES * piece,
                total: Some(IMAGE),
                unit: Unit::Bytes,
            });
            if piece == PIECES / 2 {
                self.halfway(cancel)?;
            }
            if cancel.is_cancelled() {
                return Err(SystemError::Cancelled);
            }
            // It is the only way to show what takes time without doing it; tests have a pace of zero.
            std::thread::sleep(self.pace);
        }
        sink.event(Event::StepFinished {
            step,
            outcome: Outcome::Done,
            elapsed_ms: 0,
        });
        Ok(())
    }

    fn halfway(&self, cancel: &Cancel) -> Result<(), SystemError> {
        let mut world = self.world();
        while world.held && !cancel.is_cancelled() {
            let waited = self.released.wait_timeout(world, Duration::from_millis(20));
            world = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        match world.fails.take() {
            Some(problem) => Err(SystemError::Failed {
                operation: "writing to /dev/sda".to_owned(),
                problem,
            }),
            None => Ok(()),
        }
    }
}
