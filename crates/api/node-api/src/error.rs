//! The one shape in which the API says no.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of no it is, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    NotFound,
    Invalid,
    Conflict,
    Exists,
    Unauthorized,
    Forbidden,
    TooLarge,
    Unavailable,
    NoSpace,
    Failed,
    /// A word of a newer node.
    #[serde(other)]
    Unknown,
}

impl ErrorKind {
    /// The HTTP status (RFC 9110, RFC 4918) that goes with the kind unless the server has a better one, such as 405.
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::Exists => 409,
            Self::TooLarge => 413,
            Self::Failed | Self::Unknown => 500,
            Self::Unavailable => 503,
            Self::NoSpace => 507,
        }
    }
}

/// Body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"error": {"kind": "invalid", "field": "disks[0].size", "message": "disks[0].size: is 0: give at least 1 MiB"}}))]
pub struct ErrorBody {
    pub error: ErrorInfo,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorInfo {
    pub kind: ErrorKind,
    /// Path of the value that was refused, such as `disks[0].size`.
    #[serde(default)]
    pub field: Option<String>,
    /// One sentence for a person; it names the object.
    pub message: String,
}

impl ErrorBody {
    /// An error about the request or the object as a whole.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            error: ErrorInfo {
                kind,
                field: None,
                message: message.into(),
            },
        }
    }

    /// The same error about one value.
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.error.field = Some(field.into());
        self
    }

    pub const fn kind(&self) -> ErrorKind {
        self.error.kind
    }
}

impl From<corbel_model::vm::SpecError> for ErrorBody {
    fn from(error: corbel_model::vm::SpecError) -> Self {
        Self::new(ErrorKind::Invalid, error.to_string()).at(error.field)
    }
}
