//! The node at a glance: facts of the machine, of the boot and of the hypervisor, which may be away.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use corbel_model::vm::VmState;
use corbel_plan::security::Signer;

use crate::{Agent, Boot, Counters, FailedVersion, Memory, Ssh, Verdict, VirtualizationState, judge};

/// What `GET /v1/node` shows, in our own words.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub name: String,
    pub version: String,
    pub uptime_seconds: u64,
    pub virtualization: Verdict,
    pub hypervisor: HypervisorStatus,
    pub boot: Boot,
    /// Whether the medium of this boot is signed; `None` without one.
    pub medium_signed: Option<bool>,
    /// `None` when nothing is known about remote login.
    pub ssh: Option<Ssh>,
    /// `None` when that cannot be read.
    pub admin_password_set: Option<bool>,
    /// Keymap of the console; `None` for the kernel's own.
    pub keyboard: Option<String>,
    /// Interface and address.
    pub addresses: Vec<(String, String)>,
    pub cpus: u32,
    pub memory: Memory,
    pub load: [f64; 3],
    pub counters: Option<Counters>,
    pub vms: VmCounts,
    /// The last version that did not become healthy here, until another one does.
    pub last_failed: Option<FailedVersion>,
    pub warnings: Vec<String>,
}

/// `reason` is one sentence when the hypervisor is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HypervisorStatus {
    pub version: Option<String>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VmCounts {
    /// Machines that are not off.
    pub running: u32,
    pub defined: u32,
}

/// What was last seen, for the moments in which it cannot be asked.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    version: Option<String>,
    counts: VmCounts,
    verdict: Option<(Instant, Verdict)>,
}

/// KVM's module may be loaded after us, so a bad verdict is looked at again.
const VERDICT_AGE: Duration = Duration::from_secs(10);
/// The page must come soon even when the hypervisor is slow; older counts do then.
const COUNT_DEADLINE: Duration = Duration::from_secs(2);

impl Agent {
    /// Answers within about two seconds, whatever the hypervisor does.
    pub async fn node(&self) -> Node {
        // An error shows in `health`, and the counts are then the last that were seen.
        if let Ok(Ok(states)) = tokio::time::timeout(COUNT_DEADLINE, self.call(|h| h.vm_states())).await {
            self.remember_counts(states.into_iter());
        }
        let facilities = std::sync::Arc::clone(&self.facilities);
        let system = std::sync::Arc::clone(&self.system);
        let known = self.known_verdict();
        let facts = tokio::task::spawn_blocking(move || Facts {
            name: facilities.hostname(),
            uptime_seconds: facilities.uptime_seconds(),
            verdict: known.unwrap_or_else(|| judge(&facilities.kvm())),
            boot: facilities.boot(),
            medium_signed: system.signer().map(|signer| signer != Signer::Nobody),
            ssh: facilities.ssh(),
            admin_password_set: facilities.admin_password_set(),
            keyboard: facilities.keyboard(),
            addresses: facilities.addresses(),
            cpus: facilities.cpus(),
            memory: facilities.memory(),
            load: facilities.load(),
            counters: facilities.counters(),
            warnings: facilities.warnings(),
            // What cannot be read here is said where the slots are asked for.
            last_failed: system.slots().ok().and_then(|slots| slots.last_failed),
        });
        let facts = facts.await.unwrap_or_else(|error| {
            tracing::error!(%error, "reading the machine's facts panicked");
            Facts::default()
        });
        let (version, counts) = self.with_seen(|seen| {
            if seen
                .verdict
                .as_ref()
                .is_none_or(|(_, verdict)| *verdict != facts.verdict)
            {
                seen.verdict = Some((Instant::now(), facts.verdict.clone()));
            }
            (seen.version.clone(), seen.counts)
        });
        let mut warnings = facts.warnings;
        if let Some(failed) = &facts.last_failed {
            warnings.insert(
                0,
                format!(
                    "Corbel {} did not become healthy here: {}",
                    failed.version, failed.reason
                ),
            );
        }
        if facts.verdict.state != VirtualizationState::Usable {
            warnings.insert(0, facts.verdict.message.clone());
        }
        Node {
            name: facts.name,
            version: self.settings().version.clone(),
            uptime_seconds: facts.uptime_seconds,
            virtualization: facts.verdict,
            hypervisor: HypervisorStatus {
                version,
                reason: self.health().reason,
            },
            boot: facts.boot,
            medium_signed: facts.medium_signed,
            ssh: facts.ssh,
            admin_password_set: facts.admin_password_set,
            keyboard: facts.keyboard,
            addresses: facts.addresses,
            cpus: facts.cpus,
            memory: facts.memory,
            load: facts.load,
            counters: facts.counters,
            vms: counts,
            last_failed: facts.last_failed,
            warnings,
        }
    }

    /// The host name, as it is now.
    pub fn name(&self) -> String {
        self.facilities.hostname()
    }

    pub(crate) fn remember_version(&self, version: Option<String>) {
        self.with_seen(|seen| seen.version = version);
    }

    pub(crate) fn remember_counts(&self, states: impl Iterator<Item = VmState>) {
        let mut counts = VmCounts::default();
        for state in states {
            counts.defined += 1;
            counts.running += u32::from(!matches!(state, VmState::Off | VmState::Crashed));
        }
        self.with_seen(|seen| seen.counts = counts);
    }

    fn known_verdict(&self) -> Option<Verdict> {
        self.with_seen(|seen| match &seen.verdict {
            Some((at, verdict)) if verdict.state == VirtualizationState::Usable || at.elapsed() < VERDICT_AGE => {
                Some(verdict.clone())
            }
            _ => None,
        })
    }

    fn with_seen<T>(&self, work: impl FnOnce(&mut Seen) -> T) -> T {
        work(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug, Default)]
struct Facts {
    name: String,
    uptime_seconds: u64,
    verdict: Verdict,
    boot: Boot,
    medium_signed: Option<bool>,
    ssh: Option<Ssh>,
    admin_password_set: Option<bool>,
    keyboard: Option<String>,
    addresses: Vec<(String, String)>,
    cpus: u32,
    memory: Memory,
    load: [f64; 3],
    counters: Option<Counters>,
    warnings: Vec<String>,
    last_failed: Option<FailedVersion>,
}
