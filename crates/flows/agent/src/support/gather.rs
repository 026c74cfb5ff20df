//! What goes into a bundle, in the order of how much it helps.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use corbel_plan::support::{Manifest, PART_LIMIT, PARTS, file_name, redact, segment};
use corbel_progress::{Event, Sink as _, Unit};
use corbel_sys::{Cancel, chain};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::DEADLINE;
use super::archive::Archive;
use crate::operations::Reporter;
use crate::{Agent, SystemError};

/// One question to the hypervisor or the configuration.
const QUESTION: Duration = Duration::from_secs(30);
/// Machines whose definition is in a bundle; the manifest says when there are more.
const MACHINES: usize = 500;

fn failed(error: &std::io::Error) -> SystemError {
    SystemError::Failed {
        operation: "making the bundle".to_owned(),
        problem: error.to_string(),
    }
}

/// A part in the making, and when all of them have to be done.
struct Work<'a, R> {
    archive: Archive<R>,
    runtime: &'a Handle,
    until: Instant,
    cancel: &'a Cancel,
}

impl<R: Fn(&str) -> String> Work<'_, R> {
    fn text(&mut self, name: &str, text: Result<String, String>) -> Result<(), SystemError> {
        match text {
            Ok(text) => self
                .archive
                .add(name, text.as_bytes(), false)
                .map_err(|error| failed(&error)),
            Err(reason) => {
                self.archive.miss(name, reason);
                Ok(())
            }
        }
    }

    /// Waits for what the agent is asked.
    fn ask<T, E: std::error::Error>(&self, question: impl Future<Output = Result<T, E>>) -> Result<T, String> {
        if self.cancel.is_cancelled() {
            return Err(SystemError::Cancelled.to_string());
        }
        let time = QUESTION.min(self.until.saturating_duration_since(Instant::now()));
        // The timer belongs to the runtime, so it is made inside.
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(time, question).await });
        match answer {
            Ok(answer) => answer.map_err(|error| chain(&error)),
            Err(_) => Err(format!("no answer within {} s", time.as_secs())),
        }
    }

    /// What the agent knows, as it knows it.
    fn fact<T: Debug, E: std::error::Error>(
        &mut self,
        name: &str,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<(), SystemError> {
        let answer = self.ask(question).map(|fact| format!("{fact:#?}\n"));
        self.text(name, answer)
    }
}

impl Agent {
    /// The name of the bundle and its bytes.
    pub(super) fn gather(
        &self,
        runtime: &Handle,
        reporter: &Reporter,
        cancel: &Cancel,
    ) -> Result<(String, Vec<u8>), SystemError> {
        let known = self.known_secrets();
        let mut count = 0;
        let mut report = |name: &str| {
            count += 1;
            reporter.event(Event::StepNote {
                step: "gather".to_owned(),
                note: name.to_owned(),
            });
            reporter.event(Event::StepProgress {
                step: "gather".to_owned(),
                done: count,
                total: Some(PARTS.len() as u64),
                unit: Unit::Items,
            });
        };
        self.bundle(runtime, cancel, &mut report, |text| redact(text, &known))
    }

    /// Secrets of the machine, and those that a document has that is not taken apart yet.
    pub(super) fn known_secrets(&self) -> Vec<String> {
        let mut known = self.system.secrets();
        known.retain(|secret| !secret.trim().is_empty());
        known
    }

