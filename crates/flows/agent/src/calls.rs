//! Blocking calls on threads that are bounded in number, with a deadline for whoever waits.
//!
//! A thread that hangs inside libvirt cannot be killed. It keeps its slot until it returns, so that a hung libvirt costs
//! at most [`SLOTS`] threads; from the first hang on, calls are refused at once until the watch sees an answer again.

use std::sync::Arc;
use std::time::Duration;

use corbel_virt::{Hypervisor, VirtError};
use tokio::sync::{Semaphore, TryAcquireError};

use crate::health::HealthCell;

/// Calls at a time. libvirt serves 5 clients' calls a connection at a time by default; more would only queue there.
pub(crate) const SLOTS: usize = 12;
/// Uploads at a time; each holds a thread for as long as its client sends.
const UPLOADS: usize = 4;
/// Machines whose memory is being written at a time. They are saved one after the other; the rest is for those whose QEMU hangs.
const SAVES: usize = 4;

#[derive(Debug)]
pub(crate) struct Calls {
    slots: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    saves: Arc<Semaphore>,
    /// The watch has its own, so that it notices the recovery when all others hang.
    probe: Arc<Semaphore>,
    deadline: Duration,
    health: HealthCell,
}

fn unavailable(problem: impl Into<String>) -> VirtError {
    VirtError::Unavailable {
        problem: problem.into(),
    }
}

impl Calls {
    pub(crate) fn new(deadline: Duration, health: HealthCell) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(SLOTS)),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            saves: Arc::new(Semaphore::new(SAVES)),
            probe: Arc::new(Semaphore::new(1)),
            deadline,
            health,
        }
    }

    /// A call for a client.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        hypervisor: &Arc<dyn Hypervisor>,
        work: impl FnOnce(&dyn Hypervisor) -> Result<T, VirtError> + Send + 'static,
    ) -> Result<T, VirtError> {
        if let Some(reason) = self.health.hung() {
            return Err(unavailable(reason));
        }
        let whole = async {
            let slot = Arc::clone(&self.slots)
                .acquire_owned()
                .await
                .map_err(|_| unavailable("the daemon is stopping"))?;
            on_a_thread(hypervisor, slot, work).await
        };
        match tokio::time::timeout(self.deadline, whole).await {
            Ok(Err(error @ VirtError::Unavailable { .. })) => {
                self.health.suspect();
                Err(error)
            }
            Ok(outcome) => outcome,
            Err(_) => {
                let reason = format!(
                    "a call took longer than {} s and may still be done",
                    self.deadline.as_secs_f32()
                );
                self.health.set_hung(&reason);
                Err(unavailable(reason))
            }
        }
    }

    /// An upload, which may take hours and is bounded by its sender instead.
    pub(crate) async fn upload<T: Send + 'static>(
        &self,
        hypervisor: &Arc<dyn Hypervisor>,
        work: impl FnOnce(&dyn Hypervisor) -> Result<T, VirtError> + Send + 'static,
    ) -> Result<T, VirtError> {
        let most = format!("{UPLOADS} uploads are running, the most at a time");
        self.long(&self.uploads, most, hypervisor, work).await
    }

    /// A save of a machine's memory, which takes as long as that is large; whoever waits may go away.
    pub(crate) async fn save<T: Send + 'static>(
        &self,
        hypervisor: &Arc<dyn Hypervisor>,
        work: impl FnOnce(&dyn Hypervisor) -> Result<T, VirtError> + Send + 'static,
    ) -> Result<T, VirtError> {
        let most = format!("{SAVES} machines are being saved, the most at a time");
        self.long(&self.saves, most, hypervisor, work).await
    }

    /// Without a deadline, and without standing in line.
    async fn long<T: Send + 'static>(
        &self,
        slots: &Arc<Semaphore>,
        most: String,
        hypervisor: &Arc<dyn Hypervisor>,
        work: impl FnOnce(&dyn Hypervisor) -> Result<T, VirtError> + Send + 'static,
    ) -> Result<T, VirtError> {
        if let Some(reason) = self.health.hung() {
            return Err(unavailable(reason));
        }
        let slot = Arc::clone(slots).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::NoPermits => unavailable(most),
            TryAcquireError::Closed => unavailable("the daemon is stopping"),
        })?;
        on_a_thread(hypervisor, slot, work).await
    }

    /// The watch's own call. Fails at once while the last one still hangs.
    pub(crate) async fn probe<T: Send + 'static>(
        &self,
        hypervisor: &Arc<dyn Hypervisor>,
        work: impl FnOnce(&dyn Hypervisor) -> Result<T, VirtError> + Send + 'static,
    ) -> Result<T, VirtError> {
        let slot = Arc::clone(&self.probe)
            .try_acquire_owned()
            .map_err(|_| unavailable("the last question is still unanswered"))?;
        tokio::time::timeout(self.deadline, on_a_thread(hypervisor, slot, work))
            .await
            .unwrap_or_else(|_| {
                Err(unavailable(format!(
                    "no answer within {} s",
                    self.deadline.as_secs_f32()
                )))
            })
    }
}

async fn on_a_thread<T: Send + 'static>(
    hypervisor: &Arc<dyn Hypervisor>,
    slot: tokio::sync::OwnedSemaphorePermit,
    work: impl FnOnce(&dyn Hypervisor) -> Result<T, VirtError> + Send + 'static,
) -> Result<T, VirtError> {
    let hypervisor = Arc::clone(hypervisor);
    let outcome = tokio::task::spawn_blocking(move || {
        let outcome = work(&*hypervisor);
        drop(slot);
        outcome
    });
    outcome.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a hypervisor call panicked");
        Err(VirtError::Failed {
            operation: "the call".to_owned(),
            problem: "internal error, see the log".to_owned(),
        })
    })
}
