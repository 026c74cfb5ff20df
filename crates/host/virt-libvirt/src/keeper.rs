//! Keeps one connection standing: dials, notices the loss, dials again. Knows nothing of libvirt, so its logic is tested
//! with a dialler of the test's own.
//!
//! ```text
//!   down ──dial ok──> up ──lost──> down      A failed dial waits 100 ms, then twice as long each time, 2 s at most.
//! ```

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use corbel_virt::VirtError;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Holds the connection `L`. Dropping it ends the thread, after a dial that is under way.
pub(crate) struct Keeper<L>(Arc<Shared<L>>);

type Tell = Box<dyn Fn(Option<&str>) + Send + Sync>;

struct Shared<L> {
    state: Mutex<State<L>>,
    changed: Condvar,
    /// Is told `None` when the connection stands and the reason when it does not. That happens under the lock: the last that was told is
    /// then how it stands, whichever threads told.
    tell: Tell,
}

struct State<L> {
    link: Option<Arc<L>>,
    /// Counts dials, so that a late report about an old connection does not end a new one.
    dial: u64,
    /// Connections that are gone. They are closed by the keeper's thread, because libvirt must not be called from
    /// within its own close callback.
    gone: Vec<Arc<L>>,
    reason: String,
    /// Somebody wants a connection now.
    asked: bool,
    closing: bool,
}

/// With this a connection reports its own loss.
pub(crate) struct Lost<L> {
    shared: Weak<Shared<L>>,
    dial: u64,
}

impl<L> Lost<L> {
    pub(crate) fn report(&self, reason: &str) {
        if let Some(shared) = self.shared.upgrade() {
            let state = shared.state();
            if state.dial == self.dial {
                shared.lose(state, reason);
            }
        }
    }
}

impl<L> Shared<L> {
    fn state(&self) -> MutexGuard<'_, State<L>> {
        // Nothing below panics while it holds the lock, so the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, mut state: MutexGuard<'_, State<L>>, reason: &str) {
        let link = state.link.take();
        // A loss while it was dialled: the dial's own result is stale as well.
        state.dial += 1;
        reason.clone_into(&mut state.reason);
        let was_up = link.is_some();
        state.gone.extend(link);
        if was_up {
            (self.tell)(Some(reason));
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl<L: Send + Sync + 'static> Keeper<L> {
    /// `tell` must neither wait nor come back to the keeper.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        dial: impl Fn(Lost<L>) -> Result<L, String> + Send + 'static,
        tell: impl Fn(Option<&str>) + Send + Sync + 'static,
    ) -> Result<Self, VirtError> {
        let state = State {
            link: None,
            dial: 0,
            gone: Vec::new(),
            reason: "it is being connected to".into(),
            asked: false,
            closing: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            tell: Box::new(tell),
        });
        let kept = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("libvirt-keeper".into())
            .spawn(move || keep(&kept, dial))
            .map_err(|error| VirtError::Failed {
                operation: "start of a thread".into(),
                problem: error.to_string(),
            })?;
        Ok(Self(shared))
    }

    /// The connection.
    ///
    /// # Errors
    /// [`VirtError::Unavailable`] at once when it does not stand.
    pub(crate) fn get(&self) -> Result<Arc<L>, VirtError> {
        let state = self.0.state();
        state.link.clone().ok_or_else(|| VirtError::Unavailable {
            problem: state.reason.clone(),
        })
    }

    /// Shortens the pause before the next dial.
    pub(crate) fn ask(&self) {
        self.0.state().asked = true;
        self.0.changed.notify_all();
    }

    /// A call has found that `link` is dead.
    pub(crate) fn lost(&self, link: &Arc<L>, reason: &str) {
        let state = self.0.state();
        if state.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            self.0.lose(state, reason);
        }
    }

    pub(crate) fn wait_ready(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.0.state();
        while state.link.is_none() {
            let Some(left) = until
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                return false;
            };
            state = self
                .0
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}

impl<L> Drop for Keeper<L> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.closing = true;
        let link = state.link.take();
        state.gone.extend(link);
        drop(state);
        self.0.changed.notify_all();
    }
}

fn keep<L>(shared: &Arc<Shared<L>>, dial: impl Fn(Lost<L>) -> Result<L, String>) {
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        let mut state = shared.state();
        while state.link.is_some() && !state.closing {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let gone = std::mem::take(&mut state.gone);
        if state.closing {
            return;
        }
        state.dial += 1;
        let number = state.dial;
        drop(state);
        drop(gone);

        let dialled = dial(Lost {
            shared: Arc::downgrade(shared),
            dial: number,
        });
        let mut state = shared.state();
        let failure = match dialled {
            Ok(link) if state.dial == number => {
                state.link = Some(Arc::new(link));
                (shared.tell)(None);
                drop(state);
                shared.changed.notify_all();
                (pause, told) = (FIRST_PAUSE, true);
                continue;
            }
            Ok(link) => {
                state.gone.push(Arc::new(link));
                state.reason.clone()
            }
            Err(reason) => reason,
        };
        state.reason.clone_from(&failure);
        if !told {
            (shared.tell)(Some(&failure));
            told = true;
        }
        drop(state);
        wait(shared, pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Pauses. Somebody's wish shortens it, but never below the first pause, or a busy client would make a busy loop.
fn wait<L>(shared: &Shared<L>, pause: Duration) {
    let begun = Instant::now();
    let mut state = shared.state();
    state.asked = false;
    while !state.closing {
        let limit = if state.asked { FIRST_PAUSE } else { pause };
        let Some(left) = limit.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) else {
            return;
        };
        state = shared
            .changed
            .wait_timeout(state, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

#[cfg(test)]
mod tests;
