//! Why a command did not succeed: the exit status, the error, and what the person can do about it.

use std::io;

use corbel_client::{ClientError, Endpoint};
use corbel_node_api::ErrorKind;
use serde_json::json;

use crate::exit::Exit;

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// `None` ends without a word.
    error: Option<anyhow::Error>,
    hint: Option<String>,
}

impl Failure {
    /// An error with its status.
    pub(crate) fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit,
            error: Some(error.into()),
            hint: None,
        }
    }

    /// One sentence with its status.
    pub(crate) fn say(exit: Exit, message: impl Into<String>) -> Self {
        Self::new(exit, anyhow::Error::msg(message.into()))
    }

    /// The command line is wrong in a way that clap cannot know.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::say(Exit::Usage, message)
    }

    /// The data said it all; only the status is left.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self {
            exit,
            error: None,
            hint: None,
        }
    }

    /// Writing the data failed. Somebody who closed the pipe (`| head`) has what they wanted.
    pub(crate) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(Exit::Ok);
        }
        Self::new(
            Exit::Failed,
            anyhow::Error::new(error).context("cannot write to standard output"),
        )
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The whole chain on one line, or `None` when nothing shall be said.
    pub(crate) fn message(&self) -> Option<String> {
        self.error
            .as_ref()
            .map(|error| format!("{error:#}").trim_end().to_owned())
    }

    /// What to do about it.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The same for programs: the `error` object of the API, with kinds of our own for what happens on this side.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let api = self
            .error
            .as_ref()
            .and_then(|e| e.downcast_ref::<ClientError>())
            .and_then(ClientError::api);
        let kind = match api {
            Some(api) => json!(api.kind),
            None => json!(match self.exit {
                Exit::Usage => "usage",
                Exit::NotFound => "not-found",
                Exit::Refused => "invalid",
                Exit::NotAuthorised => "unauthorized",
                Exit::Unreachable => "unreachable",
                Exit::Unavailable => "unavailable",
                Exit::Interrupted => "interrupted",
                Exit::Ok | Exit::Failed => "failed",
            }),
        };
        json!({"error": {
            "kind": kind,
            "field": api.and_then(|api| api.field.as_deref()),
            "message": self.message(),
            "hint": self.hint,
        }})
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let hint = advice(&error);
        Self {
            exit: Exit::of(&error),
            error: Some(error.into()),
            hint,
        }
    }
}

fn advice(error: &ClientError) -> Option<String> {
    match error {
        ClientError::Unreachable {
            endpoint: Endpoint::Local(_),
            source,
        } => Some(match source.kind() {
            io::ErrorKind::PermissionDenied => "only root and members of the group corbel may use the socket".into(),
            io::ErrorKind::NotFound => "is this machine a node? To reach another one, use --node HOST".into(),
            _ => "see what the daemon says: journalctl -u corbel-node".into(),
        }),
        ClientError::FingerprintMismatch {
            endpoint: Endpoint::Remote(remote),
            ..
        } => Some(format!(
            "if the node's certificate changed for a reason, compare it with the node's console and run: \
             corbel node trust --replace {}; if not, somebody may stand between you and the node",
            crate::nodes::shortest(remote)
        )),
        ClientError::Api(api) if api.kind == ErrorKind::Unauthorized => {
            Some("give --cert and --key, --token-file, or --ask-password".into())
        }
        _ => None,
    }
}
