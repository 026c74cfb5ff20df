//! Links, services, journal and dumps of the fake machine.

use crate::diagnostics::{LogEntry, Service};
use crate::dump::{Dump, DumpState, DumpStatus};
use corbel_model::ByteSize;
use corbel_net::Link;

pub(super) fn links() -> Vec<Link> {
    let link = |name: &str, carrier: bool, physical: bool, at: u64| Link {
        name: name.to_owned(),
        carrier,
        mac: Some(format!("52:54:00:00:00:0{at}")),
        speed_mbit: (carrier && physical).then_some(10_000),
        mtu: Some(1500),
        driver: physical.then(|| "ixgbe".to_owned()),
        physical,
        master: (name == "eno1").then(|| "br0".to_owned()),
        received: at << 30,
        sent: at << 20,
        errors: 0,
    };
    vec![
        link("br0", true, false, 1),
        link("eno1", true, true, 1),
        link("eno2", false, true, 2),
    ]
}

pub(super) fn services() -> Vec<Service> {
    let service = |name: &str, description: &str, active: &str, state: &str| Service {
        name: name.to_owned(),
        description: description.to_owned(),
        active: active.to_owned(),
        state: state.to_owned(),
    };
    vec![
        service("chronyd-wait.service", "Wait for the clock", "failed", "failed"),
        service("corbel-node.service", "The API of this node", "active", "running"),
        service("libvirtd.service", "libvirt", "active", "running"),
        service("ssh.service", "Remote login", "inactive", "dead"),
    ]
}

/// The newest first.
pub(super) fn journal() -> Vec<LogEntry> {
    let entry = |at: u64, priority: u8, source: &str, message: &str| LogEntry {
        seconds: 1_790_000_000 + at,
        priority,
        source: source.to_owned(),
        message: message.to_owned(),
    };
    vec![
        entry(63, 6, "corbel-node", "answered status=200 ms=2"),
        entry(61, 4, "kernel", "eno2: link is down"),
        entry(
            12,
            3,
            "systemd",
            "chronyd-wait.service: Failed with result 'exit-code'.",
        ),
        entry(4, 6, "corbel-node", "serving socket=/run/corbel/api.sock"),
        entry(0, 6, "kernel", "Linux version 6.12"),
    ]
}

pub(super) fn dumps(installed: bool) -> DumpStatus {
    if !installed {
        return DumpStatus {
            message: "no dumps of the kernel are saved: kernel_dump.target is off".to_owned(),
            ..DumpStatus::default()
        };
    }
    let dump = |name: &str, mib: u64, problem: Option<&str>| Dump {
        name: name.to_owned(),
        reason: "Fatal hardware error!".to_owned(),
        place: "this node".to_owned(),
        size: ByteSize::mib(mib),
        problem: problem.map(str::to_owned),
    };
    DumpStatus {
        state: DumpState::Ready,
        message: "a crash of the kernel is saved to this node".to_owned(),
        set_aside: ByteSize::mib(256),
        dumps: vec![
            dump("20261126T181530Z", 214, None),
            dump(
                "20261101T030000Z",
                0,
                Some("the node lost its power while it was saved"),
            ),
        ],
    }
}
