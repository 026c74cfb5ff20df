use super::*;
use crate::state::{Event, Key};
use crate::wizard::tests::work;
use corbel_node_api::{
    Address, BootFirmware, BootInfo, BootSource, Counters, FailedVersion, Health, HealthStatus, HypervisorInfo,
    HypervisorState, NodeInfo, OperationState, Slot, SlotName, SlotState, SshInfo, SshState, Virtualization,
    VirtualizationState, VmCounts,
};
use proptest::prelude::*;

pub(crate) fn vm(name: &str, state: VmState) -> VmSummary {
    VmSummary {
        name: name.into(),
        uuid: "8d2f7c3e-0000-4000-8000-000000000001".into(),
        state,
        cpus: 2,
        memory: 2 << 30,
        persistent: true,
        autostart: false,
    }
}

pub(crate) fn node() -> NodeInfo {
    NodeInfo {
        name: "corbel-123456".into(),
        version: "0.1.0".into(),
        uptime_seconds: 11_000,
        virtualization: Virtualization {
            state: VirtualizationState::Usable,
            message: "KVM is usable: guests run at full speed.".into(),
        },
        hypervisor: HypervisorInfo {
            state: HypervisorState::Ready,
            version: Some("QEMU 10.0.2 (libvirt 11.3.0)".into()),
            reason: None,
        },
        boot: BootInfo {
            medium_signed: Some(true),
            source: BootSource::Cd,
            medium: Some("/dev/sr0".into()),
            root_hash: Some("ab".repeat(32)),
            firmware: BootFirmware::Uefi,
            slot: None,
        },
        ssh: SshInfo {
            state: SshState::Off,
            message: "SSH is off: neither a key nor a password was given".into(),
        },
        admin_password_set: Some(false),
        keyboard: None,
        addresses: vec![
            Address {
                interface: "enp1s0".into(),
                address: "2001:db8::10".into(),
            },
            Address {
                interface: "enp1s0".into(),
                address: "192.0.2.10".into(),
            },
        ],
        certificate_fingerprint: Some(format!("sha256:{}", "0123456789abcdef".repeat(4))),
        cpus: 2,
        memory_total: 1000 << 20,
        memory_available: 700 << 20,
        load: [0.52, 0.4, 0.1],
        counters: None,
        vms: VmCounts { running: 0, defined: 0 },
        last_failed: None,
        warnings: Vec::new(),
    }
}

pub(crate) fn fresh() -> State {
    let mut state = State::default();
    state.on(Event::Node(Box::new(node())));
    state
}

fn with(change: impl FnOnce(&mut NodeInfo)) -> State {
    let mut state = fresh();
    let mut node = node();
    change(&mut node);
    state.on(Event::Node(Box::new(node)));
    state
}

fn degraded() -> State {
    let reason = "libvirt does not answer: connection refused";
    let mut state = with(|node| {
        node.hypervisor.state = HypervisorState::Degraded;
        node.hypervisor.reason = Some(reason.into());
        node.warnings = vec![
            "vlan=5000: \"5000\" is not a VLAN number: give 1 to 4094".into(),
            "corbel.toml: line 4, column 1 (admin.passwd): unknown field `passwd`, expected one of `password_hash`, `ssh_keys`, \
             `password_login`; nothing of this file is used, neither its network nor its access"
                .into(),
            "dns=x: \"x\" is not an IP address".into(),
        ];
    });
    state.on(Event::Health(Health {
        status: HealthStatus::Degraded,
        reason: Some(reason.into()),
    }));
    state.on(Event::Vms(vec![vm("db", VmState::Unknown)]));
    state
}

fn many() -> State {
    let mut state = with(|node| {
        node.ssh = SshInfo {
            state: SshState::On,
            message: "SSH is on for admin, with password".into(),
        };
        node.admin_password_set = Some(true);
    });
    let states = [
        VmState::Running,
        VmState::Off,
        VmState::Paused,
        VmState::Crashed,
        VmState::ShuttingDown,
    ];
    let named = |n: usize| vm(&format!("guest-{n:03}"), states[n % states.len()]);
    let mut vms: Vec<_> = (0..120).map(named).collect();
    vms.push(vm(
        "a-machine-whose-name-is-as-long-as-names-of-machines-may-become",
        VmState::Running,
    ));
    state.on(Event::Vms(vms));
    fit_to(&mut state, 80, 24);
    state.on(Event::Key(Key::Down));
    state
}

