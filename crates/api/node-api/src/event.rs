//! What `GET /v1/events` tells, one JSON object an event.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Health, VmSummary};

/// Something that happened on the node, whoever caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Event {
    /// Always first: how things stand now. What follows is relative to it.
    Hello {
        name: String,
        version: String,
        health: Health,
        vms: Vec<VmSummary>,
    },
    /// A machine changed. `vm` is how it stands afterwards, null when it is gone or could not be asked.
    Vm {
        name: String,
        change: VmChange,
        #[serde(default)]
        vm: Option<VmSummary>,
    },
    /// The node became healthy or degraded.
    Health { health: Health },
    /// The receiver was too slow and so many events were dropped: ask for the whole state again.
    Missed { count: u64 },
    /// An event of a newer node.
    #[serde(other)]
    Unknown,
}

/// What happened to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VmChange {
    Defined,
    Undefined,
    Started,
    Paused,
    Resumed,
    ShuttingDown,
    Stopped,
    Crashed,
    Suspended,
    Rebooted,
    #[serde(other)]
    Unknown,
}
