//! Virtual machines as they are seen.

use corbel_model::vm as model;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::BootFirmware;

/// Answer of `GET /v1/vms`, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VmList {
    pub vms: Vec<VmSummary>,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VmSummary {
    /// As the hypervisor spells it; machines that others defined may have names that this API would not give.
    pub name: String,
    pub uuid: String,
    pub state: VmState,
    pub cpus: u32,
    /// Bytes.
    pub memory: u64,
    /// False for a machine that vanishes when it stops.
    pub persistent: bool,
    pub autostart: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VmState {
    Running,
    Paused,
    /// Asked to shut down, still running.
    ShuttingDown,
    Off,
    Crashed,
    /// Suspended by guest power management.
    Suspended,
    #[serde(other)]
    Unknown,
}

/// Answer of `GET /v1/vms/{name}`: the line of the list and more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VmDetail {
    /// As the hypervisor spells it.
    pub name: String,
    pub uuid: String,
    pub state: VmState,
    pub cpus: u32,
    /// Bytes.
    pub memory: u64,
    pub persistent: bool,
    pub autostart: bool,
    pub firmware: BootFirmware,
    pub disks: Vec<VmDisk>,
    pub nics: Vec<VmNic>,
    /// `kvm`, or `qemu` for emulation, which is many times slower.
    pub accelerator: String,
    /// Process of the emulator while it runs.
    #[serde(default)]
    pub pid: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VmDisk {
    /// Name in the guest, such as `vda`.
    pub target: String,
    /// Path on the node; null for an empty drive.
    #[serde(default)]
    pub source: Option<String>,
    pub kind: DeviceKind,
    pub read_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    Disk,
    Cdrom,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VmNic {
    pub mac: String,
    /// libvirt's kind of source: `network`, `bridge`, …
    pub kind: String,
    #[serde(default)]
    pub source: Option<String>,
}

/// Answer of `GET /v1/vms/{name}/stats`: counters since the machine's start, except `memory…`, which are readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct VmStats {
    /// Nanoseconds.
    pub cpu_time_ns: u64,
    /// Bytes that the guest has.
    pub memory: u64,
    /// Bytes resident in the node.
    #[serde(default)]
    pub memory_rss: Option<u64>,
    /// Bytes, as are the following.
    pub disk_read: u64,
    pub disk_written: u64,
    pub net_received: u64,
    pub net_sent: u64,
}

impl From<model::VmState> for VmState {
    fn from(state: model::VmState) -> Self {
        match state {
            model::VmState::Running => Self::Running,
            model::VmState::Paused => Self::Paused,
            model::VmState::ShuttingDown => Self::ShuttingDown,
            model::VmState::Off => Self::Off,
            model::VmState::Crashed => Self::Crashed,
            model::VmState::Suspended => Self::Suspended,
            model::VmState::Unknown => Self::Unknown,
        }
    }
}

impl From<model::VmSummary> for VmSummary {
    fn from(vm: model::VmSummary) -> Self {
        Self {
            name: vm.name,
            uuid: vm.uuid,
            state: vm.state.into(),
            cpus: vm.cpus,
            memory: vm.memory.bytes(),
            persistent: vm.persistent,
            autostart: vm.autostart,
        }
    }
}

impl From<model::VmDetail> for VmDetail {
    fn from(vm: model::VmDetail) -> Self {
        let summary = VmSummary::from(vm.summary);
        Self {
            name: summary.name,
            uuid: summary.uuid,
            state: summary.state,
            cpus: summary.cpus,
            memory: summary.memory,
            persistent: summary.persistent,
            autostart: summary.autostart,
            firmware: match vm.firmware {
                model::Firmware::Bios => BootFirmware::Bios,
                model::Firmware::Uefi => BootFirmware::Uefi,
            },
            disks: vm.disks.into_iter().map(VmDisk::from).collect(),
            nics: vm
                .nics
                .into_iter()
                .map(|nic| VmNic {
                    mac: nic.mac,
                    kind: nic.kind,
                    source: nic.source,
                })
                .collect(),
            accelerator: vm.accelerator,
            pid: vm.pid,
        }
    }
}

impl From<model::VmDisk> for VmDisk {
    fn from(disk: model::VmDisk) -> Self {
        Self {
            target: disk.target,
            source: disk.source,
            kind: match disk.kind {
                model::DiskKind::Disk => DeviceKind::Disk,
                model::DiskKind::Cdrom => DeviceKind::Cdrom,
            },
            read_only: disk.read_only,
        }
    }
}

impl From<model::VmStats> for VmStats {
    fn from(stats: model::VmStats) -> Self {
        Self {
            cpu_time_ns: stats.cpu_time_ns,
            memory: stats.memory.bytes(),
            memory_rss: stats.memory_rss.map(corbel_model::ByteSize::bytes),
            disk_read: stats.disk_read.bytes(),
            disk_written: stats.disk_written.bytes(),
            net_received: stats.net_received.bytes(),
            net_sent: stats.net_sent.bytes(),
        }
    }
}
