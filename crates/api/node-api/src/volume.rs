//! Pools, their volumes, and networks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/volumes`, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VolumeList {
    pub volumes: Vec<Volume>,
}

/// A volume of an active pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Volume {
    /// The name of its file, with the pool and a slash before it when that is not `default`: `web.qcow2`, `data2/web.qcow2`.
    /// The same in machines' specs and, percent-encoded, in paths of this API.
    pub name: String,
    /// Where it is on the node.
    pub path: String,
    /// Bytes that a guest sees.
    pub capacity: u64,
    /// Bytes that it takes on the node.
    pub allocation: u64,
    /// `raw`, `qcow2`, …
    pub format: String,
}

/// Answer of `GET /v1/pools`, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PoolList {
    pub pools: Vec<Pool>,
}

/// A storage pool of libvirt: `default` on the data partition, and one for each further data disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pool {
    pub name: String,
    pub active: bool,
    /// Its directory; empty for a pool that has none.
    pub path: String,
    /// Bytes in all.
    pub capacity: u64,
    /// Bytes that are free.
    pub available: u64,
}

/// Answer of `GET /v1/networks`, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkList {
    pub networks: Vec<Network>,
}

/// A libvirt network or a bridge of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Network {
    pub name: String,
    pub active: bool,
    pub autostart: bool,
    /// `nat`, `bridge`, `route`, `isolated`, …
    pub mode: String,
    #[serde(default)]
    pub bridge: Option<String>,
}
