//! Changes the configuration of a node that runs: plan, do, look whether it is so, and take all of it back when a step fails.
//!
//! ```text
//!              apply                          confirm
//!   ┌───────┐ ───────▶ execute ─▶ verify ─┬──────────────▶ saved as the newest document
//!   │ quiet │              │ fails        │ network: waits
//!   └───────┘ ◀── undo ◀───┴──────────────┘ for the countdown, undo, or a reboot
//! ```
//! A change of the network is saved only when it is confirmed, so that a reboot takes it back without anybody's help: the boot settles what
//! is saved. While something is done or waits, a note in `/run` says so; a daemon that starts and finds one takes the change back.

mod execute;
mod identity;
mod note;
mod view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use corbel_model::secret::Secrets;
use corbel_model::seed::{self, EditError, SeedError, take_secrets};
use corbel_plan::config::{
    Change, Machine, NodeState, Problem, Step, check, check_machine, check_secrets, is_unreachable, machine_warnings,
    plan_change,
};
use corbel_plan::settle::{Need, SettlePlan, needs, plan_settle};

use crate::configure::ConfigFacilities;
use crate::facilities::FacilityError;
use crate::gather;
use crate::store::{ConfigStore, Current, Origin, StoreError};
use note::Note;
pub use view::{Pending, View};

/// The longest countdown.
pub const LONGEST_COUNTDOWN: Duration = Duration::from_secs(3600);

/// What a change needs from the machine besides what settle needs. [`crate::Host`] is the real one, [`crate::fake::FakeNode`] the other.
pub trait ChangeFacilities: ConfigFacilities + std::fmt::Debug + Send + Sync {
    fn store(&self) -> ConfigStore;
    fn timezone(&self) -> Option<corbel_model::TimeZone>;
    /// What a document may ask of its hardware.
    fn machine(&self) -> Machine;
    /// Interface and address, of those that others can reach.
    fn addresses(&self) -> Result<Vec<(String, std::net::IpAddr)>, FacilityError>;
    /// Since the start of the system, whatever becomes of the clock and of this process.
    fn uptime(&self) -> Duration;
    /// Seconds since 1970.
    fn clock(&self) -> u64;
}

/// Why a configuration was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("this node runs from its medium and keeps no configuration: change its seed, or install it")]
    NotInstalled,
    #[error("/config is not mounted, so a change would be lost: `corbel node show` says why")]
    NotMounted,
    #[error(transparent)]
    Document(#[from] SeedError),
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Never empty.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Problems(Vec<Problem>),
    #[error(
        "generation {given} is not the newest any more: somebody saved generation {now}; look at it and change that one"
    )]
    Stale { given: u64, now: u64 },
    #[error("a change waits to be confirmed: confirm it or undo it first")]
    Waiting,
    #[error("no change waits to be confirmed")]
    NothingWaits,
    #[error("generation {0} of the configuration does not exist")]
    NoGeneration(u64),
    #[error("a countdown of {0} s is not possible: give 10 to 3600")]
    Countdown(u64),
    /// `left` says what could not be taken back, if anything.
    #[error("{step} failed, and the whole change was taken back{}", .left.as_ref().map(|left| format!(" but for this: {left}")).unwrap_or_default())]
    Step {
        step: String,
        source: FacilityError,
        left: Option<String>,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Facility(FacilityError),
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The whole document.
    pub text: String,
    /// The generation that it was made from; `None` takes whatever there is.
    pub base: Option<u64>,
    /// Plan only.
    pub dry_run: bool,
    /// How long a change of the network waits to be confirmed; `None` saves it at once.
    pub countdown: Option<Duration>,
    pub by: String,
    pub why: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The newest generation afterwards.
    pub generation: u64,
    pub change: Change,
    /// The change waits for [`Engine::confirm`].
    pub pending: Option<Pending>,
}

/// The one that changes. Calls block for seconds and wait for each other.
#[derive(Debug)]
pub struct Engine {
    node: Box<dyn ChangeFacilities>,
    turn: Mutex<()>,
    /// Whether there may be a note, so that nothing is read each second while there is none.
    busy: AtomicBool,
}

/// A document with its plan on this machine.
struct Planned {
    text: String,
    secrets: Secrets,
    plan: SettlePlan,
    /// What should be known about its certificate.
    told: Option<String>,
}

