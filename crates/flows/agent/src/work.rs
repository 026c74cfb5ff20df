//! The long works of a node, as its clients begin them: plan or reserve first, so that who asks gets a refusal at once, then do.

use std::sync::Arc;
use std::time::Duration;

use corbel_model::ByteSize;
use corbel_model::Keymap;
use corbel_model::install::{DeviceMatch, InstallRequest, UninstallRequest};
use corbel_net::Link;
use tokio::runtime::Handle;

use crate::diagnostics::{LogPage, LogQuery, Service};
use crate::document::{Answers, compose};
use crate::machines::{self, Occasion};
use crate::operations::{Follower, OperationError, OperationInfo, OperationKind, Reporter, Reservation};
use crate::system::{Disk, Permits, Persisted, Plan, Restart, Secret, Slots, Source, Spool};
use crate::{Agent, SystemError};

/// How long machines have to shut down when nobody says otherwise.
pub const MACHINES_DEADLINE: Duration = Duration::from_secs(120);

/// What follows long work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Then {
    pub reboot: bool,
    /// By kexec, where that is safe.
    pub fast: bool,
}

impl Then {
    /// Steps of ours behind those of the work itself.
    fn steps(self) -> usize {
        if self.reboot { 2 } else { 0 }
    }

    fn restart(self) -> Option<Restart> {
        match (self.reboot, self.fast) {
            (false, _) => None,
            (true, false) => Some(Restart::Firmware),
            (true, true) => Some(Restart::Fast),
        }
    }
}

/// Where an upgrade comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Url(String),
    Medium {
        boot: Option<DeviceMatch>,
        password: Option<Secret>,
    },
}

