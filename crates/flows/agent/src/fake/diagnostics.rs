//! Links, services, journal and dumps of the fake machine.

use crate::dump::{Dump, DumpState, DumpStatus};
use corbel_model::ByteSize;
use std::time::Duration;

use corbel_disk::{IscsiSession, MultipathDevice, MultipathPath};
use corbel_model::network::InterfaceName;
use corbel_model::server::Server;
use corbel_net::Link;

use crate::SystemError;
use crate::diagnostics::{Echo, LogEntry, Multipath, Service, Sessions};
use crate::iommu::{IommuDevice, IommuGroup};

pub(super) fn links() -> Vec<Link> {
    let link = |name: &str, carrier: bool, physical: bool, at: u64| Link {
        name: name.to_owned(),
        carrier,
        mac: Some(format!("52:54:00:00:00:0{at}")),
        speed_mbit: (carrier && physical).then_some(10_000),
        duplex: (carrier && physical).then(|| "full".to_owned()),
        mtu: Some(1500),
        driver: physical.then(|| "ixgbe".to_owned()),
        physical,
        master: (name == "eno1").then(|| "br0".to_owned()),
        neighbour: (name == "eno1").then(|| "rack1-top ge-0/0/7".to_owned()),
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

/// `eno2` cannot.
pub(super) fn identify(link: &InterfaceName) -> Result<(), SystemError> {
    match link.as_str() {
        "eno1" => Ok(()),
        "eno2" => Err(SystemError::Refused(
            "the driver of eno2 cannot let its lamps blink".into(),
        )),
        name => Err(SystemError::NotFound(format!("there is no interface {name}"))),
    }
}

/// Names answer, and so do addresses that end in an odd number.
pub(super) fn ping(host: &Server, number: u16) -> Echo {
    let address = match host {
        Server::Address(address) => address.to_string(),
        Server::Name(_) => "192.0.2.1".to_owned(),
    };
    let answers = address.ends_with(['1', '3', '5', '7', '9']);
    let answer = match answers {
        true => Ok(Duration::from_micros(400 + u64::from(number))),
        false => Err("no answer within 3 s".to_owned()),
    };
    Echo { address, answer }
}

pub(super) fn multipath() -> Multipath {
    let path = |disk: &str, group: u64, check: &str, state: &str| MultipathPath {
        disk: disk.to_owned(),
        group,
        state: state.to_owned(),
        check: check.to_owned(),
    };
    let device = MultipathDevice {
        name: "3600140512345678".to_owned(),
        wwid: "3600140512345678".to_owned(),
        kernel_name: "dm-3".to_owned(),
        vendor: "LIO-ORG".to_owned(),
        product: "disk1".to_owned(),
        paths: vec![path("sdb", 1, "ready", "active"), path("sdc", 2, "faulty", "failed")],
    };
    Multipath {
        enabled: true,
        devices: vec![device],
    }
}

pub(super) fn iscsi() -> Sessions {
    let session = |portal: &str, state: &str, disk: &str| IscsiSession {
        target: "iqn.2004-10.org.example:disks".to_owned(),
        portal: portal.parse().ok(),
        initiator: Some("iqn.1993-08.org.debian:01:0123456789ab".to_owned()),
        state: state.to_owned(),
        disks: vec![disk.to_owned()],
    };
    Sessions {
        initiator: Some("iqn.1993-08.org.debian:01:0123456789ab".to_owned()),
        sessions: vec![
            session("192.0.2.5:3260", "LOGGED_IN", "/dev/sdb"),
            session("198.51.100.5:3260", "FAILED", "/dev/sdc"),
        ],
    }
}

pub(super) fn iommu() -> Vec<IommuGroup> {
    let device = |address: &str, id: &str, kind: &'static str, driver: Option<&str>| IommuDevice {
        address: address.to_owned(),
        id: Some(id.to_owned()),
        kind: Some(kind),
        driver: driver.map(str::to_owned),
    };
    let group = |number: u32, devices: Vec<IommuDevice>| IommuGroup { number, devices };
    vec![
        group(0, vec![device("0000:00:00.0", "060000 8086:6f00", "bridge", None)]),
        group(
            14,
            vec![
                device("0000:03:00.0", "020000 8086:1528", "network", Some("ixgbe")),
                device("0000:03:00.1", "020000 8086:1528", "network", Some("ixgbe")),
            ],
        ),
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
