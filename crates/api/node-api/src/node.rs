//! The node itself: health, and what `GET /v1/node` shows on one page.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{FailedVersion, SlotName};

/// Whether the node can do its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "ok", "reason": null}))]
pub struct Health {
    pub status: HealthStatus,
    /// One sentence when degraded.
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthStatus {
    Ok,
    Degraded,
    #[serde(other)]
    Unknown,
}

/// Body of `PUT /v1/node/keyboard`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"layout": "de-latin1"}))]
#[serde(deny_unknown_fields)]
pub struct Keyboard {
    /// The name of a keymap.
    pub layout: String,
}

/// The node at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeInfo {
    /// Host name.
    pub name: String,
    /// Version of Corbel.
    pub version: String,
    pub uptime_seconds: u64,
    pub virtualization: Virtualization,
    pub hypervisor: HypervisorInfo,
    pub boot: BootInfo,
    pub ssh: SshInfo,
    /// Whether the user `admin` has a password; without one nobody logs in at the console or by HTTP Basic. Null where that is
    /// not known.
    #[serde(default)]
    pub admin_password_set: Option<bool>,
    /// Keymap of the node's own screen, as this boot was configured; null for the kernel's own, that of a US keyboard.
    #[serde(default)]
    pub keyboard: Option<String>,
    /// Addresses other than loopback and link-local ones.
    pub addresses: Vec<Address>,
    /// `sha256:` and 64 hex digits of the DER certificate that the TLS listener shows; null without a TLS listener.
    #[serde(default)]
    pub certificate_fingerprint: Option<String>,
    /// Processors that are online.
    pub cpus: u32,
    /// Bytes.
    pub memory_total: u64,
    /// Bytes that can be used without swapping (`MemAvailable`, proc_meminfo(5)).
    pub memory_available: u64,
    /// Load of the last 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Null where the kernel tells nothing.
    #[serde(default)]
    pub counters: Option<Counters>,
    pub vms: VmCounts,
    /// The last version that did not become healthy on this node, until another one does.
    #[serde(default)]
    pub last_failed: Option<FailedVersion>,
    /// One sentence each; empty on a node where all is well.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What the node has done since it started. The difference of two readings over that of their times is a rate; figures that are kept
/// come from `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Counters {
    /// When these were read, since the start of the system.
    pub at_milliseconds: u64,
    /// What all processors together have worked.
    pub cpu_busy_milliseconds: u64,
    /// And how much of them there was: with two processors, twice the time.
    pub cpu_milliseconds: u64,
    /// From disks that are hardware, or are to this machine.
    pub disk_read_bytes: u64,
    pub disk_written_bytes: u64,
    /// By network cards.
    pub network_received_bytes: u64,
    pub network_sent_bytes: u64,
}

/// Whether this machine can run guests at full speed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Virtualization {
    pub state: VirtualizationState,
    /// The same in one plain sentence.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VirtualizationState {
    /// KVM works.
    Usable,
    /// The processor has it, but it is switched off (in firmware, as a rule).
    Disabled,
    /// The processor does not have it.
    Absent,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HypervisorInfo {
    pub state: HypervisorState,
    /// Such as `QEMU 10.0.2 (libvirt 11.3.0)`; null until it answered once.
    #[serde(default)]
    pub version: Option<String>,
    /// One sentence when degraded.
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HypervisorState {
    Ready,
    Degraded,
    #[serde(other)]
    Unknown,
}

/// How this boot came to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BootInfo {
    pub source: BootSource,
    /// Device that held the image, such as `/dev/sr0`; null when booted from the network.
    #[serde(default)]
    pub medium: Option<String>,
    /// Whether the image is signed by a key that it carries itself; null where this node does not run from a medium or the network.
    #[serde(default)]
    pub medium_signed: Option<bool>,
    /// 64 hex digits: the dm-verity root hash that this root was verified against.
    #[serde(default)]
    pub root_hash: Option<String>,
    pub firmware: BootFirmware,
    /// Of an installed node: the slot that runs.
    #[serde(default)]
    pub slot: Option<SlotName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootSource {
    Cd,
    Disk,
    Network,
    /// From the disk that it is installed on.
    Installed,
    /// Not booted from a Corbel image, or a word of a newer node.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootFirmware {
    Bios,
    Uefi,
    #[serde(other)]
    Unknown,
}

/// Remote login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SshInfo {
    pub state: SshState,
    /// The same in one plain sentence, with the reason when it is off.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SshState {
    On,
    Off,
    /// The node was not settled by Corbel, or a word of a newer node.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Address {
    pub interface: String,
    /// IPv4 or IPv6, without prefix length.
    pub address: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct VmCounts {
    /// Machines that are not off.
    pub running: u32,
    pub defined: u32,
}
