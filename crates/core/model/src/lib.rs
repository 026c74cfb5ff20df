//! The nouns of Corbel as validated values: names, sizes, virtual machines, the node's own configuration.
//!
//! Pure: nothing here reads a file, a clock or a socket. Wire formats live in `corbel-node-api`; a value of this crate
//! has already passed its checks.

pub mod access;
mod clock;
pub mod firewall;
pub mod ids;
pub mod install;
pub mod kernel_dump;
pub mod keyboard;
pub mod logging;
pub mod monitoring;
pub mod network;
pub mod password;
mod pem;
pub mod performance;
pub mod plugin;
pub mod secret;
pub mod seed;
pub mod server;
pub mod size;
mod span;
pub mod storage_access;
pub mod tls;
pub mod users;
pub mod vm;
pub mod words;

pub use clock::{SshPort, TimeZone, ValueError};
pub use ids::{HostName, Keymap, NameError, NetworkName, PoolName, VmName, VolumeName};
pub use size::{ByteSize, SizeError};
pub use span::{Span, SpanError};
