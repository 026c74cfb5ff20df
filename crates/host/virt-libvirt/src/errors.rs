//! libvirt's error codes to [`VirtError`], with the object that the call was about.

use corbel_model::VolumeName;
use corbel_virt::{POOL, VirtError, rules};
use virt::error::{Error, ErrorNumber};

/// What a call was doing, for the error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) kind: &'static str,
    pub(crate) name: &'a str,
    /// A noun, such as `start`.
    pub(crate) operation: &'static str,
    /// The call handed over a document, so complaints about values are complaints about it.
    pub(crate) field: Option<&'static str>,
}

/// A call about a machine.
pub(crate) fn vm<'a>(name: &'a str, operation: &'static str) -> About<'a> {
    About {
        kind: rules::VM,
        name,
        operation,
        field: None,
    }
}

/// A call about a volume.
pub(crate) fn volume<'a>(name: &'a str, operation: &'static str) -> About<'a> {
    About {
        kind: rules::VOLUME,
        name,
        operation,
        field: None,
    }
}

/// A call about a pool.
pub(crate) fn pool<'a>(name: &'a str, operation: &'static str) -> About<'a> {
    About {
        kind: rules::POOL,
        name,
        operation,
        field: None,
    }
}

/// A call about a network.
pub(crate) fn network<'a>(name: &'a str, operation: &'static str) -> About<'a> {
    About {
        kind: rules::NETWORK,
        name,
        operation,
        field: None,
    }
}

/// libvirt's message as one line.
pub(crate) fn sentence(error: &Error) -> String {
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl About<'_> {
    /// For `map_err`.
    pub(crate) fn error(&self, error: Error) -> VirtError {
        use ErrorNumber as E;
        let (kind, name, problem) = (self.kind, self.name.to_owned(), sentence(&error));
        let missing = match error.code() {
            E::NoDomain => Some(rules::VM),
            E::NoStorageVolume => Some(rules::VOLUME),
            E::NoStoragePool => Some(rules::POOL),
            E::NoNetwork => Some(rules::NETWORK),
            _ => None,
        };
        if missing == Some(kind) {
            return VirtError::NotFound { kind, name };
        }
        // libvirt has no code for a full disk: the system's words are all there is.
        if problem.contains("No space left on device") || problem.contains("Disk quota exceeded") {
            let pool = match kind {
                rules::VOLUME => VolumeName::split(&name).0.to_owned(),
                rules::POOL => name,
                _ => POOL.to_owned(),
            };
            return VirtError::NoSpace { pool, problem };
        }
        match (error.code(), self.field) {
            (E::DomExist | E::NetworkExist | E::StorageVolExist, _) => VirtError::Exists { kind, name },
            // What defining over an existing machine says.
            (E::OperationFailed, Some(_)) if problem.contains("already") => VirtError::Exists { kind, name },
            (E::OperationInvalid | E::ResourceBusy | E::BlockCopyActive | E::OperationTimeout, _) => {
                VirtError::Conflict {
                    kind,
                    name,
                    problem: format!("does not allow it: {problem}"),
                }
            }
            (
                E::XmlError
                | E::XmlDetail
                | E::XmlInvalidSchema
                | E::ParseFailed
                | E::InvalidMac
                | E::OsType
                | E::ConfigUnsupported
                | E::InvalidArg
                | E::Overflow
                | E::CpuIncompatible
                | E::OperationUnsupported
                | E::InternalError,
                Some(field),
            ) => VirtError::Invalid {
                field: field.into(),
                problem,
            },
            (E::NoConnect, _) => VirtError::Unavailable { problem },
            _ => VirtError::Failed {
                operation: format!("{} of {kind} {name}", self.operation),
                problem,
            },
        }
    }

    /// For names and documents: libvirt takes C strings, and the binding panics on a NUL.
    pub(crate) fn no_nul(&self, text: &str) -> Result<(), VirtError> {
        match (text.contains('\0'), self.field) {
            (false, _) => Ok(()),
            (true, None) => Err(VirtError::NotFound {
                kind: self.kind,
                name: self.name.escape_default().to_string(),
            }),
            (true, Some(field)) => Err(VirtError::Invalid {
                field: field.into(),
                problem: "holds a NUL character".into(),
            }),
        }
    }
}
