//! Request bodies that are read whole: small, in time, and of a type that the route reads.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use corbel_node_api::{BODY_LIMIT, ErrorKind, XML_TYPE, parse_request};
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::reply::Refusal;

/// What a body says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Xml,
}

/// The kind by `Content-Type`, whose parameters do not matter.
pub(crate) fn kind(headers: &HeaderMap, xml: bool) -> Result<Kind, Refusal> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let bare = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match bare.as_str() {
        "application/json" => Ok(Kind::Json),
        XML_TYPE | "text/xml" if xml => Ok(Kind::Xml),
        _ => {
            let wanted = if xml {
                "application/json or application/xml"
            } else {
                "application/json"
            };
            let given = if given.is_empty() {
                "missing".to_owned()
            } else {
                format!("{given:?}")
            };
            let message = format!("the content type is {given}: send {wanted}");
            Err(Refusal::new(ErrorKind::Invalid, message).with(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
    }
}

/// The whole body.
pub(crate) async fn read(body: Body, limit: Duration) -> Result<Bytes, Refusal> {
    // A body that says that it is too large is not waited for.
    if axum::body::HttpBody::size_hint(&body).lower() > BODY_LIMIT as u64 {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(limit, Limited::new(body, BODY_LIMIT).collect()).await;
    match collected {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::invalid("body", "the body broke off before its end")),
        Err(_) => {
            let message = format!("the body did not come within {} s", limit.as_secs());
            Err(Refusal::new(ErrorKind::Invalid, message).with(StatusCode::REQUEST_TIMEOUT))
        }
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        ErrorKind::TooLarge,
        "the body is larger than 1 MiB, the most that is read here",
    )
}

/// A JSON body.
pub(crate) async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body, limit: Duration) -> Result<T, Refusal> {
    kind(headers, false)?;
    Ok(parse_request(&read(body, limit).await?)?)
}
