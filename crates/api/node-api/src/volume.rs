//! Volumes of the default pool, and networks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/volumes`, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VolumeList {
    pub volumes: Vec<Volume>,
}

/// A volume of the default pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Volume {
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
