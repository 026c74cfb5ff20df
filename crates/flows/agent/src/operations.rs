//! One long work at a time: begun by one caller, followed and cancelled by others, remembered until the next one begins.
//!
//! ```text
//!            begin                    returns Ok
//!   (none) ────────▶ Running ─────────────────────────▶ Done
//!                      │  │ returns an error, panics
//!               cancel │  └───────────────────────────▶ Failed
//!                      ▼        returns Cancelled
//!                  Cancelling ────────────────────────▶ Cancelled
//! ```
//! Cancelling is a request: work that is past its last safe place still ends as Done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use corbel_progress::{Event, Outcome, Sink};
use corbel_sys::Cancel;
use tokio::sync::watch;

use crate::SystemError;
use crate::journal::{Journal, Page};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    Install,
    Uninstall,
    Upgrade,
    Rollback,
    Reboot,
    Poweroff,
    SupportBundle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationState {
    Running,
    Cancelling,
    Done,
    Failed,
    Cancelled,
}

impl OperationState {
    fn is_running(self) -> bool {
        matches!(self, Self::Running | Self::Cancelling)
    }
}

/// Long work as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationInfo {
    /// Grows with each.
    pub id: u64,
    pub kind: OperationKind,
    pub state: OperationState,
    pub title: String,
    pub elapsed_seconds: u64,
    pub page: Page,
    /// At the end.
    pub message: Option<String>,
}

/// Why no long work was begun or cancelled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    #[error("the node is busy with another long work ({title}): wait for its end or cancel it")]
    Busy { title: String },
    #[error("there is no long work that goes on")]
    Idle,
    #[error(transparent)]
    System(#[from] SystemError),
}

#[derive(Debug)]
struct State {
    journal: Journal,
    state: OperationState,
    message: Option<String>,
    ended: Option<Instant>,
}

#[derive(Debug)]
struct Work {
    id: u64,
    kind: OperationKind,
    title: String,
    started: Instant,
    cancel: Cancel,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Work {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: Event) {
        self.state().journal.push(event);
        self.changed.send_replace(());
    }

    fn info(&self) -> OperationInfo {
        self.info_of(&self.state())
    }

    fn info_of(&self, state: &State) -> OperationInfo {
        let elapsed = state.ended.unwrap_or_else(Instant::now) - self.started;
        OperationInfo {
            id: self.id,
            kind: self.kind,
            state: state.state,
            title: self.title.clone(),
            elapsed_seconds: elapsed.as_secs(),
            page: state.journal.page(),
            message: state.message.clone(),
        }
    }

    fn end(&self, outcome: Result<String, SystemError>) {
        let mut state = self.state();
        if !state.state.is_running() {
            return;
        }
        let (end, message) = match outcome {
            Ok(message) => (OperationState::Done, Some(message).filter(|m| !m.is_empty())),
            Err(SystemError::Cancelled) => (OperationState::Cancelled, Some(SystemError::Cancelled.to_string())),
            Err(error) => (OperationState::Failed, Some(error.to_string())),
        };
        match &message {
            Some(message) if end == OperationState::Failed => tracing::error!(title = self.title, %message, "failed"),
            _ => tracing::info!(title = self.title, state = ?end, "ended"),
        }
        // A step that was open when the work broke off did not end well.
        let open = state.journal.page().steps.into_iter().filter(|s| s.outcome.is_none());
        for step in open {
            state.journal.push(Event::StepFinished {
                step: step.id,
                outcome: if end == OperationState::Done {
                    Outcome::Done
                } else {
                    Outcome::Failed
                },
                elapsed_ms: 0,
            });
        }
        state.journal.push(Event::End {
            ok: end == OperationState::Done,
            elapsed_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            message: message.clone(),
        });
        (state.state, state.message, state.ended) = (end, message, Some(Instant::now()));
        drop(state);
        self.changed.send_replace(());
    }
}

#[derive(Debug, Default)]
struct Present {
    count: u64,
    work: Option<Arc<Work>>,
}

/// The present long work or the last one.
#[derive(Debug, Default)]
pub(crate) struct Operations(Mutex<Present>);

impl Operations {
    /// Takes the place of the one long work. Its first event is told; the count of steps comes when it is known.
    pub(crate) fn reserve(&self, kind: OperationKind, title: &str) -> Result<Reservation, OperationError> {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(work) = &present.work
            && work.state().state.is_running()
        {
            return Err(OperationError::Busy {
                title: work.title.clone(),
            });
        }
        present.count += 1;
        let work = Arc::new(Work {
            id: present.count,
            kind,
            title: title.to_owned(),
            started: Instant::now(),
            cancel: Cancel::new(),
            state: Mutex::new(State {
                journal: Journal::default(),
                state: OperationState::Running,
                message: None,
                ended: None,
            }),
            changed: watch::Sender::new(()),
        });
        present.work = Some(Arc::clone(&work));
        drop(present);
        tracing::info!(title, "begins");
        work.push(Event::Begin {
            title: title.to_owned(),
            steps: 0,
        });
        Ok(Reservation { work })
    }

