//! The node's configuration, by way of the engine of `corbel-settle`, whose calls block and stand in line.

use std::sync::Arc;
use std::time::Duration;

use corbel_settle::engine::{Applied, ConfigError, Engine, Request, View};
use corbel_settle::store::Entry;

use crate::{Agent, ConfigChange, Event};

/// Between two looks at a countdown.
const TICK: Duration = Duration::from_secs(1);

impl Agent {
    /// What counts, what waits, and what should be known about it.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn config(&self) -> Result<View, ConfigError> {
        self.engine(|engine| engine.view()).await
    }

    /// Plans a document and, unless it is a dry run, makes the node so.
    ///
    /// # Errors
    /// Whatever is wrong with the document or on the way; then the node is as it was.
    pub async fn apply_config(&self, request: Request) -> Result<Applied, ConfigError> {
        let dry = request.dry_run;
        let by = request.by.clone();
        let applied = self.engine(move |engine| engine.apply(request)).await;
        if !dry {
            self.told(by, &applied);
        }
        applied
    }

    /// Makes a document of the past the newest one; without a generation, the one before the newest.
    ///
    /// # Errors
    /// As of [`Agent::apply_config`], and when it is not kept.
    pub async fn rollback_config(&self, generation: Option<u64>, request: Request) -> Result<Applied, ConfigError> {
        let dry = request.dry_run;
        let by = request.by.clone();
        let applied = self
            .engine(move |engine| {
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
            })
            .await;
        if !dry {
            self.told(by, &applied);
        }
        applied
    }

    /// Keeps the change that waits.
    ///
    /// # Errors
    /// When nothing waits.
    pub async fn confirm_config(&self, by: String) -> Result<View, ConfigError> {
        let view = self
            .engine(|engine| engine.confirm().and_then(|_| engine.view()))
            .await?;
        self.tell(ConfigChange::Saved, view.generation, by);
        Ok(view)
    }

    /// Takes the change that waits back.
    ///
    /// # Errors
    /// When nothing waits, and with what could not be taken back.
    pub async fn undo_config(&self, by: String) -> Result<View, ConfigError> {
        let view = self.engine(|engine| engine.undo().and_then(|()| engine.view())).await?;
        self.tell(ConfigChange::Undone, view.generation, by);
        Ok(view)
    }

    /// The documents that are kept, the newest first.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn config_history(&self) -> Result<Vec<Entry>, ConfigError> {
        self.engine(|engine| engine.history()).await
    }

    /// A document of the past.
    ///
    /// # Errors
    /// When it is not kept.
    pub async fn config_version(&self, generation: u64) -> Result<String, ConfigError> {
        self.engine(move |engine| engine.text(generation)).await
    }

    async fn engine<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Result<T, ConfigError> + Send + 'static,
    ) -> Result<T, ConfigError> {
        let Some(engine) = self.engine.clone() else {
            return Err(ConfigError::NotInstalled);
        };
        let done = tokio::task::spawn_blocking(move || work(&engine)).await;
        done.unwrap_or_else(|error| Err(ConfigError::Facility(Box::new(error))))
    }

    /// Takes back what an earlier daemon left half done, and what nobody confirms in time.
    pub(crate) async fn watch_config(&self) {
        let Some(engine) = self.engine.clone() else { return };
        self.taken_back(
            blocking(&engine, Engine::recover).await,
            "a change of the configuration that was half done is taken back",
        )
        .await;
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            if !engine.is_busy() {
                continue;
            }
            self.taken_back(
                blocking(&engine, Engine::tick).await,
                "nobody confirmed the change of the network: it is taken back",
            )
            .await;
        }
    }

    /// Nobody listening is no fault.
    fn tell(&self, change: ConfigChange, generation: u64, by: String) {
        let _ = self.events.send(Event::Config { change, generation, by });
    }

    async fn taken_back(&self, outcome: Result<bool, ConfigError>, sentence: &str) {
        match outcome {
            Ok(false) => return,
            Ok(true) => tracing::warn!("{sentence}"),
            Err(error) => tracing::error!(%error, "{sentence}, but not all of it"),
        }
        let generation = self.config().await.map_or(0, |view| view.generation);
        self.tell(ConfigChange::Undone, generation, String::new());
    }

    fn told(&self, by: String, applied: &Result<Applied, ConfigError>) {
        match applied {
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
    }
}

async fn blocking(engine: &Arc<Engine>, work: fn(&Engine) -> Result<bool, ConfigError>) -> Result<bool, ConfigError> {
    let engine = Arc::clone(engine);
    let done = tokio::task::spawn_blocking(move || work(&engine)).await;
    done.unwrap_or_else(|error| Err(ConfigError::Facility(Box::new(error))))
}
