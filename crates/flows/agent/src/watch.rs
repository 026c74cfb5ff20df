//! The loops behind [`Agent::run`]: one looks at the hypervisor's health, the other passes its events on.

use std::sync::Arc;

use corbel_model::vm::VmSummary;
use corbel_virt::{VirtError, VirtEvent, VmChange};
use tokio::sync::broadcast::error::RecvError;

use crate::{Agent, Event, Health, Pool};

impl Agent {
    /// Watches until dropped.
    pub async fn run(self: Arc<Self>) {
        tokio::join!(
            self.watch_health(),
            self.pass_events(),
            self.resume_saved(),
            self.watch_config()
        );
    }

    async fn watch_health(&self) {
        let mut told: Option<Health> = None;
        loop {
            let was_ready = told.as_ref().is_some_and(Health::is_ready) && self.health().is_ready();
            let outcome = self.look(!was_ready).await;
            let answered = outcome.is_ok();
            let reason = outcome.unwrap_or_else(|error| Some(error.to_string()));
            self.health.found(reason.clone(), answered);
            let health = Health { reason };
            if told.as_ref() != Some(&health) {
                match &health.reason {
                    None => tracing::info!("the hypervisor is ready"),
                    Some(reason) => tracing::warn!(%reason, "degraded"),
                }
                // Nobody listening is no fault.
                let _ = self.events.send(Event::Health(health.clone()));
            }
            let settings = self.settings();
            let pause = if health.is_ready() {
                settings.watch_interval
            } else {
                settings.retry_interval
            };
            told = Some(health);
            // While degraded, failing calls must not turn the retry interval into a busy loop.
            let ready = told.as_ref().is_some_and(Health::is_ready);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.health.suspected(), if ready => {}
            }
        }
    }

    /// `None` when all is well, or what is missing. `afresh` also puts the defaults in place and asks for the version.
    ///
    /// # Errors
    /// There is no answer.
    async fn look(&self, afresh: bool) -> Result<Option<String>, VirtError> {
        let (pool, nat) = (self.settings.pool_path.clone(), self.settings.nat.clone());
        let further = self.settings.further_pools.clone();
        let outcome = self.calls.probe(&self.hypervisor, move |h| {
            h.ping()?;
            if !afresh {
                return Ok((None, None));
            }
            let version = h.version()?;
            let defaults = h.ensure_defaults(&pool, &nat).err();
            // A node whose second data disk has a trouble is no worse a node: the VMs on the first one must not suffer.
            for Pool { name, path } in &further {
                if let Err(error) = h.ensure_pool(name, path) {
                    tracing::warn!(pool = %name, error = %error, "a further pool cannot be used");
                }
            }
            Ok((
                Some(version),
                defaults.map(|error| format!("the default pool or network is missing: {error}")),
            ))
        });
        let (version, problem) = outcome.await?;
        if version.is_some() {
            self.remember_version(version);
        }
        Ok(problem)
    }

    async fn pass_events(&self) {
        let mut source = self.hypervisor.events();
        loop {
            match source.recv().await {
                Ok(VirtEvent::Vm { name, change }) => {
                    let vm = self.look_up(&name, change).await;
                    let _ = self.events.send(Event::Vm { name, change, vm });
                }
                Ok(VirtEvent::Connection { ready, .. }) => {
                    self.health.suspect();
                    if ready {
                        // What happened without it was told to nobody.
                        let _ = self.events.send(Event::Missed(0));
                    }
                }
                Err(RecvError::Lagged(count)) => {
                    let _ = self.events.send(Event::Missed(count));
                }
                // The hypervisor object lives as long as we do; without its events health is still polled.
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    }

    async fn look_up(&self, name: &str, change: VmChange) -> Option<VmSummary> {
        if change == VmChange::Undefined || self.events.receiver_count() == 0 {
            return None;
        }
        self.show_vm(name.to_owned()).await.ok().map(|detail| detail.summary)
    }
}
