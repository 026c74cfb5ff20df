//! The node's configuration: one document in TOML, its plan, its history, and the change of the network that waits to be confirmed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/config`. Its generation is also the `ETag`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Config {
    /// Counts saves; 0 where nothing is kept.
    pub generation: u64,
    /// The document, `node.toml`, without the hash of the password.
    pub document: String,
    /// Whether `admin` has a password that the node keeps.
    pub password_set: bool,
    /// The named users that have a password which the node keeps.
    #[serde(default)]
    pub user_passwords_set: Vec<String>,
    /// False on a node that runs from its medium: the document is then what this boot was told.
    pub kept: bool,
    /// What should be known about it, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The change that waits to be confirmed.
    #[serde(default)]
    pub pending: Option<PendingConfig>,
}

/// A change of the network that is taken back unless somebody confirms it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PendingConfig {
    pub seconds_left: u64,
    /// Who asked for it.
    pub by: String,
    /// The document that waits.
    pub document: String,
}

/// Body of `PUT /v1/config`. `If-Match` says from which generation the document was made.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigRequest {
    /// The whole document. Without `admin.password_hash`, the password that is set stays.
    #[schema(example = "version = 1\nhostname = \"node1.example.org\"\n")]
    pub document: String,
    /// A new password of `admin`, of which the node keeps only the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Password, write_only)]
    pub admin_password: Option<String>,
    /// New passwords of users of the document, by their names, of which the node keeps only the hashes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(write_only)]
    pub user_passwords: BTreeMap<String, String>,
    /// Plan only.
    #[serde(default)]
    pub dry_run: bool,
    /// How long a change of the network waits to be confirmed, 10 to 3600; 120 when left out. 0 saves it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_seconds: Option<u32>,
    /// Why, for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl std::fmt::Debug for ConfigRequest {
    /// The document may hold the hash of a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ConfigRequest(dry_run: {})", self.dry_run)
    }
}

/// Body of `POST /v1/config/rollback`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigRollback {
    /// The generation to go back to; the one before the newest when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Plan only.
    #[serde(default)]
    pub dry_run: bool,
    /// As of `PUT /v1/config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_seconds: Option<u32>,
}

/// What was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigApplied {
    /// The newest generation afterwards.
    pub generation: u64,
    pub plan: ConfigPlan,
    /// The change is done and waits to be confirmed.
    #[serde(default)]
    pub pending: Option<PendingConfig>,
}

/// The way from the node as it is to the document.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ConfigPlan {
    /// In their order; empty when the node is so already.
    pub steps: Vec<ConfigStep>,
    /// Whoever asks may be cut off, so that the change has to be confirmed.
    pub network: bool,
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigStep {
    /// For programs, such as `write` or `reload-network`.
    pub kind: String,
    /// For people.
    pub text: String,
}

/// Answer of `GET /v1/config/history`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ConfigHistory {
    pub entries: Vec<ConfigEntry>,
}

/// A document of the past, or the present one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigEntry {
    pub generation: u64,
    /// Seconds since 1970; null where nobody knows.
    #[serde(default)]
    pub saved_at: Option<u64>,
    #[serde(default)]
    pub by: String,
    #[serde(default)]
    pub why: String,
    /// False for one that another version of Corbel wrote.
    pub understood: bool,
}

/// Answer of `GET /v1/config/history/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigVersion {
    pub generation: u64,
    pub document: String,
}
