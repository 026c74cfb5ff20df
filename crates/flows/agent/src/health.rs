//! Whether the node can do its work, and who set it so.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// `reason` is one sentence when not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub reason: Option<String>,
}

impl Health {
    pub fn is_ready(&self) -> bool {
        self.reason.is_none()
    }
}

#[derive(Debug)]
struct State {
    health: Health,
    /// A call hangs: nobody else shall join it.
    hung: bool,
}

/// Shared by the calls, which find trouble, and the watch, which alone declares the recovery.
#[derive(Debug, Clone)]
pub(crate) struct HealthCell {
    state: Arc<Mutex<State>>,
    /// Wakes the watch.
    look: Arc<Notify>,
}

impl HealthCell {
    pub(crate) fn new(reason: &str) -> Self {
        let health = Health {
            reason: Some(reason.to_owned()),
        };
        Self {
            state: Arc::new(Mutex::new(State { health, hung: false })),
            look: Arc::default(),
        }
    }

    pub(crate) fn get(&self) -> Health {
        self.with(|state| state.health.clone())
    }

    /// The reason, when calls must not be made.
    pub(crate) fn hung(&self) -> Option<String> {
        self.with(|state| if state.hung { state.health.reason.clone() } else { None })
    }

    /// A call has hung.
    pub(crate) fn set_hung(&self, reason: &str) {
        self.with(|state| {
            state.hung = true;
            state.health.reason = Some(reason.to_owned());
        });
        self.look.notify_one();
    }

    /// A call failed in a way that makes a look worth while.
    pub(crate) fn suspect(&self) {
        self.look.notify_one();
    }

    pub(crate) async fn suspected(&self) {
        self.look.notified().await;
    }

    /// What the watch found: the reason to be degraded, or `None` when all is well again. Once the hypervisor `answered`, calls may be
    /// made, whatever else is wrong.
    pub(crate) fn found(&self, reason: Option<String>, answered: bool) {
        self.with(|state| {
            if answered {
                state.hung = false;
            }
            state.health = Health { reason };
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // Nothing panics while it holds the lock, and the state is whole at each moment anyway.
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
