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
    /// The configuration is another one now, or waits to be: ask for it again.
    Config {
        change: ConfigChange,
        /// The newest one that is saved.
        generation: u64,
        /// Who asked for it; empty where nobody did, as when a countdown ended.
        by: String,
    },
    /// The receiver was too slow and so many events were dropped, or, with 0, the hypervisor was away and nobody knows what happened: ask for
    /// the whole state again.
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

/// What became of a change of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConfigChange {
    /// Done, and taken back unless somebody confirms it.
    Waits,
    Saved,
    /// Taken back: by hand, or as nobody confirmed it in time.
    Undone,
    #[serde(other)]
    Unknown,
}
