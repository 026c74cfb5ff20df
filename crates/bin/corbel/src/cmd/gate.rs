//! `corbel gate`: after each start of an installed node, judges a version that is on trial. Asks the node's own API as any client does;
//! what is decided and noted is in `corbel-upgrade`.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use corbel_client::Client;
use corbel_node_api::{Health as ApiHealth, HypervisorState, NodeInfo, RebootRequest, SOCKET_PATH, VmState, VmSummary};
use corbel_plan::gate::{Expected, Facts, missing_address};
use corbel_upgrade::{Health, Verdict};

use serde::Deserialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

/// What settle noted of this boot.
const SETTLED: &str = corbel_settle::REPORT_FILE;
/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);
/// What machines get to stop before a version that is not healthy is left.
const MACHINES_SECONDS: u32 = 120;
/// From asking the node to restart to doing without it.
const RESTART_LIMIT: Duration = Duration::from_secs(240);
const REPORT_LIMIT: u64 = 1 << 20;
const UPTIME: &str = "/proc/uptime";
/// How the daemon begins its reason when libvirt answers and its defaults are missing.
const DEFAULTS: &str = "the default pool or network is missing";

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    /// Seconds from the start of the system until it must be healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    deadline: u64,
    /// Socket of the node's API
    #[arg(long, value_name = "PATH", default_value = SOCKET_PATH)]
    socket: PathBuf,
}

/// Judges this boot. That a version is not healthy is no failure of the gate: it has asked for the restart.
pub(crate) fn run(args: &GateArgs, printer: &Printer) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| Failure::new(Exit::Failed, error);
    let node = corbel_machine::open().map_err(|error| failed(error.into()))?;
    let Some(node) = node else {
        printer.talk("this system does not run from an installed disk: there is nothing to judge");
        return Ok(());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(error.into()))?;
    let asking = Asking {
        expected: expected(Path::new(SETTLED)),
        client: Client::local(&args.socket),
        runtime,
        ran: ran(Path::new(corbel_machine::RAN_FILE)),
        seen: RefCell::default(),
    };
    let deadline = Duration::from_secs(args.deadline);
    let verdict = corbel_upgrade::gate(&node.installed, &asking, deadline).map_err(|error| failed(error.into()))?;
    let version = &node.installed.version;
    printer.talk(&match verdict {
        Verdict::NotOnTrial(_) => format!("version {version} is not on trial"),
        Verdict::Blessed => format!("version {version} is healthy and stays"),
        Verdict::Unhealthy(reason) => format!("version {version} is not healthy: {reason}; the node restarts"),
    });
    Ok(())
}

/// The addresses that this boot's configuration asks for. Without a note the gate asks for any, as one that judged without it did.
fn expected(report: &Path) -> Expected {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Settled {
        addresses: Expected,
    }
    let bytes = corbel_sys::read_limited(report, REPORT_LIMIT).unwrap_or_default();
    serde_json::from_slice::<Settled>(&bytes).unwrap_or_default().addresses
}

