//! Handlers: each takes a request apart, asks the agent, and puts the answer together. One file a noun.

pub(crate) mod config;
pub(crate) mod console;
pub(crate) mod diagnostics;
pub(crate) mod disks;
pub(crate) mod dumps;
pub(crate) mod events;
pub(crate) mod node;
pub(crate) mod operation;
pub(crate) mod persisted;
pub(crate) mod plugins;
pub(crate) mod reach;
pub(crate) mod support;
pub(crate) mod upgrade;
pub(crate) mod vms;
pub(crate) mod volumes;

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use axum::extract::{Path, Query};
use http::request::Parts;

use crate::reply::Refusal;

/// The `{name}` of the path. Machines that others made may have names that we would not give, so only what no
/// hypervisor could have is refused.
#[derive(Debug)]
pub(crate) struct Name(pub(crate) String);

const NAME_LIMIT: usize = 255;

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let refuse = |rule: &str| Refusal::invalid("name", format!("the name in the path {rule}"));
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| refuse("is not percent-encoded UTF-8"))?;
        if name.len() > NAME_LIMIT {
            return Err(refuse("is longer than 255 bytes"));
        }
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(refuse("is empty or has a control character"));
        }
        Ok(Self(name))
    }
}

/// The query of a deletion. Strict, as all input.
#[derive(Debug)]
pub(crate) struct WithVolumes(pub(crate) bool);

impl<S: Send + Sync> FromRequestParts<S> for WithVolumes {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Query(query) = Query::<HashMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Refusal::invalid("query", "the query is not of the form key=value"))?;
        let mut with = false;
        for (key, value) in query {
            match (key.as_str(), value.as_str()) {
                ("volumes", "true") => with = true,
                ("volumes", "false") => with = false,
                ("volumes", _) => return Err(Refusal::invalid("volumes", "volumes: give true or false")),
                (other, _) => {
                    let other: String = other.chars().take(60).collect();
                    return Err(Refusal::invalid(
                        "query",
                        format!("unknown query {other:?}: only volumes=true is known"),
                    ));
                }
            }
        }
        Ok(Self(with))
    }
}

/// What is to be said of a password that was given in plain.
fn advised(field: &str, password: Option<&str>) -> Option<String> {
    let advice = corbel_model::password::advice(password?)?;
    Some(format!("{field}: {advice}"))
}