    pub(super) fn bundle(
        &self,
        runtime: &Handle,
        cancel: &Cancel,
        report: &mut dyn FnMut(&str),
        redact: impl Fn(&str) -> String,
    ) -> Result<(String, Vec<u8>), SystemError> {
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let now = i64::try_from(seconds)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        let now = now.unwrap_or(Timestamp::UNIX_EPOCH);
        let node = self.name();
        let name = file_name(&node, &now.strftime("%Y%m%dT%H%M%SZ").to_string());
        let manifest = Manifest {
            version: 1,
            node: redact(&node),
            corbel: self.settings.version.clone(),
            made: now.to_string(),
            ..Manifest::default()
        };
        let folder = name.trim_end_matches(".tar.xz").to_owned();
        let mut work = Work {
            archive: Archive::new(folder, seconds, manifest, redact),
            runtime,
            until: Instant::now() + DEADLINE,
            cancel,
        };
        report("what the agent knows");
        self.facts(&mut work)?;
        for part in PARTS {
            if cancel.is_cancelled() {
                return Err(SystemError::Cancelled);
            }
            report(part.name);
            if Instant::now() > work.until {
                work.archive.miss(part.name, "there was no time left for it".to_owned());
                continue;
            }
            match self.system.part(part.origin, PART_LIMIT, cancel) {
                Ok(pieces) => {
                    for piece in pieces {
                        let name = match piece.name.as_str() {
                            "" => part.name.to_owned(),
                            below => format!("{}/{}", part.name, segment(below)),
                        };
                        let added = work.archive.add(&name, &piece.bytes, piece.shortened);
                        added.map_err(|error| failed(&error))?;
                    }
                }
                Err(SystemError::Cancelled) => return Err(SystemError::Cancelled),
                Err(error) => work.archive.miss(part.name, error.to_string()),
            }
        }
        self.machines(&mut work)?;
        if cancel.is_cancelled() {
            return Err(SystemError::Cancelled);
        }
        Ok((name, work.archive.finish().map_err(|error| failed(&error))?))
    }

    fn facts<R: Fn(&str) -> String>(&self, work: &mut Work<'_, R>) -> Result<(), SystemError> {
        let view = work.ask(self.config());
        let document = view.as_ref().map(|view| view.text.clone()).map_err(Clone::clone);
        work.text("config/node.toml", document)?;
        if let Ok(view) = view {
            let (kept, generation) = (view.kept, view.generation);
            let waits = view
                .pending
                .map(|pending| (pending.by, pending.seconds_left, pending.text));
            let told = format!(
                "kept: {kept}\ngeneration: {generation}\nnotes: {:#?}\nwaits: {waits:#?}\n",
                view.notes
            );
            work.text("config/state.txt", Ok(told))?;
        }
        work.fact("config/history.txt", self.config_history())?;
        type Never = std::convert::Infallible;
        work.fact("node/node.txt", async { Ok::<_, Never>(self.node().await) })?;
        work.fact("node/health.txt", async { Ok::<_, Never>(self.health()) })?;
        let protected = async {
            let mut level = self.security(None).await;
            // The server has the certificate, and the agent does not know it.
            level.findings.retain(|finding| finding.id != "certificate");
            Ok::<_, Never>(level.findings)
        };
        work.fact("node/security.txt", protected)?;
        work.fact("node/operation.txt", async { Ok::<_, Never>(self.operation()) })?;
        work.fact("node/slots.txt", self.slots())?;
        work.fact("node/dumps.txt", self.dumps())?;
        work.fact("node/persisted.txt", self.persisted())?;
        work.fact("hardware/disks.txt", self.disks())?;
        work.fact("hardware/links.txt", self.links())?;
        work.fact("hardware/iommu.txt", self.ask(|system| system.iommu()))?;
        work.fact("hardware/multipath.txt", self.ask(|system| system.multipath()))?;
        work.fact("hardware/iscsi.txt", self.ask(|system| system.iscsi()))?;
        work.fact("node/services.txt", self.services())?;
        let figures = self.facilities.figures(work.cancel).map_err(|error| chain(&error));
        work.text("node/metrics.txt", figures)?;
        work.fact("machines/pools.txt", self.list_pools())?;
        work.fact("machines/volumes.txt", self.list_volumes())?;
        work.fact("machines/networks.txt", self.list_networks())
    }

    fn machines<R: Fn(&str) -> String>(&self, work: &mut Work<'_, R>) -> Result<(), SystemError> {
        let machines = match work.ask(self.list_vms()) {
            Ok(machines) => machines,
            Err(reason) => {
                work.archive.miss("machines", reason);
                return Ok(());
            }
        };
        work.text("machines/list.txt", Ok(format!("{machines:#?}\n")))?;
        for (at, vm) in machines.iter().enumerate() {
            let name = format!("machines/{}.xml", segment(&vm.name));
            if at >= MACHINES {
                work.archive
                    .miss("machines", format!("{} further machines", machines.len() - at));
                break;
            }
            if work.cancel.is_cancelled() {
                return Err(SystemError::Cancelled);
            }
            let xml = work.ask(self.vm_xml(vm.name.clone()));
            work.text(&name, xml)?;
        }
        Ok(())
    }
}