/// The machines that ran before this version was started. Without a note all that start with the node are asked for.
fn ran(note: &Path) -> Option<BTreeSet<String>> {
    let bytes = corbel_sys::read_limited(note, REPORT_LIMIT).ok()?;
    Some(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

struct Asking {
    expected: Expected,
    /// A machine that did not run before may have a reason of its own.
    ran: Option<BTreeSet<String>>,
    client: Client,
    runtime: tokio::runtime::Runtime,
    /// Machines that ran at some time: one that its guest has switched off since is not missing.
    seen: RefCell<BTreeSet<String>>,
}

impl Health for Asking {
    fn facts(&self) -> Facts {
        self.runtime.block_on(async {
            let health = self.client.health().await.ok();
            let node = self.client.node().await.ok();
            let machines = self.client.vms().await.ok();
            facts(
                health.as_ref(),
                node.as_ref(),
                machines.as_deref(),
                &self.expected,
                self.ran.as_ref(),
                &mut self.seen.borrow_mut(),
            )
        })
    }

    fn elapsed(&self) -> Duration {
        let text = corbel_sys::read_limited(Path::new(UPTIME), 4096).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let seconds = text
            .split_whitespace()
            .next()
            .and_then(|first| first.parse::<f64>().ok());
        Duration::try_from_secs_f64(seconds.unwrap_or_default()).unwrap_or_default()
    }

    fn wait(&self) {
        std::thread::sleep(PAUSE);
    }

    fn restart(&self) -> bool {
        let request = RebootRequest {
            deadline_seconds: Some(MACHINES_SECONDS),
            ..RebootRequest::default()
        };
        if self.runtime.block_on(self.client.reboot(request)).is_err() {
            return false;
        }
        // This program ends with the system. When it does not, the node promised what it cannot do.
        std::thread::sleep(RESTART_LIMIT);
        false
    }
}

fn facts(
    health: Option<&ApiHealth>,
    node: Option<&NodeInfo>,
    machines: Option<&[VmSummary]>,
    expected: &Expected,
    ran: Option<&BTreeSet<String>>,
    seen: &mut BTreeSet<String>,
) -> Facts {
    let machines = machines.unwrap_or_default();
    let is_off = |vm: &VmSummary| matches!(vm.state, VmState::Off | VmState::Crashed);
    seen.extend(machines.iter().filter(|vm| !is_off(vm)).map(|vm| vm.name.clone()));
    let down = machines
        .iter()
        .filter(|vm| vm.autostart && is_off(vm) && !seen.contains(&vm.name))
        .filter(|vm| ran.is_none_or(|ran| ran.contains(&vm.name)));
    let reason = node
        .and_then(|node| node.hypervisor.reason.as_deref())
        .unwrap_or_default();
    let without_defaults = reason.starts_with(DEFAULTS);
    let addresses = node.map_or(&[][..], |node| &node.addresses).iter();
    let addresses: Vec<_> = addresses
        .filter_map(|at| Some((at.interface.clone(), at.address.parse().ok()?)))
        .collect();
    let ready = node.is_some_and(|node| node.hypervisor.state == HypervisorState::Ready);
    Facts {
        api: health.is_some() && node.is_some(),
        virtualization: ready || without_defaults,
        pools_inactive: if without_defaults {
            vec!["default".to_owned()]
        } else {
            vec![]
        },
        address: missing_address(expected, &addresses),
        machines_down: down.map(|vm| vm.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use corbel_plan::gate::{Decision, decide};

    use super::*;

    fn node(state: &str, reason: Option<&str>, addresses: &str) -> NodeInfo {
        let reason = serde_json::to_string(&reason).unwrap();
        serde_json::from_str(&format!(
            r#"{{"name":"n","version":"1","uptime_seconds":1,"virtualization":{{"state":"usable","message":"m"}},
            "hypervisor":{{"state":"{state}","reason":{reason}}},"boot":{{"source":"installed","firmware":"uefi"}},
            "ssh":{{"state":"off","message":"m"}},"addresses":[{addresses}],"cpus":1,"memory_total":1,"memory_available":1,
            "load":[0,0,0],"vms":{{"running":0,"defined":0}}}}"#
        ))
        .unwrap()
    }

    fn machine(state: &str) -> VmSummary {
        serde_json::from_str(&format!(
            r#"{{"name":"web","uuid":"u","state":"{state}","cpus":1,"memory":1,"persistent":true,"autostart":true}}"#
        ))
        .unwrap()
    }

    fn judged(node: Option<&NodeInfo>, machines: &[VmSummary], seen: &mut BTreeSet<String>) -> Result<(), String> {
        let health = serde_json::from_str::<ApiHealth>(r#"{"status":"ok"}"#).unwrap();
        let expected = Expected::default();
        let facts = facts(node.map(|_| &health), node, Some(machines), &expected, None, seen);
        match decide(&facts, Duration::from_secs(9), Duration::from_secs(9)) {
            Decision::Healthy => Ok(()),
            Decision::Wait(why) | Decision::Unhealthy(why) => Err(why),
        }
    }

    const ADDRESS: &str = r#"{"interface":"eth0","address":"192.0.2.1"}"#;

    #[test]
    fn what_is_missing_is_named() {
        let mut seen = BTreeSet::new();
        let mut said = |node: Option<&NodeInfo>, machines: &[VmSummary]| judged(node, machines, &mut seen);
        let ready = node("ready", None, ADDRESS);
        assert_eq!(said(Some(&ready), &[]), Ok(()));
        for (node, part) in [
            (None, "the API does not answer"),
            (
                Some(node("degraded", Some("no answer within 30 s"), ADDRESS)),
                "libvirt does not answer",
            ),
            (Some(node("ready", None, "")), "no interface has an address"),
            (
                Some(node(
                    "degraded",
                    Some("the default pool or network is missing: x"),
                    ADDRESS,
                )),
                "not active: default",
            ),
        ] {
            let why = said(node.as_ref(), &[]).unwrap_err();
            assert!(why.contains(part), "{why}");
        }
        let why = said(Some(&ready), &[machine("off")]).unwrap_err();
        assert!(why.ends_with("these VMs do not run: web"), "{why}");
    }

    #[test]
    fn the_address_of_the_configuration_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("settle.json");
        assert_eq!(expected(&report), Expected::default());
        let text = r#"{"hostname":"n","addresses":{"fixed":[{"interface":"eno1","address":"192.0.2.1"}],"later":1}}"#;
        corbel_sys::write_atomic(&report, text.as_bytes(), 0o644).unwrap();
        let expected = expected(&report);
        let said = |addresses: &str| {
            let node = node("ready", None, addresses);
            facts(None, Some(&node), None, &expected, None, &mut BTreeSet::new()).address
        };
        assert_eq!(said(ADDRESS), None);
        let other = r#"{"interface":"eno1","address":"192.0.2.2"}"#;
        assert_eq!(said(other).as_deref(), Some("eno1 has not its address 192.0.2.1"));
    }

    #[test]
    fn a_guest_that_switched_itself_off_does_not_condemn_the_version() {
        let mut seen = BTreeSet::new();
        let ready = node("ready", None, ADDRESS);
        assert_eq!(judged(Some(&ready), &[machine("running")], &mut seen), Ok(()));
        assert_eq!(judged(Some(&ready), &[machine("off")], &mut seen), Ok(()));
    }

    #[test]
    fn a_machine_that_did_not_run_before_condemns_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("machines-before");
        assert_eq!(ran(&note), None);
        let down = |ran: Option<&BTreeSet<String>>| {
            let machines = [machine("off")];
            facts(
                None,
                None,
                Some(&machines),
                &Expected::default(),
                ran,
                &mut BTreeSet::new(),
            )
            .machines_down
        };
        assert_eq!(down(None), ["web"]);
        for (noted, expected) in [("db\nweb", vec!["web"]), ("db", vec![]), ("", vec![])] {
            corbel_sys::write_atomic(&note, noted.as_bytes(), 0o600).unwrap();
            assert_eq!(down(ran(&note).as_ref()), expected, "{noted:?}");
        }
    }
}
