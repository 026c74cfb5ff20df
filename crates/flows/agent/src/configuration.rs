//! The node's configuration, by way of the engine of `corbel-settle`, whose calls block and stand in line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use corbel_settle::engine::{Applied, ConfigError, Engine, Request, View};
use corbel_settle::store::Entry;
use tokio::sync::broadcast;

use crate::{Agent, ConfigChange, Event};

/// Between two looks at a countdown.
const TICK: Duration = Duration::from_secs(1);

/// The engine, and who is told of what it did. Its calls block, and tell before they return: whoever asked may have gone away by then.
#[derive(Debug)]
pub(crate) struct Configuration {
    engine: Engine,
    events: broadcast::Sender<Event>,
    /// Held from a change until it is told: what is told last is then how it stands.
    order: Mutex<()>,
}

impl Configuration {
    pub(crate) fn new(engine: Engine, events: broadcast::Sender<Event>) -> Self {
        Self {
            engine,
            events,
            order: Mutex::default(),
        }
    }

    fn order(&self) -> MutexGuard<'_, ()> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(
        &self,
        request: Request,
        change: impl FnOnce(&Engine, Request) -> Result<Applied, ConfigError>,
    ) -> Result<Applied, ConfigError> {
        if request.dry_run {
            return change(&self.engine, request);
        }
        let _order = self.order();
        let by = request.by.clone();
        let applied = change(&self.engine, request);
        match &applied {
            Ok(applied) => {
                let (steps, waits) = (applied.change.steps.len(), applied.pending.is_some());
                tracing::info!(
                    by,
                    generation = applied.generation,
                    steps,
                    waits,
                    "the configuration was changed"
                );
                let change = match waits {
                    true => ConfigChange::Waits,
                    false => ConfigChange::Saved,
                };
                self.tell(change, applied.generation, by);
            }
            Err(error) => tracing::info!(by, %error, "the configuration was not changed"),
        }
        applied
    }

    fn confirm(&self, by: String) -> Result<View, ConfigError> {
        let _order = self.order();
        self.engine.confirm()?;
        self.shown(ConfigChange::Saved, by)
    }

    fn undo(&self, by: String) -> Result<View, ConfigError> {
        let _order = self.order();
        self.engine.undo()?;
        self.shown(ConfigChange::Undone, by)
    }

    fn shown(&self, change: ConfigChange, by: String) -> Result<View, ConfigError> {
        let view = self.engine.view();
        self.tell(change, view.as_ref().map_or(0, |view| view.generation), by);
        view
    }

    /// Takes back what an earlier daemon left half done.
    fn recover(&self) {
        let _order = self.order();
        self.taken_back(
            self.engine.recover(),
            "a change of the configuration that was half done is taken back",
        );
    }

    /// Takes back what nobody confirms in time.
    fn tick(&self) {
        let _order = match self.order.try_lock() {
            Ok(order) => order,
            Err(TryLockError::Poisoned(order)) => order.into_inner(),
            // Who changes something now is not late yet.
            Err(TryLockError::WouldBlock) => return,
        };
        self.taken_back(
            self.engine.tick(),
            "nobody confirmed the change of the network: it is taken back",
        );
    }

    fn taken_back(&self, outcome: Result<bool, ConfigError>, sentence: &str) {
        match outcome {
            Ok(false) => return,
            Ok(true) => tracing::warn!("{sentence}"),
            Err(error) => tracing::error!(%error, "{sentence}, but not all of it"),
        }
        // Without a view the next one shows what is wrong.
        let _ = self.shown(ConfigChange::Undone, String::new());
    }

    /// Nobody listening is no fault.
    fn tell(&self, change: ConfigChange, generation: u64, by: String) {
        let _ = self.events.send(Event::Config { change, generation, by });
    }
}

impl Agent {
    /// What counts, what waits, and what should be known about it.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn config(&self) -> Result<View, ConfigError> {
        self.configuration(|it| it.engine.view()).await
    }

    /// Plans a document and, unless it is a dry run, makes the node so.
    ///
    /// # Errors
    /// Whatever is wrong with the document or on the way; then the node is as it was.
    pub async fn apply_config(&self, request: Request) -> Result<Applied, ConfigError> {
        self.configuration(|it| it.change(request, Engine::apply)).await
    }

    /// Makes a document of the past the newest one; without a generation, the one before the newest.
    ///
    /// # Errors
    /// As of [`Agent::apply_config`], and when it is not kept.
    pub async fn rollback_config(&self, generation: Option<u64>, request: Request) -> Result<Applied, ConfigError> {
        let rollback = move |engine: &Engine, request| {
            let generation = match generation {
                Some(generation) => generation,
                None => {
                    let newest = engine.view()?.generation;
                    let mut history = engine.history()?.into_iter();
                    let before = history.find(|entry| entry.generation < newest && entry.understood);
                    before.map_or(0, |entry| entry.generation)
                }
            };
            let why = format!("rollback to generation {generation}");
            engine.rollback(generation, Request { why, ..request })
        };
        self.configuration(move |it| it.change(request, rollback)).await
    }

    /// Keeps the change that waits.
    ///
    /// # Errors
    /// When nothing waits.
    pub async fn confirm_config(&self, by: String) -> Result<View, ConfigError> {
        self.configuration(|it| it.confirm(by)).await
    }

    /// Takes the change that waits back.
    ///
    /// # Errors
    /// When nothing waits, and with what could not be taken back.
    pub async fn undo_config(&self, by: String) -> Result<View, ConfigError> {
        self.configuration(|it| it.undo(by)).await
    }

    /// The documents that are kept, the newest first.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn config_history(&self) -> Result<Vec<Entry>, ConfigError> {
        self.configuration(|it| it.engine.history()).await
    }

    /// A document of the past.
    ///
    /// # Errors
    /// When it is not kept.
    pub async fn config_version(&self, generation: u64) -> Result<String, ConfigError> {
        self.configuration(move |it| it.engine.text(generation)).await
    }

    async fn configuration<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Configuration) -> Result<T, ConfigError> + Send + 'static,
    ) -> Result<T, ConfigError> {
        let Some(configuration) = self.configuration.clone() else {
            return Err(ConfigError::NotInstalled);
        };
        let done = tokio::task::spawn_blocking(move || work(&configuration)).await;
        done.unwrap_or_else(|error| Err(ConfigError::Facility(Box::new(error))))
    }

    /// Takes back what an earlier daemon left half done, and what nobody confirms in time.
    pub(crate) async fn watch_config(&self) {
        let Some(configuration) = self.configuration.clone() else {
            return;
        };
        blocking(&configuration, Configuration::recover).await;
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            if configuration.engine.is_busy() {
                blocking(&configuration, Configuration::tick).await;
            }
        }
    }
}

async fn blocking(configuration: &Arc<Configuration>, work: fn(&Configuration)) {
    let configuration = Arc::clone(configuration);
    if let Err(error) = tokio::task::spawn_blocking(move || work(&configuration)).await {
        tracing::error!(%error, "a look at the configuration panicked");
    }
}
