//! The typed client of a Corbel node: every endpoint of the API as a method, every way to fail as a [`ClientError`].
//!
//! Speaks HTTP/1.1 over the node's UNIX socket or over TLS, where the server is known by the SHA-256 of its certificate
//! ([`Fingerprint`]) or by a certificate authority. It reads no file and asks nobody: what it needs is handed to it.

mod config;
mod connection;
mod console;
mod endpoint;
mod error;
mod events;
mod fingerprint;
mod http;
mod methods;
mod stream;
mod support;
mod tls;
mod upload;
mod work;

#[cfg(test)]
mod tests;

pub use connection::{Client, Credentials};
pub use console::{ConsoleInput, ConsoleOutput, ConsoleSession};
pub use endpoint::{Endpoint, EndpointError, RemoteHost};
pub use error::{ApiError, ClientError};
pub use events::EventStream;
pub use fingerprint::{Fingerprint, FingerprintError};
pub use tls::{ServerTrust, fetch_fingerprint};
pub use upload::UploadProgress;
