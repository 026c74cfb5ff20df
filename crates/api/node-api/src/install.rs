//! Installing to a disk and giving the disk back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{DiskMatch, OperationInfo, Size};

/// Body of `POST /v1/install`.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"device": {"path": "/dev/vda"}, "dry_run": true}))]
pub struct InstallRequest {
    /// The disk for the system. Without it there must be exactly one that is usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DiskMatch>,
    /// Further disks, whole, for VM storage: `/data2`, `/data3`, ….
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_devices: Vec<DiskMatch>,
    #[serde(default)]
    pub sizes: InstallSizes,
    /// Reinstall: configuration and system are new, the VM storage that is there stays.
    #[serde(default)]
    pub keep_data: bool,
    /// The disks are meant although they belong to somebody else's storage.
    #[serde(default)]
    pub named_outright: bool,
    /// Erase what a fake-RAID controller left on the disks.
    #[serde(default)]
    pub wipe_fakeraid: bool,
    /// Password of `admin` as crypt(5) text. At most one of this and `admin_password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_password_hash: Option<String>,
    /// Password of `admin`; the node keeps its hash only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Password, write_only)]
    pub admin_password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Configuration of the installed node: text of a `corbel.toml`, as a seed has it. Without it the node keeps the
    /// configuration that it runs with now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Kernel words for every boot, such as `console=ttyS0,115200`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Reboot into the installed system when it is done.
    #[serde(default)]
    pub reboot: bool,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

// A password must not come into a log by way of a debug print.
impl std::fmt::Debug for InstallRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstallRequest")
            .field("device", &self.device)
            .field("data_devices", &self.data_devices)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

/// Sizes of the partitions; what is absent has its default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallSizes {
    /// Boot loaders and kernels; 512 MiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub esp: Option<Size>,
    /// Each of the two slots; 1 GiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Size>,
    /// 128 MiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Size>,
    /// 1 GiB by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Size>,
    /// No swap by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<Size>,
    /// VM storage; the rest of the disk by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Size>,
}

/// Body of `POST /v1/uninstall`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"keep_data": true, "dry_run": true}))]
pub struct UninstallRequest {
    /// The disk with the system. Without it, the one that this node runs from, or the only one that carries Corbel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DiskMatch>,
    /// Leave the VM storage on the disk.
    #[serde(default)]
    pub keep_data: bool,
    /// Reboot when it is done.
    #[serde(default)]
    pub reboot: bool,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is done to disks, before it is done.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// What will be lost, one sentence each, VM storage first; empty when nothing is.
    #[serde(default)]
    pub erases: Vec<String>,
    /// What will be done, in order, one line each.
    #[serde(default)]
    pub steps: Vec<String>,
    /// What should be known before, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Answer to a request for long work on disks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Planned {
    pub plan: Plan,
    /// The work that was started; null for a dry run.
    #[serde(default)]
    pub operation: Option<OperationInfo>,
}
