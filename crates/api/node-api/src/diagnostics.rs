//! What an operator looks at when something is wrong: network links, services and the journal. Nothing here changes the node.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /v1/node/links`, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct LinkList {
    pub links: Vec<Link>,
}

/// A network interface, whether a machine of metal or a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "eno1", "carrier": true, "mac": "52:54:00:12:34:56", "speed_mbit": 10000, "duplex": "full", "mtu": 1500, "driver": "ixgbe",
    "physical": true, "master": "bond0", "neighbour": "rack1-top ge-0/0/7", "received": 1048576, "sent": 4096, "errors": 0}))]
pub struct Link {
    pub name: String,
    /// Whether there is a cable with somebody at its other end. False, too, while the interface is switched off.
    pub carrier: bool,
    #[serde(default)]
    pub mac: Option<String>,
    /// Null where the driver does not say.
    #[serde(default)]
    pub speed_mbit: Option<u32>,
    /// `half` or `full`; null as `speed_mbit`.
    #[serde(default)]
    pub duplex: Option<String>,
    #[serde(default)]
    pub mtu: Option<u32>,
    #[serde(default)]
    pub driver: Option<String>,
    /// A device of the machine, and not one that only software made.
    pub physical: bool,
    /// The bond or bridge that it is in.
    #[serde(default)]
    pub master: Option<String>,
    /// Switch and port at the other end of the cable, as LLDP tells.
    #[serde(default)]
    pub neighbour: Option<String>,
    /// Bytes since the node started, as is `sent`.
    pub received: u64,
    pub sent: u64,
    /// Packets that were lost to errors, both ways.
    pub errors: u64,
}

/// Answer of `GET /v1/node/services`: those that failed first, then by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ServiceList {
    pub services: Vec<Service>,
}

/// A service of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"name": "corbel-node.service", "description": "Corbel node daemon", "active": "active", "state": "running"}))]
pub struct Service {
    pub name: String,
    pub description: String,
    /// systemd's word: `active`, `inactive`, `failed` and the like.
    pub active: String,
    /// systemd's finer word, such as `running` or `exited`.
    pub state: String,
}

/// Answer of `GET /v1/node/logs`, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct LogPage {
    pub entries: Vec<LogEntry>,
    /// Entries of this boot that were looked through; older ones were not.
    pub searched: u64,
}

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"seconds": 1790000000, "priority": 4, "source": "corbel-node", "message": "libvirt does not answer"}))]
pub struct LogEntry {
    /// Since 1970.
    pub seconds: u64,
    /// Of syslog: 0 (emergency) to 7 (debug).
    pub priority: u8,
    /// The program, or the kernel.
    pub source: String,
    pub message: String,
}

/// Body of `POST /v1/password/check`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"password": "correct horse"}))]
#[serde(deny_unknown_fields)]
pub struct PasswordTry {
    /// What somebody says is the password of `admin`.
    #[schema(format = Password, write_only)]
    pub password: String,
}

impl std::fmt::Debug for PasswordTry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordTry(hidden)")
    }
}
