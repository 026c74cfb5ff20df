//! Support bundles, and how well the node is protected.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/support-bundles`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct BundleList {
    /// Those that lie on the node, the oldest first. The node keeps three.
    pub bundles: Vec<Bundle>,
    /// File systems of removable disks that one can be written to.
    #[serde(default)]
    pub disks: Vec<RemovableDisk>,
}

/// A support bundle on the node: a tar, compressed by xz.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "corbel-support-node1-20261126T181530Z.tar.xz", "bytes": 812344}))]
pub struct Bundle {
    pub name: String,
    pub bytes: u64,
}

/// A file system of a removable disk that nothing else uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemovableDisk {
    /// Device node, such as `/dev/sdb1`.
    pub device: String,
    /// `vfat` or `ext4`.
    pub file_system: String,
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    pub size: u64,
}

/// Body of `POST /v1/support-bundles`. Without `disk` and `url` the bundle is kept on the node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"url": "https://support.example.org/in/4711"}))]
pub struct BundleRequest {
    /// The device of a file system on a removable disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
    /// The node sends the bundle there by HTTP PUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Answer of `GET /v1/node/security`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct SecurityLevel {
    /// All of it in one line.
    pub summary: String,
    pub findings: Vec<SecurityFinding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecurityFinding {
    /// Stable word: `secure-boot`, `tpm`, `verified-root`, `lockdown`, `admin-password`, `ssh`, `certificate`.
    pub id: String,
    /// For a person.
    pub title: String,
    /// How it is, in a few words.
    pub state: String,
    pub grade: SecurityGrade,
    /// One sentence on what that means.
    pub meaning: String,
    /// One sentence on what would raise it; null where nothing would.
    #[serde(default)]
    pub raise: Option<String>,
}

/// What the look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityGrade {
    Good,
    /// It could be better.
    Weak,
    /// It could not be read.
    NotKnown,
    #[serde(other)]
    Unknown,
}
