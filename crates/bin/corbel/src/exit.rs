//! How the program can end, as a promise to scripts.

use std::process::ExitCode;

use corbel_client::ClientError;
use corbel_node_api::ErrorKind;

/// The exit statuses. Their numbers never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    /// Something went wrong that no other status names.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// The request is invalid, or does not fit the present state.
    Refused = 4,
    /// The node does not know who is asking, or does not allow it.
    NotAuthorised = 5,
    /// The node cannot be reached, or its certificate is not trusted.
    Unreachable = 6,
    /// The node is reached but cannot do it now.
    Unavailable = 7,
    /// Ctrl-C.
    Interrupted = 130,
}

/// The same for people, at the end of `--help`.
pub(crate) const EXIT_HELP: &str = "\
Exit status:
    0  done
    1  failed
    2  the command line is wrong
    3  what was named does not exist
    4  refused: invalid, exists already, in use, no room
    5  not authorised
    6  the node cannot be reached, or its certificate is not trusted
    7  the node is degraded: it cannot do this now
  130  interrupted";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The status for an error of the client.
    pub(crate) fn of(error: &ClientError) -> Self {
        match error {
            ClientError::Api(api) => match api.kind {
                ErrorKind::NotFound => Self::NotFound,
                ErrorKind::Invalid
                | ErrorKind::Conflict
                | ErrorKind::Exists
                | ErrorKind::TooLarge
                | ErrorKind::NoSpace => Self::Refused,
                ErrorKind::Unauthorized | ErrorKind::Forbidden => Self::NotAuthorised,
                ErrorKind::Unavailable => Self::Unavailable,
                ErrorKind::Failed | ErrorKind::Unknown => Self::Failed,
            },
            ClientError::FingerprintMismatch { .. } => Self::Unreachable,
            error if error.is_unreachable() => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}
