//! What settle writes down for whoever loads, tests and saves: a small file without anything secret.

use corbel_model::ByteSize;
use corbel_model::kernel_dump::{KernelDump, Target};
use serde::{Deserialize, Serialize};

/// A text that is no order.
pub type OrderError = toml::de::Error;

/// Where dumps go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "target", rename_all = "kebab-case")]
pub enum Place {
    Local,
    Nfs {
        server: String,
        path: String,
    },
    Ssh {
        user: String,
        server: String,
        path: String,
        port: u16,
    },
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local => f.write_str("this node"),
            Self::Nfs { server, path } => write!(f, "{server}:{path}"),
            Self::Ssh { user, server, path, .. } => write!(f, "{user}@{server}:{path}"),
        }
    }
}

/// The content of [`KERNEL_DUMP_FILE`](crate::settle::KERNEL_DUMP_FILE).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Bytes; `None` for all that is set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    pub keep: u8,
    /// Bytes.
    pub max_size: u64,
    #[serde(flatten)]
    pub place: Place,
}

impl Order {
    /// What a document means; `None` when nothing is saved.
    pub fn of(dump: &KernelDump) -> Option<Self> {
        let place = match &dump.target {
            Target::Off => return None,
            Target::Local => Place::Local,
            Target::Nfs(place) => Place::Nfs {
                server: place.server.to_string(),
                path: place.path.to_string(),
            },
            Target::Ssh { place, port, .. } => Place::Ssh {
                user: place.user.clone(),
                server: place.server.to_string(),
                path: place.path.to_string(),
                port: port.unwrap_or(22),
            },
        };
        Some(Self {
            memory: dump.memory.map(ByteSize::bytes),
            keep: dump.keep.unwrap_or(KernelDump::KEEP),
            max_size: dump.max_size.unwrap_or(KernelDump::MAX_SIZE).bytes(),
            place,
        })
    }

    /// As a file.
    pub fn render(&self) -> String {
        toml::to_string(self).expect("texts and numbers are always TOML")
    }

    /// The same back.
    ///
    /// # Errors
    /// A text that is none.
    pub fn parse(text: &str) -> Result<Self, OrderError> {
        toml::from_str(text)
    }
}
