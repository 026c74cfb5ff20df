//! Why a request did not get its answer, told apart so that a program can act on it and a person knows what to do.

use std::io;
use std::time::Duration;

use corbel_node_api::ErrorKind;

use crate::{Endpoint, Fingerprint};

/// The ways in which talking to a node fails.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No connection could be made: nobody listens, no route, no such name, no such socket.
    #[error("{endpoint} cannot be reached")]
    Unreachable { endpoint: Endpoint, source: io::Error },
    /// The connection was not made in time.
    #[error("{endpoint} did not accept the connection within {} seconds", limit.as_secs())]
    ConnectDeadline { endpoint: Endpoint, limit: Duration },
    /// Somebody listens but the TLS handshake failed, for another reason than the fingerprint.
    #[error("{endpoint} did not agree on a secure connection")]
    Handshake { endpoint: Endpoint, source: io::Error },
    /// The server shows another certificate than the pinned one.
    #[error("{endpoint} shows certificate {actual}, but {expected} is trusted")]
    FingerprintMismatch {
        endpoint: Endpoint,
        expected: Fingerprint,
        actual: Fingerprint,
    },
    /// The node answered, and its answer is a refusal.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// No complete answer came in time.
    #[error("{endpoint} did not answer within {} seconds", limit.as_secs())]
    Deadline { endpoint: Endpoint, limit: Duration },
    /// The connection broke while an answer was awaited or read.
    #[error("the connection to {endpoint} broke")]
    Broken {
        endpoint: Endpoint,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What came is not this API's: not JSON, too large, an unknown shape, another kind of server.
    #[error("{endpoint} does not speak this API: {problem}")]
    Protocol { endpoint: Endpoint, problem: String },
    /// A certificate, key or authority that was handed in is not usable; `what` names which.
    #[error("the {what} is not usable: {problem}")]
    Credential { what: &'static str, problem: String },
    /// The source of an upload could not be read.
    #[error("reading the data to send failed")]
    Source { source: io::Error },
}

/// The node's own refusal: the `error` object of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", self.prefix())]
pub struct ApiError {
    pub kind: ErrorKind,
    /// Path of the value that is wrong, such as `disks[0].size`.
    pub field: Option<String>,
    /// One sentence.
    pub message: String,
}

impl ApiError {
    /// The field, unless the message begins with it anyway.
    fn prefix(&self) -> String {
        match &self.field {
            Some(field) if !self.message.starts_with(field.as_str()) => format!("{field}: "),
            _ => String::new(),
        }
    }
}

impl ClientError {
    /// The node's refusal, when it is one.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the node could not be reached or went away, so that the same request may succeed later.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::ConnectDeadline { .. }
                | Self::Handshake { .. }
                | Self::Deadline { .. }
                | Self::Broken { .. }
        )
    }
}