/// An installed node: on trial, after a failure, and while it is upgraded.
fn installed(change: impl FnOnce(&mut State, &mut NodeInfo)) -> State {
    let mut state = State::default();
    let mut node = node();
    node.boot.source = BootSource::Installed;
    node.boot.medium = Some("/dev/vda".into());
    node.boot.slot = Some(SlotName::B);
    node.admin_password_set = Some(true);
    let slot = |name, state, version: &str, running| Slot {
        name,
        state,
        version: Some(version.into()),
        running,
        tries_left: None,
    };
    state.slots.slots = vec![
        slot(SlotName::A, SlotState::Spare, "0.0.9", false),
        slot(SlotName::B, SlotState::Good, "0.1.0", true),
    ];
    change(&mut state, &mut node);
    state.on(Event::Node(Box::new(node)));
    state
}

/// A node that was looked at for a while: its load goes up and down, and one look in the middle failed.
fn busy() -> State {
    let mut state = many();
    let mut counters = Counters::default();
    for look in 0..80_u64 {
        counters.at_milliseconds += if look == 70 { 6000 } else { 2000 };
        let wave = (look % 20).min(20 - look % 20);
        counters.cpu_milliseconds += 4000;
        counters.cpu_busy_milliseconds += wave * 400;
        counters.disk_read_bytes += (wave / 8) << 22;
        counters.disk_written_bytes += wave << 18;
        counters.network_received_bytes += (10 - wave) << 16;
        counters.network_sent_bytes += 3000;
        let mut node = state.node.clone().expect("many() has one");
        node.counters = Some(counters);
        node.memory_available = (700 - look * 5) << 20;
        state.on(Event::Node(Box::new(node)));
    }
    state
}

fn away() -> State {
    let mut state = many();
    state.on(Event::Away(
        "cannot connect to /run/corbel/api.sock: Connection refused (os error 111)".into(),
    ));
    state
}

#[test]
fn screens() {
    let no_address = with(|node| node.addresses.clear());
    let absent = with(|node| {
        node.virtualization = Virtualization {
            state: VirtualizationState::Absent,
            message: "This processor has no hardware virtualization (neither VMX nor SVM): guests are emulated, many times slower.".into(),
        };
    });
    let all = [
        ("fresh", fresh()),
        ("degraded", degraded()),
        ("no-address", no_address),
        ("many-vms", many()),
        ("busy", busy()),
        ("absent-virtualization", absent),
        ("daemon-away", away()),
        ("starting", State::default()),
        ("installed", installed(|_, _| {})),
        (
            "trial",
            installed(|state, _| {
                state.slots.slots[0].state = SlotState::Good;
                state.slots.slots[1].state = SlotState::Trial;
                state.slots.slots[1].tries_left = Some(2);
            }),
        ),
        (
            "failed-version",
            installed(|state, node| {
                state.slots.slots[0].state = SlotState::Failed;
                state.slots.slots[0].version = Some("0.2.0".into());
                state.slots.problems = vec!["corbel/grubenv is not there".into()];
                node.last_failed = Some(FailedVersion {
                    version: "0.2.0".into(),
                    reason: "libvirt did not answer within 300 seconds".into(),
                });
                let mut failed = work(OperationState::Failed);
                failed.title = "Upgrade".into();
                failed.message = Some("the image is not signed by a key that this node trusts".into());
                state.operation = Some(failed);
            }),
        ),
        (
            "upgrading",
            installed(|state, _| {
                let mut running = work(OperationState::Running);
                running.title = "Upgrade".into();
                running.warnings = vec!["a hook after the upgrade failed".into()];
                state.operation = Some(running);
            }),
        ),
    ];
    for (name, state) in all {
        for (columns, rows) in [(80, 24), (200, 50)] {
            insta::assert_snapshot!(format!("{name}-{columns}x{rows}"), as_text(&state, columns, rows));
        }
    }
}

#[test]
fn the_whole_fingerprint_is_on_one_row_of_80() {
    let text = as_text(&degraded(), 80, 24);
    let fingerprint = node().certificate_fingerprint.expect("given");
    assert!(
        text.lines().any(|line| line == format!(" Cert    {fingerprint}")),
        "{text}"
    );
}

proptest! {
    #[test]
    fn no_size_and_no_text_break_the_screen(columns in 1_u16..220, rows in 1_u16..70, text in "\\PC{0,200}", scroll: usize) {
        for mut state in [fresh(), degraded(), many(), busy(), away(), State::default()] {
            if let Some(node) = &mut state.node {
                node.name.clone_from(&text);
                node.warnings.push(text.clone());
                node.load = [f64::NAN, f64::INFINITY, -1.0];
            }
            state.vms.push(vm(&text, VmState::Running));
            state.scroll = scroll;
            let shown = as_text(&state, columns, rows);
            prop_assert_eq!(shown.lines().count(), usize::from(rows));
            prop_assert!(shown.is_ascii());
        }
    }
}
