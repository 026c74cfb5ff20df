//! How the storage of other machines, and the devices of this one, are reached. Nothing here changes the node.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/node/multipath`, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct MultipathList {
    /// Whether multipathd runs: see `storage_access.multipath` of the configuration.
    pub enabled: bool,
    pub devices: Vec<MultipathDevice>,
}

/// A disk that is reached by several paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "3600140512345678", "wwid": "3600140512345678", "kernel_name": "dm-3", "vendor": "LIO-ORG", "product": "disk1",
    "paths": [{"disk": "sdb", "group": 1, "state": "active", "check": "ready"}]}))]
pub struct MultipathDevice {
    /// Below `/dev/mapper`.
    pub name: String,
    pub wwid: String,
    /// The kernel's name.
    pub kernel_name: String,
    pub vendor: String,
    pub product: String,
    pub paths: Vec<MultipathPath>,
}

/// One of the paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MultipathPath {
    /// The kernel's name of the disk that this path is.
    pub disk: String,
    /// Paths of one group are used together.
    pub group: u64,
    /// `active` or `failed`, as device-mapper has it.
    pub state: String,
    /// What the last check found, in multipath's word: `ready`, `ghost`, `faulty` and the like.
    pub check: String,
}

/// Answer of `GET /v1/node/iscsi`, sorted by target and portal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct IscsiInfo {
    /// The name of this node as an initiator; null where it never needed one.
    #[serde(default)]
    pub initiator: Option<String>,
    pub sessions: Vec<IscsiSession>,
}

/// A session with a target, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"target": "iqn.2004-10.org.example:disks", "portal": "192.0.2.5:3260", "state": "LOGGED_IN", "disks": ["/dev/sdb"]}))]
pub struct IscsiSession {
    pub target: String,
    #[serde(default)]
    pub portal: Option<String>,
    /// The kernel's word, such as `LOGGED_IN` or `FAILED`.
    pub state: String,
    pub disks: Vec<String>,
}

/// Answer of `GET /v1/node/iommu`, sorted by number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct IommuInfo {
    /// Whether there are groups: devices can be given to machines.
    pub enabled: bool,
    pub groups: Vec<IommuGroup>,
}

/// Devices that can be given to a machine together only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"number": 14, "devices": [{"address": "0000:03:00.0", "id": "020000 8086:1528", "kind": "network", "driver": "ixgbe"}]}))]
pub struct IommuGroup {
    pub number: u32,
    pub devices: Vec<IommuDevice>,
}

/// A device of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IommuDevice {
    /// On its bus.
    pub address: String,
    /// Of PCI: class, vendor and device as hexadecimal digits.
    #[serde(default)]
    pub id: Option<String>,
    /// What it is, by its class.
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub driver: Option<String>,
}
