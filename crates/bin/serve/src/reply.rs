//! Answers: JSON for all, and one way to say no.

use axum::response::{IntoResponse, Response};
use corbel_agent::{OperationError, SystemError};
use corbel_model::vm::SpecError;
use corbel_node_api::{ErrorBody, ErrorKind};
use corbel_virt::VirtError;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// A refusal: status and body.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    body: Box<ErrorBody>,
}

impl Refusal {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::of(ErrorBody::new(kind, message))
    }

    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::of(ErrorBody::new(ErrorKind::Invalid, message).at(field))
    }

    fn of(body: ErrorBody) -> Self {
        let status = StatusCode::from_u16(body.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            body: Box::new(body),
        }
    }

    /// With a status that says more than the kind's own.
    pub(crate) fn with(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &*self.body);
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"corbel\", Bearer realm=\"corbel\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<SpecError> for Refusal {
    fn from(error: SpecError) -> Self {
        Self::of(error.into())
    }
}

impl From<SystemError> for Refusal {
    fn from(error: SystemError) -> Self {
        let message = error.to_string();
        match error {
            SystemError::Invalid { field, .. } => Self::invalid(&field, message),
            SystemError::Refused(_) | SystemError::Cancelled => Self::new(ErrorKind::Conflict, message),
            SystemError::NotFound(_) => Self::new(ErrorKind::NotFound, message),
            SystemError::NoRoom(_) => Self::new(ErrorKind::NoSpace, message),
            SystemError::Failed { .. } => Self::new(ErrorKind::Failed, message),
        }
    }
}

impl From<OperationError> for Refusal {
    fn from(error: OperationError) -> Self {
        match error {
            OperationError::System(error) => error.into(),
            busy => Self::new(ErrorKind::Conflict, busy.to_string()),
        }
    }
}

impl From<VirtError> for Refusal {
    fn from(error: VirtError) -> Self {
        let message = error.to_string();
        match error {
            VirtError::NotFound { .. } => Self::new(ErrorKind::NotFound, message),
            VirtError::Exists { .. } => Self::new(ErrorKind::Exists, message),
            VirtError::Conflict { .. } => Self::new(ErrorKind::Conflict, message),
            VirtError::Invalid { field, .. } => Self::invalid(&field, message),
            VirtError::NoSpace { .. } => Self::new(ErrorKind::NoSpace, message),
            VirtError::Unavailable { .. } => Self::new(ErrorKind::Unavailable, message),
            VirtError::Failed { .. } => Self::new(ErrorKind::Failed, message),
        }
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What handlers give back.
pub(crate) type Reply = Result<Response, Refusal>;

pub(crate) fn ok(value: &impl Serialize) -> Reply {
    Ok(json(StatusCode::OK, value))
}

pub(crate) fn created(value: &impl Serialize) -> Reply {
    Ok(json(StatusCode::CREATED, value))
}

/// What was begun and goes on.
pub(crate) fn accepted(value: &impl Serialize) -> Reply {
    Ok(json(StatusCode::ACCEPTED, value))
}

pub(crate) fn done() -> Reply {
    Ok(StatusCode::NO_CONTENT.into_response())
}