impl Engine {
    pub fn new(node: impl ChangeFacilities + 'static) -> Self {
        Self {
            node: Box::new(node),
            turn: Mutex::default(),
            // An earlier daemon may have left one.
            busy: AtomicBool::new(true),
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        // It guards an order and no data.
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans a document and, unless it is a dry run, does it.
    ///
    /// # Errors
    /// Whatever is wrong with the document, with the base, or on the way; then the node is as it was.
    pub fn apply(&self, request: Request) -> Result<Applied, ConfigError> {
        let _turn = self.turn();
        let current = self.kept()?;
        let now = current.as_ref().map_or(0, |current| current.newest);
        if let Some(given) = request.base.filter(|given| *given != now) {
            return Err(ConfigError::Stale { given, now });
        }
        if let Some(countdown) = request.countdown
            && !(Duration::from_secs(10)..=LONGEST_COUNTDOWN).contains(&countdown)
        {
            return Err(ConfigError::Countdown(countdown.as_secs()));
        }
        if self.note().is_some() && !request.dry_run {
            return Err(ConfigError::Waiting);
        }
        let kept = current.map(|current| current.secrets).unwrap_or_default();
        let planned = self.plan(&request.text, kept)?;
        let wanted = NodeState::wanted(&planned.plan);
        let before = execute::observe(&*self.node)?;
        let mut change = plan_change(&before, &wanted);
        change
            .warnings
            .extend(planned.plan.warnings.iter().map(ToString::to_string));
        let seed = seed::parse(&planned.text)?;
        change.warnings.extend(machine_warnings(&seed, &self.node.machine()));
        change.warnings.extend(planned.told.clone());
        if is_unreachable(&seed.network) {
            change
                .warnings
                .push("no interface gets an address: the node can be reached at its console alone".into());
        }
        if request.dry_run {
            return Ok(Applied {
                generation: now,
                change,
                pending: None,
            });
        }
        let origin = Origin {
            at: self.node.clock(),
            by: request.by,
            why: request.why,
        };
        let waits = request.countdown.filter(|_| change.network);
        let secrets = &planned.secrets;
        let mut note = Note::new(planned.text, secrets, origin, waits);
        if change.steps.contains(&Step::Password) {
            note.password_before = execute::password_field(&*self.node).map_err(ConfigError::Facility)?;
        }
        self.write_note(&note)?;
        let done = execute::execute(&*self.node, &change.steps, &wanted)
            .and_then(|()| execute::verify(&*self.node, &wanted, &planned.plan.addresses));
        match done {
            Ok(warnings) => change.warnings.extend(warnings),
            Err((step, source)) => return Err(self.failed(step, source, &before)),
        }
        execute::report(&*self.node, &planned.plan);
        if waits.is_some() {
            note.until = self.node.uptime().as_secs() + note.seconds;
            if let Err(error) = self.write_note(&note) {
                return Err(self.failed("starting the countdown".into(), Box::new(error), &before));
            }
            return Ok(Applied {
                generation: now,
                change,
                pending: Some(self.pending_of(&note)),
            });
        }
        match self.node.store().save(&note.text, secrets, &note.origin) {
            Ok(generation) => {
                self.forget_note();
                Ok(Applied {
                    generation,
                    change,
                    pending: None,
                })
            }
            Err(error) => Err(self.failed("saving the document".into(), Box::new(error), &before)),
        }
    }

    /// Makes a document of the past the newest one.
    ///
    /// # Errors
    /// As of [`Engine::apply`], and when that generation is not kept.
    pub fn rollback(&self, generation: u64, request: Request) -> Result<Applied, ConfigError> {
        let text = self.text(generation)?;
        self.apply(Request { text, ..request })
    }

    /// Keeps the change that waits, and gives its generation.
    ///
    /// # Errors
    /// When nothing waits, and when it cannot be saved; then it goes on waiting.
    pub fn confirm(&self) -> Result<u64, ConfigError> {
        let _turn = self.turn();
        let note = self
            .note()
            .filter(|note| note.until > 0)
            .ok_or(ConfigError::NothingWaits)?;
        let generation = self.node.store().save(&note.text, &note.secrets(), &note.origin)?;
        self.forget_note();
        Ok(generation)
    }

    /// Takes the change that waits back.
    ///
    /// # Errors
    /// When nothing waits, and with what could not be taken back.
    pub fn undo(&self) -> Result<(), ConfigError> {
        let _turn = self.turn();
        self.note().ok_or(ConfigError::NothingWaits)?;
        self.back()
    }

    /// Whether [`Engine::tick`] has something to look at; cheap.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Takes back what was not confirmed in time; gives whether something was. To be called about once a second.
    ///
    /// # Errors
    /// With what could not be taken back.
    pub fn tick(&self) -> Result<bool, ConfigError> {
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            // Who changes something now holds the turn, and is not late yet.
            Err(TryLockError::WouldBlock) => return Ok(false),
        };
        let due = |note: &Note| note.until > 0 && self.node.uptime().as_secs() >= note.until;
        if !self.note().as_ref().is_some_and(due) {
            return Ok(false);
        }
        self.back().map(|()| true)
    }

    /// Takes back what an earlier daemon began and did not end. To be called once, before anything else.
    ///
    /// # Errors
    /// With what could not be taken back.
    pub fn recover(&self) -> Result<bool, ConfigError> {
        let _turn = self.turn();
        match self.note() {
            // Its countdown goes on.
            Some(note) if note.until > 0 => Ok(false),
            Some(_) => self.back().map(|()| true),
            None => {
                self.busy.store(false, Ordering::Relaxed);
                Ok(false)
            }
        }
    }

    /// The node as its saved document says.
    fn back(&self) -> Result<(), ConfigError> {
        let current = self.kept()?;
        let (text, secrets) = match current {
            Some(current) => (current.text, current.secrets),
            None => ("version = 1\n".to_owned(), Secrets::default()),
        };
        let plan = self.settle_plan(text, secrets);
        let left = self.go_back(&NodeState::wanted(&plan));
        execute::report(&*self.node, &plan);
        self.forget_note();
        match left {
            None => Ok(()),
            Some(left) => Err(ConfigError::Facility(left.into())),
        }
    }

    fn go_back(&self, state: &NodeState) -> Option<String> {
        let note = self.note();
        let password = note.as_ref().and_then(|note| note.password_before.as_deref());
        execute::go_back(&*self.node, state, password)
    }

    fn failed(&self, step: String, source: FacilityError, before: &NodeState) -> ConfigError {
        let left = self.go_back(before);
        self.forget_note();
        ConfigError::Step { step, source, left }
    }

    /// What is kept, where something can be.
    fn kept(&self) -> Result<Option<Current>, ConfigError> {
        let facilities = self.node.settled();
        if !facilities.installed() {
            return Err(ConfigError::NotInstalled);
        }
        if !gather::keeps(facilities) {
            return Err(ConfigError::NotMounted);
        }
        Ok(self.node.store().current()?)
    }

    fn plan(&self, text: &str, kept: Secrets) -> Result<Planned, ConfigError> {
        let mut seed = seed::parse(text)?;
        seed.fill_secrets(&kept);
        let interfaces = self.node.interfaces(Need::Interfaces).map_err(ConfigError::Facility)?;
        let machine = self.node.machine();
        let problems = [
            check(&seed, &interfaces),
            check_machine(&seed, &machine),
            check_secrets(&seed),
        ]
        .concat();
        if !problems.is_empty() {
            return Err(ConfigError::Problems(problems));
        }
        let told = match seed.tls.pair() {
            Some((chain, key)) => identity::check(chain, key, self.node.clock())
                .map_err(|problem| ConfigError::Problems(vec![problem]))?,
            None => None,
        };
        let (text, given) = take_secrets(text)?;
        let secrets = given.or(kept).of_users(&seed.users);
        let plan = self.settle_plan(text.clone(), secrets.clone());
        Ok(Planned {
            text,
            secrets,
            plan,
            told,
        })
    }

    /// What a boot would make of it: the same function, so that nothing changes at the next one.
    fn settle_plan(&self, text: String, secrets: Secrets) -> SettlePlan {
        let sources = gather::with_document(self.node.settled(), text, secrets);
        let need = needs(&sources).max(Need::Interfaces);
        let interfaces = self.node.interfaces(need).unwrap_or_default();
        plan_settle(&sources, &interfaces)
    }
}

#[cfg(test)]
mod tests;