    fn work(&self) -> Option<Arc<Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).work.clone()
    }

    pub(crate) fn info(&self) -> Option<OperationInfo> {
        self.work().map(|work| work.info())
    }

    pub(crate) fn cancel(&self) -> Result<OperationInfo, OperationError> {
        let work = self.work().ok_or(OperationError::Idle)?;
        let info = {
            let mut state = work.state();
            if !state.state.is_running() {
                return Err(OperationError::Idle);
            }
            state.state = OperationState::Cancelling;
            work.info_of(&state)
        };
        work.cancel.cancel();
        work.changed.send_replace(());
        Ok(info)
    }

    pub(crate) fn follow(&self) -> Option<Follower> {
        let work = self.work()?;
        let changed = work.changed.subscribe();
        Some(Follower {
            work,
            changed,
            number: 0,
        })
    }
}

/// The place of the one long work. When it is dropped before it was used, the work has failed.
#[derive(Debug)]
pub struct Reservation {
    work: Arc<Work>,
}

impl Reservation {
    pub fn info(&self) -> OperationInfo {
        self.work.info()
    }

    pub fn is_cancelled(&self) -> bool {
        self.work.cancel.is_cancelled()
    }

    /// Tells an event of what is done before `Reservation::run`.
    pub fn event(&self, event: Event) {
        self.work.push(event);
    }

    /// Ends it with an error.
    pub fn fail(self, error: SystemError) {
        self.work.end(Err(error));
    }

    /// Does the work on a thread of its own. Its answer is a sentence for a person.
    pub(crate) fn run(self, work: impl FnOnce(&Reporter) -> Result<String, SystemError> + Send + 'static) {
        let reporter = Reporter {
            work: Arc::clone(&self.work),
        };
        let body = move || {
            // Nothing of panicking work is used again.
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&reporter)));
            self.work.end(outcome.unwrap_or_else(|_| {
                Err(SystemError::Failed {
                    operation: "the work".to_owned(),
                    problem: "internal error, see the log".to_owned(),
                })
            }));
        };
        let named = std::thread::Builder::new().name("operation".to_owned());
        if let Err(error) = named.spawn(body) {
            // The closure is dropped with the reservation in it, which then has failed.
            tracing::error!(%error, "no thread for the work");
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let cancelled = self.is_cancelled();
        self.work.end(Err(if cancelled {
            SystemError::Cancelled
        } else {
            SystemError::Failed {
                operation: "the work".to_owned(),
                problem: "it broke off before it began".to_owned(),
            }
        }));
    }
}

/// What work tells and is told while it runs.
#[derive(Debug)]
pub(crate) struct Reporter {
    work: Arc<Work>,
}

impl Reporter {
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.work.cancel
    }

    /// A sink for a part of the work: its `begin` gives the number of steps, to which `more` are added, and its `end` is not
    /// the end of all.
    pub(crate) fn part(&self, more: usize) -> impl Sink + '_ {
        move |event| match event {
            Event::Begin { steps, .. } => {
                let before = self.work.state().journal.page().steps.len();
                self.work.push(Event::Begin {
                    title: self.work.title.clone(),
                    steps: before + steps + more,
                });
            }
            Event::End { .. } => {}
            event => self.work.push(event),
        }
    }

    /// One step of our own.
    pub(crate) fn step<T>(
        &self,
        id: &str,
        title: &str,
        work: impl FnOnce() -> Result<T, SystemError>,
    ) -> Result<T, SystemError> {
        let started = Instant::now();
        self.work.push(Event::StepStarted {
            step: id.to_owned(),
            title: title.to_owned(),
        });
        let outcome = work();
        self.work.push(Event::StepFinished {
            step: id.to_owned(),
            outcome: if outcome.is_ok() {
                Outcome::Done
            } else {
                Outcome::Failed
            },
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        outcome
    }
}

impl Sink for Reporter {
    fn event(&self, event: Event) {
        self.work.push(event);
    }
}

/// Events of one long work from its beginning.
#[derive(Debug)]
pub struct Follower {
    work: Arc<Work>,
    changed: watch::Receiver<()>,
    number: u64,
}

impl Follower {
    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            {
                let state = self.work.state();
                if let Some((number, event)) = state.journal.after(self.number) {
                    self.number = number;
                    return Some(event);
                }
                if !state.state.is_running() {
                    return None;
                }
            }
            // We hold the work and with it the sender, so this cannot fail.
            self.changed.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests;
