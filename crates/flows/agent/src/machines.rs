//! What becomes of running machines when the node goes down: each is saved or shut down as its own definition says, and who
//! does not obey in time loses its power.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use corbel_model::vm::{OnReboot, VmState};
use corbel_progress::{Event, Sink, Unit};
use corbel_sys::Cancel;
use corbel_virt::VirtError;
use corbel_virt::xml::on_reboot;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{Agent, SystemError};

/// The step's word.
pub(crate) const STEP: &str = "machines";
/// Events may be missed, so machines are looked at this often anyway.
const LOOK: Duration = Duration::from_secs(2);
/// A hypervisor that was killed is back within seconds. One that is silent for longer must not keep a node from rebooting, which may be
/// what heals it.
const SILENCE: Duration = Duration::from_secs(30);
/// More than the memory of most machines at the speed of a slow disk. Whoever is beyond that shuts its machine down instead.
const SAVE_LIMIT: Duration = Duration::from_secs(3600);
/// Who could not be asked since the hypervisor went silent is asked again. More often than this it is the machine's own fault.
const TRIES: u32 = 2;

/// Why machines are stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    Restart,
    /// What is saved would be gone with the disk, and a machine that still ran would write to it.
    Removal,
}

impl Agent {
    /// Afterwards no machine runs, as far as the hypervisor can be asked. Gives the names of those that were saved.
    ///
    /// # Errors
    /// [`SystemError::Cancelled`]: then what was saved runs again. Before a removal also a hypervisor that cannot be asked.
    pub(crate) async fn stop_machines(
        self: &Arc<Self>,
        occasion: Occasion,
        deadline: Duration,
        sink: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<Vec<String>, SystemError> {
        let mut stop = Stop {
            agent: self,
            events: self.events(),
            occasion,
            sink,
            cancel,
            saved: vec![],
        };
        match stop.all(deadline).await {
            Ok(()) => Ok(stop.saved),
            Err(error) => {
                for name in stop.saved {
                    note(sink, format!("starting {name} again"));
                    self.go_on(name).await;
                }
                Err(error)
            }
        }
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
        let system = Arc::clone(&self.system);
        let names = tokio::task::spawn_blocking(move || system.take_saved()).await;
        for name in names.unwrap_or_default() {
            self.go_on(name).await;
        }
    }

    async fn go_on(&self, name: String) {
        match self.start_vm(name.clone()).await {
            Ok(()) => tracing::info!(%name, "goes on where it was saved"),
            // libvirt has started it itself, since it starts with the node.
            Err(VirtError::Conflict { .. }) => {}
            Err(error) => tracing::warn!(%name, %error, "a saved machine could not be started"),
        }
    }
}

/// One way down.
struct Stop<'a> {
    agent: &'a Arc<Agent>,
    events: Receiver<crate::Event>,
    occasion: Occasion,
    sink: &'a dyn Sink,
    cancel: &'a Cancel,
    saved: Vec<String>,
}

