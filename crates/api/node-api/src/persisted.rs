//! What an owner keeps beyond the configuration.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/persisted`, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersistedList {
    pub persisted: Vec<Persisted>,
}

/// A file, a directory with all in it, or a symbolic link of `/etc` or `/var` that comes back at each boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"path": "/etc/motd", "state": "kept", "size": 42, "files": 1, "image_changed": false}))]
pub struct Persisted {
    /// Absolute. In paths of this API it is percent-encoded: `%2Fetc%2Fmotd`.
    pub path: String,
    pub state: PersistedState,
    /// Bytes of the copy.
    pub size: u64,
    /// Files, directories and links of the copy.
    pub files: u64,
    /// The image's own is another one than when it was persisted: a newer version brought a file that is not seen.
    pub image_changed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PersistedState {
    /// What is there is what was persisted.
    Kept,
    /// It was changed since; the next boot brings the copy back unless it is persisted again.
    Changed,
    /// It was removed since; the next boot brings it back.
    Missing,
    #[serde(other)]
    Unknown,
}

/// Answer of `GET /v1/persisted/{name}/difference`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"path": "/etc/motd", "difference": "--- image\n+++ /etc/motd\n@@ -1 +1 @@\n-old\n+new\n"}))]
pub struct PersistedDifference {
    pub path: String,
    /// From the image's own to the copy, as `diff --unified` writes it; empty when they are the same.
    pub difference: String,
}