impl Agent {
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn crate::System) -> Result<T, SystemError> + Send + 'static,
    ) -> Result<T, SystemError> {
        let system = Arc::clone(&self.system);
        let answer = tokio::task::spawn_blocking(move || question(&*system)).await;
        answer.unwrap_or_else(|error| {
            tracing::error!(%error, "a question to the machine panicked");
            Err(SystemError::Failed {
                operation: "the question".to_owned(),
                problem: "internal error, see the log".to_owned(),
            })
        })
    }

    pub async fn disks(&self) -> Result<Vec<Disk>, SystemError> {
        self.ask(|system| system.disks()).await
    }

    /// Gives the node's own screen a layout, until the next start: what later ones have is for the configuration to say.
    ///
    /// # Errors
    /// [`SystemError::Invalid`] of `layout` when the image has no such keymap; then the keys stay as they were.
    pub async fn use_keyboard(&self, layout: Keymap) -> Result<(), SystemError> {
        self.ask(move |system| system.use_keyboard(&layout)).await
    }

    pub async fn links(&self) -> Result<Vec<Link>, SystemError> {
        self.ask(|system| system.links()).await
    }

    pub async fn services(&self) -> Result<Vec<Service>, SystemError> {
        self.ask(|system| system.services()).await
    }

    pub async fn logs(&self, query: LogQuery) -> Result<LogPage, SystemError> {
        self.ask(move |system| system.logs(&query)).await
    }

    /// The document with a new password in it, as its hash: of a user that is in it, or of `admin`.
    ///
    /// # Errors
    /// [`SystemError::Invalid`] for a text that is no document, or that has no such user.
    pub async fn with_password(
        &self,
        document: String,
        user: Option<String>,
        password: Secret,
    ) -> Result<String, SystemError> {
        self.ask(move |_| crate::document::with_password(&document, user.as_deref(), &password))
            .await
    }

    pub async fn persisted(&self) -> Result<Vec<Persisted>, SystemError> {
        self.ask(|system| system.persisted()).await
    }

    pub async fn persist(&self, path: String) -> Result<Persisted, SystemError> {
        self.ask(move |system| system.persist(&path)).await
    }

    pub async fn unpersist(&self, path: String) -> Result<(), SystemError> {
        self.ask(move |system| system.unpersist(&path)).await
    }

    pub async fn persisted_difference(&self, path: String) -> Result<String, SystemError> {
        self.ask(move |system| system.persisted_difference(&path)).await
    }

    pub async fn slots(&self) -> Result<Slots, SystemError> {
        self.ask(|system| system.slots()).await
    }

    /// The request with a document that holds host name and password too, and what would be done.
    ///
    /// # Errors
    /// The field that is wrong, or why the machine refuses.
    pub async fn plan_install(
        &self,
        mut request: InstallRequest,
        answers: Answers,
    ) -> Result<(InstallRequest, Plan), SystemError> {
        self.ask(move |system| {
            let base = match request.document.take() {
                Some(document) => Some(document),
                None => system.document()?,
            };
            request.document = compose(base.as_deref(), &answers)?;
            let plan = system.plan_install(&request)?;
            Ok((request, plan))
        })
        .await
    }

    /// Begins what [`Agent::plan_install`] gave back.
    pub fn begin_install(
        self: &Arc<Self>,
        request: InstallRequest,
        then: Then,
    ) -> Result<OperationInfo, OperationError> {
        self.begin(
            OperationKind::Install,
            "Install Corbel",
            then,
            move |agent, reporter| {
                agent
                    .system
                    .install(&request, &reporter.part(then.steps()), reporter.cancel())?;
                Ok("Corbel is installed".to_owned())
            },
        )
    }

    pub async fn plan_uninstall(&self, request: UninstallRequest) -> Result<Plan, SystemError> {
        self.ask(move |system| system.plan_uninstall(&request)).await
    }

    pub fn begin_uninstall(
        self: &Arc<Self>,
        request: UninstallRequest,
        then: Then,
    ) -> Result<OperationInfo, OperationError> {
        const DONE: &str = "the disk carries no Corbel any more";
        let place = self.operations.reserve(OperationKind::Uninstall, "Uninstall Corbel")?;
        let info = place.info();
        let (agent, runtime) = (Arc::clone(self), Handle::current());
        place.run(move |reporter| {
            let itself = agent.system.removes_itself(&request)?;
            if itself {
                // Their disks are on it, and what they write must not come after the removal.
                reporter.step(machines::STEP, "Stop the machines", || {
                    let cancel = reporter.cancel();
                    runtime.block_on(agent.stop_machines(Occasion::Removal, MACHINES_DEADLINE, reporter, cancel))
                })?;
            }
            let sink = reporter.part(then.steps());
            agent.system.uninstall(&request, &sink, reporter.cancel())?;
            if itself {
                agent.system.restart(Restart::AtOnce, &reporter.part(0))?;
                return Ok(format!("{DONE}; the machine restarts"));
            }
            if let Some(how) = then.restart() {
                agent.go_down(&runtime, how, MACHINES_DEADLINE, reporter)?;
            }
            Ok(DONE.to_owned())
        });
        Ok(info)
    }

    /// Whether the values that an upgrade was asked for with are right, so that a wrong password is said at once and can be typed again.
    ///
    /// # Errors
    /// The field that is wrong.
    pub async fn check_upgrade(&self, origin: &Origin) -> Result<(), SystemError> {
        match origin.clone() {
            Origin::Url(_) => Ok(()),
            Origin::Medium { boot, password } => {
                self.ask(move |system| system.check_upgrade(boot.as_ref(), password.as_ref()))
                    .await
            }
        }
    }

    /// Begins what [`Agent::check_upgrade`] found no fault with.
    pub fn begin_upgrade(
        self: &Arc<Self>,
        origin: Origin,
        permits: Permits,
        then: Then,
    ) -> Result<OperationInfo, OperationError> {
        self.begin(OperationKind::Upgrade, "Upgrade", then, move |agent, reporter| {
            let source = match origin {
                Origin::Url(url) => {
                    let sink = reporter.part(0);
                    Source::File(agent.system.fetch(&url, &sink, reporter.cancel())?)
                }
                Origin::Medium { boot, password } => Source::Medium { boot, password },
            };
            agent.write_release(&source, permits, then, reporter)
        })
    }

    /// The place of an upgrade whose ISO is still to come, and the file that it comes into.
    pub async fn receive_upgrade(&self, bytes: ByteSize) -> Result<(Reservation, Spool), OperationError> {
        let place = self.operations.reserve(OperationKind::Upgrade, "Upgrade")?;
        match self.ask(move |system| system.spool(bytes)).await {
            Ok(spool) => Ok((place, spool)),
            Err(error) => {
                place.fail(error.clone());
                Err(error.into())
            }
        }
    }

    /// Goes on with an upgrade whose ISO has come whole.
    pub fn upgrade_received(
        self: &Arc<Self>,
        place: Reservation,
        spool: Spool,
        permits: Permits,
        then: Then,
    ) -> OperationInfo {
        let info = place.info();
        let source = Source::File(spool);
        self.carry_out(place, then, move |agent, reporter| {
            agent.write_release(&source, permits, then, reporter)
        });
        info
    }

    fn write_release(
        &self,
        source: &Source,
        permits: Permits,
        then: Then,
        reporter: &Reporter,
    ) -> Result<String, SystemError> {
        let sink = reporter.part(then.steps());
        let version = self.system.upgrade(source, permits, &sink, reporter.cancel())?;
        Ok(if then.reboot {
            format!("Corbel {version} is started next")
        } else {
            format!("Corbel {version} is written and starts with the next reboot")
        })
    }

    pub fn begin_rollback(self: &Arc<Self>, then: Then) -> Result<OperationInfo, OperationError> {
        self.begin(OperationKind::Rollback, "Roll back", then, move |agent, reporter| {
            let sink = reporter.part(then.steps());
            let version = agent.system.rollback(&sink, reporter.cancel())?;
            Ok(format!("Corbel {version} starts with the next reboot"))
        })
    }

    /// Stops the machines, each as its policy says, and goes down.
    pub fn begin_restart(
        self: &Arc<Self>,
        how: Restart,
        deadline: Option<Duration>,
    ) -> Result<OperationInfo, OperationError> {
        let (kind, title) = match how {
            Restart::PowerOff => (OperationKind::Poweroff, "Power off"),
            Restart::Firmware | Restart::Fast | Restart::AtOnce => (OperationKind::Reboot, "Reboot"),
        };
        let place = self.operations.reserve(kind, title)?;
        let info = place.info();
        let (agent, runtime) = (Arc::clone(self), Handle::current());
        place.run(move |reporter| {
            agent.go_down(&runtime, how, deadline.unwrap_or(MACHINES_DEADLINE), reporter)?;
            Ok(String::new())
        });
        Ok(info)
    }

    fn begin(
        self: &Arc<Self>,
        kind: OperationKind,
        title: &str,
        then: Then,
        work: impl FnOnce(&Agent, &Reporter) -> Result<String, SystemError> + Send + 'static,
    ) -> Result<OperationInfo, OperationError> {
        let place = self.operations.reserve(kind, title)?;
        let info = place.info();
        self.carry_out(place, then, work);
        Ok(info)
    }

    fn carry_out(
        self: &Arc<Self>,
        place: Reservation,
        then: Then,
        work: impl FnOnce(&Agent, &Reporter) -> Result<String, SystemError> + Send + 'static,
    ) {
        let (agent, runtime) = (Arc::clone(self), Handle::current());
        place.run(move |reporter| {
            let message = work(&agent, reporter)?;
            if let Some(how) = then.restart() {
                agent.go_down(&runtime, how, MACHINES_DEADLINE, reporter)?;
            }
            Ok(message)
        });
    }

    fn go_down(
        self: &Arc<Self>,
        runtime: &Handle,
        how: Restart,
        deadline: Duration,
        reporter: &Reporter,
    ) -> Result<(), SystemError> {
        let saved = reporter.step(machines::STEP, "Stop the machines", || {
            runtime.block_on(self.stop_machines(Occasion::Restart, deadline, reporter, reporter.cancel()))
        })?;
        if !saved.is_empty() {
            self.system.keep_saved(&saved)?;
        }
        let title = match how {
            Restart::PowerOff => "Power off",
            Restart::Firmware | Restart::AtOnce => "Reboot",
            Restart::Fast => "Reboot without firmware",
        };
        reporter.step("restart", title, || self.system.restart(how, reporter))
    }

    /// The present long work or the last one.
    pub fn operation(&self) -> Option<OperationInfo> {
        self.operations.info()
    }

    /// Asks the present long work to stop where that is safe.
    pub fn cancel_operation(&self) -> Result<OperationInfo, OperationError> {
        self.operations.cancel()
    }

    /// The events of the present or last long work from its beginning.
    pub fn follow_operation(&self) -> Option<Follower> {
        self.operations.follow()
    }
}
