//! From the agent's words to those of the wire.

mod config;
mod reach;
mod work;

use corbel_agent as agent;
use corbel_node_api as wire;
use corbel_virt as virt;

pub(crate) use config::{config, config_applied, config_entry};
pub(crate) use reach::{echo, iommu, iscsi, multipath};
pub(crate) use work::{disk, failed_version, operation, plan, slot_info};

pub(crate) fn health(health: &agent::Health) -> wire::Health {
    let status = if health.is_ready() {
        wire::HealthStatus::Ok
    } else {
        wire::HealthStatus::Degraded
    };
    wire::Health {
        status,
        reason: health.reason.clone(),
    }
}

pub(crate) fn node(node: agent::Node, fingerprint: Option<&str>) -> wire::NodeInfo {
    wire::NodeInfo {
        name: node.name,
        version: node.version,
        uptime_seconds: node.uptime_seconds,
        virtualization: wire::Virtualization {
            state: match node.virtualization.state {
                agent::VirtualizationState::Usable => wire::VirtualizationState::Usable,
                agent::VirtualizationState::Disabled => wire::VirtualizationState::Disabled,
                agent::VirtualizationState::Absent => wire::VirtualizationState::Absent,
            },
            message: node.virtualization.message,
        },
        hypervisor: wire::HypervisorInfo {
            state: match node.hypervisor.reason {
                None => wire::HypervisorState::Ready,
                Some(_) => wire::HypervisorState::Degraded,
            },
            version: node.hypervisor.version,
            reason: node.hypervisor.reason,
        },
        boot: boot(node.boot, node.medium_signed),
        ssh: ssh(node.ssh),
        admin_password_set: node.admin_password_set,
        keyboard: node.keyboard,
        addresses: node
            .addresses
            .into_iter()
            .map(|(interface, address)| wire::Address { interface, address })
            .collect(),
        certificate_fingerprint: fingerprint.map(str::to_owned),
        cpus: node.cpus,
        memory_total: node.memory.total.bytes(),
        memory_available: node.memory.available.bytes(),
        load: node.load,
        counters: node.counters.map(counters),
        vms: wire::VmCounts {
            running: node.vms.running,
            defined: node.vms.defined,
        },
        last_failed: node.last_failed.map(failed_version),
        warnings: node.warnings,
    }
}

fn counters(counters: agent::Counters) -> wire::Counters {
    wire::Counters {
        at_milliseconds: counters.at_milliseconds,
        cpu_busy_milliseconds: counters.cpu_busy_milliseconds,
        cpu_milliseconds: counters.cpu_milliseconds,
        disk_read_bytes: counters.disk_read_bytes,
        disk_written_bytes: counters.disk_written_bytes,
        network_received_bytes: counters.network_received_bytes,
        network_sent_bytes: counters.network_sent_bytes,
    }
}

fn boot(boot: agent::Boot, medium_signed: Option<bool>) -> wire::BootInfo {
    wire::BootInfo {
        source: match boot.source {
            agent::BootSource::Cd => wire::BootSource::Cd,
            agent::BootSource::Disk => wire::BootSource::Disk,
            agent::BootSource::Network => wire::BootSource::Network,
            agent::BootSource::Installed => wire::BootSource::Installed,
            agent::BootSource::Unknown => wire::BootSource::Unknown,
        },
        medium: boot.medium,
        medium_signed,
        root_hash: boot.root_hash,
        firmware: match boot.firmware {
            agent::Firmware::Bios => wire::BootFirmware::Bios,
            agent::Firmware::Uefi => wire::BootFirmware::Uefi,
        },
        slot: boot.slot.map(work::slot),
    }
}

fn ssh(ssh: Option<agent::Ssh>) -> wire::SshInfo {
    match ssh {
        Some(agent::Ssh { on, message }) => wire::SshInfo {
            state: if on { wire::SshState::On } else { wire::SshState::Off },
            message,
        },
        None => wire::SshInfo {
            state: wire::SshState::Unknown,
            message: "Nothing is known about SSH: this boot has no report of its configuration".to_owned(),
        },
    }
}

pub(crate) fn event(event: agent::Event) -> wire::Event {
    match event {
        agent::Event::Vm { name, change, vm } => wire::Event::Vm {
            name,
            change: self::change(change),
            vm: vm.map(wire::VmSummary::from),
        },
        agent::Event::Health(now) => wire::Event::Health { health: health(&now) },
        agent::Event::Config { change, generation, by } => wire::Event::Config {
            change: match change {
                agent::ConfigChange::Waits => wire::ConfigChange::Waits,
                agent::ConfigChange::Saved => wire::ConfigChange::Saved,
                agent::ConfigChange::Undone => wire::ConfigChange::Undone,
            },
            generation,
            by,
        },
        agent::Event::Missed(count) => wire::Event::Missed { count },
    }
}

fn change(change: virt::VmChange) -> wire::VmChange {
    match change {
        virt::VmChange::Defined => wire::VmChange::Defined,
        virt::VmChange::Undefined => wire::VmChange::Undefined,
        virt::VmChange::Started => wire::VmChange::Started,
        virt::VmChange::Paused => wire::VmChange::Paused,
        virt::VmChange::Resumed => wire::VmChange::Resumed,
        virt::VmChange::ShuttingDown => wire::VmChange::ShuttingDown,
        virt::VmChange::Stopped => wire::VmChange::Stopped,
        virt::VmChange::Crashed => wire::VmChange::Crashed,
        virt::VmChange::Suspended => wire::VmChange::Suspended,
        virt::VmChange::Rebooted => wire::VmChange::Rebooted,
    }
}

pub(crate) fn pool(pool: virt::Pool) -> wire::Pool {
    wire::Pool {
        name: pool.name,
        active: pool.active,
        path: pool.path,
        capacity: pool.capacity.bytes(),
        available: pool.available.bytes(),
    }
}

pub(crate) fn persisted(kept: agent::Persisted) -> wire::Persisted {
    wire::Persisted {
        path: kept.path,
        state: match kept.state {
            agent::PersistedState::Kept => wire::PersistedState::Kept,
            agent::PersistedState::Changed => wire::PersistedState::Changed,
            agent::PersistedState::Missing => wire::PersistedState::Missing,
        },
        size: kept.size.bytes(),
        files: kept.files as u64,
        image_changed: kept.image_changed,
    }
}

pub(crate) fn link(link: agent::Link) -> wire::Link {
    wire::Link {
        name: link.name,
        carrier: link.carrier,
        mac: link.mac,
        speed_mbit: link.speed_mbit,
        duplex: link.duplex,
        mtu: link.mtu,
        driver: link.driver,
        physical: link.physical,
        master: link.master,
        neighbour: link.neighbour,
        received: link.received,
        sent: link.sent,
        errors: link.errors,
    }
}

pub(crate) fn volume(volume: virt::Volume) -> wire::Volume {
    wire::Volume {
        name: volume.name,
        path: volume.path,
        capacity: volume.capacity.bytes(),
        allocation: volume.allocation.bytes(),
        format: volume.format,
    }
}

pub(crate) fn network(network: virt::Network) -> wire::Network {
    wire::Network {
        name: network.name,
        active: network.active,
        autostart: network.autostart,
        mode: network.mode,
        bridge: network.bridge,
    }
}
