//! Disks of the node: what they are, what they carry, and whether Corbel can be installed to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Size;

/// Answer of `GET /v1/disks`, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DiskList {
    pub disks: Vec<Disk>,
}

/// A whole disk. The members of a multipath device are one disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Disk {
    /// Such as `/dev/sda`; of a multipath disk the device that joins its paths.
    pub path: String,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub serial: Option<String>,
    /// World wide name, such as `0x5000c500a1b2c3d4`.
    #[serde(default)]
    pub wwn: Option<String>,
    /// `virtio`, `sata`, `sas`, `scsi`, `nvme`, `usb`, `mmc`, `multipath`, …; null when the kernel does not say.
    #[serde(default)]
    pub bus: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Bytes of a logical sector: 512 or 4096.
    pub sector_size: u32,
    /// Null when the kernel does not say.
    #[serde(default)]
    pub rotational: Option<bool>,
    #[serde(default)]
    pub removable: bool,
    #[serde(default)]
    pub read_only: bool,
    /// What it carries, in one sentence for a person.
    pub contents: String,
    /// The system that runs now was started from it.
    #[serde(default)]
    pub live_medium: bool,
    /// The Corbel that is installed on it, when there is one.
    #[serde(default)]
    pub installed: Option<InstalledSystem>,
    /// Whether it can be installed to.
    pub target: DiskTarget,
    /// Why it cannot, or why it must be named; one sentence.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Whether Corbel can be installed to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskTarget {
    /// It can; what it carries is erased.
    Usable,
    /// Only when the request says `named_outright`: it belongs to somebody else's storage.
    WhenNamed,
    /// It cannot.
    Refused,
    #[serde(other)]
    Unknown,
}

/// A Corbel found on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstalledSystem {
    /// Of the slot that would be started; null when it cannot be read.
    #[serde(default)]
    pub version: Option<String>,
    /// Whether its VM storage holds anything.
    #[serde(default)]
    pub vm_storage: bool,
    /// Whether a password of `admin` is set there, so that an upgrade from the medium asks for it.
    #[serde(default)]
    pub admin_password_set: bool,
}

/// Which disk is meant. Everything that is given must fit, and exactly one disk must fit it all. Texts may have `*` and
/// `?`, which stand for any characters and for one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"path": "/dev/sda"}))]
pub struct DiskMatch {
    /// `/dev/sda`, or a name below `/dev/disk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wwn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size: Option<Size>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
}

impl DiskMatch {
    /// The disk of that path.
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }
}
