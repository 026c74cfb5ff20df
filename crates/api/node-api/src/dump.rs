//! Dumps of a kernel that crashed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/dumps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"state": "ready", "message": "a crash of the kernel is saved to this node", "set_aside": 268435456, "dumps": []}))]
pub struct DumpStatus {
    pub state: DumpState,
    /// One sentence.
    pub message: String,
    /// Bytes that this boot has set aside for the kernel that saves a dump.
    pub set_aside: u64,
    /// The newest first.
    pub dumps: Vec<Dump>,
}

/// Whether a crash of the kernel would be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DumpState {
    Off,
    Ready,
    /// Memory for it is set aside at the next start of the node.
    WaitsForRestart,
    Failed,
    #[serde(other)]
    Unknown,
}

/// The memory of a kernel that crashed, or the note that it could not be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dump {
    /// The moment in UTC, such as `20261126T181530Z`.
    pub name: String,
    /// The kernel's own words.
    pub reason: String,
    /// `this node`, where it lies in `/data/dumps`, or the place on a server.
    pub place: String,
    /// 0 where it is not known.
    pub bytes: u64,
    /// Why it was not saved, or not as a whole.
    #[serde(default)]
    pub problem: Option<String>,
}

/// Answer of `POST /v1/dumps/test`: a small file was written there and removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"place": "corbel@dumps.example.org:/srv/dumps"}))]
pub struct DumpTest {
    pub place: String,
}
