//! Disks of the node: what they are, what they carry, and whether Corbel can be installed to them.

use corbel_model::install::{Bus, DeviceMatch, Pattern, parse_device};
use corbel_model::vm::SpecError;
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
    /// `ata`, `cciss`, `scsi`, `usb`, `nvme`, `virtio` or `mmc`; null when the kernel does not say.
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
    /// Whether it can hold data beside another disk that the node boots from.
    #[serde(default)]
    pub data_target: DiskTarget,
    /// Why it cannot, or why it must be named; one sentence.
    #[serde(default)]
    pub data_reason: Option<String>,
}

/// Whether a disk can be used by an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskTarget {
    /// It can; what it carries is erased.
    Usable,
    /// Only when it is named outright, see [`DiskMatch`]: it belongs to somebody else's storage.
    WhenNamed,
    /// It cannot.
    Refused,
    #[default]
    #[serde(other)]
    Unknown,
}

/// A Corbel found on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstalledSystem {
    /// Of the slot that would be started; null when it cannot be read.
    #[serde(default)]
    pub version: Option<String>,
    /// Of the other slot, when that was written and waits to be started; null otherwise.
    #[serde(default)]
    pub trial: Option<String>,
    /// Whether it has a partition for VM storage.
    #[serde(default)]
    pub vm_storage: bool,
    /// Whether a password of `admin` is set there, so that an upgrade from the medium asks for it.
    #[serde(default)]
    pub admin_password_set: bool,
}

/// Which disks are meant: those that fulfil everything that is said. Texts may have `*`, `?` and `[…]` as in a shell. A disk
/// that is named by path, serial number or WWN without these is named outright: it may then be erased although it belongs
/// to somebody else's storage.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"path": "/dev/sda"}))]
pub struct DiskMatch {
    /// `/dev/sda`, or a link below `/dev/disk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `ata`, `cciss`, `scsi`, `usb`, `nvme`, `virtio` or `mmc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wwn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Size>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Size>,
    /// All of them, and not only the first one in the order of names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

impl DiskMatch {
    /// The disk of that path.
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..Self::default()
        }
    }

    /// As the model has it; `field` is where it stands in the request.
    ///
    /// # Errors
    /// A path that is not below `/dev`, a bus that is none, an empty text.
    pub fn to_model(&self, field: &str) -> Result<DeviceMatch, SpecError> {
        let pattern = |name: &str, text: &Option<String>| match text.as_deref() {
            Some("") => Err(SpecError::new(format!("{field}.{name}"), "is empty: leave it out")),
            text => Ok(text.map(Pattern::new)),
        };
        let path = match self.path.as_deref() {
            Some(text) => {
                let read = parse_device(text).ok().and_then(|device| device.path);
                let problem = "is not a device: write a path such as /dev/sda";
                Some(read.ok_or_else(|| SpecError::new(format!("{field}.path"), problem))?)
            }
            None => None,
        };
        let bus = self.bus.as_deref().map(str::parse::<Bus>).transpose();
        Ok(DeviceMatch {
            path,
            bus: bus.map_err(|error| SpecError::new(format!("{field}.bus"), error.to_string()))?,
            serial: pattern("serial", &self.serial)?,
            wwn: pattern("wwn", &self.wwn)?,
            model: pattern("model", &self.model)?,
            at_least: self.at_least.map(|size| size.0),
            at_most: self.at_most.map(|size| size.0),
            all: self.all,
        })
    }
}

impl From<&DeviceMatch> for DiskMatch {
    fn from(device: &DeviceMatch) -> Self {
        let text = |pattern: &Option<Pattern>| pattern.as_ref().map(|pattern| pattern.as_str().to_owned());
        Self {
            path: text(&device.path),
            bus: device.bus.map(|bus| bus.name().to_owned()),
            serial: text(&device.serial),
            wwn: text(&device.wwn),
            model: text(&device.model),
            at_least: device.at_least.map(Size),
            at_most: device.at_most.map(Size),
            all: device.all,
        }
    }
}