impl Stop<'_> {
    async fn all(&mut self, deadline: Duration) -> Result<(), SystemError> {
        let mut left = match self.first_look(deadline.min(SILENCE)).await? {
            Ok(running) => running,
            Err(error) if self.occasion == Occasion::Restart => {
                self.warn(format!("the machines could not be asked to stop: {error}"));
                return Ok(());
            }
            Err(error) => {
                return Err(SystemError::Refused(format!(
                    "machines may run from what would be removed, and they cannot be asked to stop: {error}"
                )));
            }
        };
        if let Err(error) = self.agent.system.note_running(&left) {
            self.warn(format!("a version on trial will not know which machines ran: {error}"));
        }
        let total = left.len() as u64;
        let mut unasked: VecDeque<_> = left.iter().map(|name| (name.clone(), 1)).collect();
        let mut limit = Instant::now() + deadline;
        let mut silent = false;
        loop {
            match self.agent.running().await {
                Ok(running) => {
                    (left, silent) = (running, false);
                    if self.ask(&mut unasked).await? {
                        limit = Instant::now() + deadline;
                    }
                }
                Err(error) if !silent => {
                    silent = true;
                    self.warn(format!("how the machines are cannot be asked at the moment: {error}"));
                }
                Err(_) => {}
            }
            self.sink.event(Event::StepProgress {
                step: STEP.to_owned(),
                done: total.saturating_sub(left.len() as u64),
                total: Some(total),
                unit: Unit::Items,
            });
            let rest = limit.saturating_duration_since(Instant::now());
            if left.is_empty() || rest.is_zero() {
                break;
            }
            note(self.sink, format!("waiting for {}", left.join(", ")));
            self.wait(rest).await?;
        }
        for name in left {
            self.warn(format!("{name} did not shut down in time: its power was taken away"));
            match self.agent.force_off_vm(name.clone()).await {
                // It went by itself in the meantime.
                Ok(()) | Err(VirtError::Conflict { .. } | VirtError::NotFound { .. }) => {}
                Err(error) => self.warn(format!("{name} could not be switched off: {error}")),
            }
        }
        Ok(())
    }

    /// Which machines run, as soon as that can be asked.
    async fn first_look(&mut self, patience: Duration) -> Result<Result<Vec<String>, VirtError>, SystemError> {
        let limit = Instant::now() + patience;
        loop {
            let running = self.agent.running().await;
            let rest = limit.saturating_duration_since(Instant::now());
            if running.is_ok() || rest.is_zero() {
                return Ok(running);
            }
            note(self.sink, "waiting for the hypervisor's answer".to_owned());
            self.wait(rest).await?;
        }
    }

    /// Asks those that were not asked yet. Gives whether one more was.
    async fn ask(&mut self, unasked: &mut VecDeque<(String, u32)>) -> Result<bool, SystemError> {
        let mut asked = false;
        while let Some((name, tries)) = unasked.pop_front() {
            self.go_on_unless_cancelled()?;
            match self.ask_one(&name).await? {
                Ok(()) => asked = true,
                // The others would be refused as well.
                Err(VirtError::Unavailable { .. }) if tries < TRIES => {
                    unasked.push_back((name, tries + 1));
                    break;
                }
                // It went by itself.
                Err(VirtError::Conflict { .. } | VirtError::NotFound { .. }) => {}
                Err(error) => self.warn(format!("{name} could not be asked to shut down: {error}")),
            }
        }
        Ok(asked)
    }

    async fn ask_one(&mut self, name: &str) -> Result<Result<(), VirtError>, SystemError> {
        if self.occasion == Occasion::Restart {
            let saves = match self.agent.vm_xml(name.to_owned()).await {
                Ok(xml) => on_reboot(&xml) == OnReboot::Save,
                Err(error @ VirtError::Unavailable { .. }) => return Ok(Err(error)),
                Err(_) => false,
            };
            if saves {
                note(self.sink, format!("saving {name}"));
                match self.save(name).await? {
                    Ok(()) => {
                        self.saved.push(name.to_owned());
                        return Ok(Ok(()));
                    }
                    Err(error) => self.warn(format!("{name} could not be saved and is shut down instead: {error}")),
                }
            }
        }
        note(self.sink, format!("asking {name} to shut down"));
        Ok(self.agent.shutdown_vm(name.to_owned()).await)
    }

    async fn save(&self, name: &str) -> Result<Result<(), VirtError>, SystemError> {
        let (agent, owned) = (Arc::clone(self.agent), name.to_owned());
        let mut saving = tokio::spawn(async move { agent.save_vm(owned).await });
        let limit = Instant::now() + SAVE_LIMIT;
        loop {
            match tokio::time::timeout(LOOK, &mut saving).await {
                Ok(outcome) => {
                    return Ok(outcome.unwrap_or_else(|error| Err(failed("saving", error.to_string()))));
                }
                Err(_) if self.cancel.is_cancelled() => {
                    let (agent, name) = (Arc::clone(self.agent), name.to_owned());
                    // libvirt goes on with it; the machine shall not stay off for that.
                    tokio::spawn(async move {
                        if let Ok(Ok(())) = saving.await {
                            agent.go_on(name).await;
                        }
                    });
                    return Err(SystemError::Cancelled);
                }
                Err(_) if Instant::now() >= limit => {
                    let minutes = SAVE_LIMIT.as_secs() / 60;
                    return Ok(Err(failed("saving", format!("it takes longer than {minutes} minutes"))));
                }
                Err(_) => {}
            }
        }
    }

    /// For something to happen, at most for `rest` and not long.
    async fn wait(&mut self, rest: Duration) -> Result<(), SystemError> {
        self.go_on_unless_cancelled()?;
        // Whatever it is: everything is looked at afterwards. It does not end, as the agent holds the other side.
        let _ = tokio::time::timeout(rest.min(LOOK), self.events.recv()).await;
        Ok(())
    }

    fn go_on_unless_cancelled(&self) -> Result<(), SystemError> {
        match self.cancel.is_cancelled() {
            true => Err(SystemError::Cancelled),
            false => Ok(()),
        }
    }

    fn warn(&self, message: String) {
        self.sink.event(Event::Warning { message });
    }
}

fn failed(operation: &str, problem: String) -> VirtError {
    VirtError::Failed {
        operation: operation.to_owned(),
        problem,
    }
}

fn note(sink: &dyn Sink, note: String) {
    sink.event(Event::StepNote {
        step: STEP.to_owned(),
        note,
    });
}
