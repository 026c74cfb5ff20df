//! What becomes of running machines when the node goes down: each is saved or shut down as its own definition says, and who
//! does not obey in time loses its power.

use std::time::{Duration, Instant};

use corbel_model::vm::{OnReboot, VmState};
use corbel_progress::{Event, Sink, Unit};
use corbel_sys::Cancel;
use corbel_virt::VirtError;
use corbel_virt::xml::on_reboot;
use tokio::sync::broadcast::error::RecvError;

use crate::{Agent, SystemError};

/// The step's word.
pub(crate) const STEP: &str = "machines";
/// Events may be missed, so machines are looked at this often anyway.
const LOOK: Duration = Duration::from_secs(2);

impl Agent {
    /// Afterwards no machine runs, as far as the hypervisor can be asked. Gives the names of those that were saved.
    pub(crate) async fn stop_machines(
        &self,
        deadline: Duration,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<Vec<String>, SystemError> {
        let warn = |message: String| sink.event(Event::Warning { message });
        let mut events = self.events();
        let running = match self.running().await {
            Ok(running) => running,
            // A hypervisor that does not answer must not keep a node from rebooting, which may be what heals it.
            Err(error) => {
                warn(format!("the machines could not be asked to stop: {error}"));
                return Ok(vec![]);
            }
        };
        if let Err(error) = self.system.note_running(&running) {
            warn(format!("a version on trial will not know which machines ran: {error}"));
        }
        let total = running.len() as u64;
        let mut saved = vec![];
        for name in &running {
            if cancel.is_cancelled() {
                return Err(SystemError::Cancelled);
            }
            let policy = self.vm_xml(name.clone()).await.map(|xml| on_reboot(&xml));
            if policy == Ok(OnReboot::Save) {
                note(sink, format!("saving {name}"));
                match self.save_vm(name.clone()).await {
                    Ok(()) => {
                        saved.push(name.clone());
                        continue;
                    }
                    Err(error) => warn(format!("{name} could not be saved and is shut down instead: {error}")),
                }
            }
            note(sink, format!("asking {name} to shut down"));
            if let Err(error) = self.shutdown_vm(name.clone()).await {
                warn(format!("{name} could not be asked to shut down: {error}"));
            }
        }
        let limit = Instant::now() + deadline;
        let left = loop {
            let left = self.running().await.unwrap_or_default();
            sink.event(Event::StepProgress {
                step: STEP.to_owned(),
                done: total.saturating_sub(left.len() as u64),
                total: Some(total),
                unit: Unit::Items,
            });
            let rest = limit.saturating_duration_since(Instant::now());
            if left.is_empty() || rest.is_zero() {
                break left;
            }
            if cancel.is_cancelled() {
                return Err(SystemError::Cancelled);
            }
            note(sink, format!("waiting for {}", left.join(", ")));
            let event = tokio::time::timeout(rest.min(LOOK), events.recv()).await;
            if let Ok(Err(RecvError::Closed)) = event {
                break left;
            }
        };
        for name in left {
            warn(format!("{name} did not shut down in time: its power was taken away"));
            match self.force_off_vm(name.clone()).await {
                // It went by itself in the meantime.
                Ok(()) | Err(VirtError::Conflict { .. } | VirtError::NotFound { .. }) => {}
                Err(error) => warn(format!("{name} could not be switched off: {error}")),
            }
        }
        Ok(saved)
    }

    async fn running(&self) -> Result<Vec<String>, VirtError> {
        let machines = self.list_vms().await?.into_iter();
        Ok(machines
            .filter(|vm| !matches!(vm.state, VmState::Off | VmState::Crashed))
            .map(|vm| vm.name)
            .collect())
    }

    /// Starts what was saved before the reboot, as soon as the hypervisor is ready.
    pub(crate) async fn resume_saved(&self) {
        let mut events = self.events();
        while !self.health().is_ready() {
            if let Err(RecvError::Closed) = events.recv().await {
                return;
            }
        }
        let system = std::sync::Arc::clone(&self.system);
        let names = tokio::task::spawn_blocking(move || system.take_saved()).await;
        for name in names.unwrap_or_default() {
            match self.start_vm(name.clone()).await {
                Ok(()) => tracing::info!(%name, "goes on where it was saved"),
                // libvirt has started it itself, since it starts with the node.
                Err(VirtError::Conflict { .. }) => {}
                Err(error) => tracing::warn!(%name, %error, "a saved machine could not be started"),
            }
        }
    }
}

fn note(sink: &dyn Sink, note: String) {
    sink.event(Event::StepNote {
        step: STEP.to_owned(),
        note,
    });
}
