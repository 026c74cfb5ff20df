//! Slots, and what moves the node between them; and going down.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{FromRequestParts, Query, State};
use corbel_agent::{Origin, Permits, Reservation, Restart, Secret, SystemError, Then};
use corbel_model::ByteSize;
use corbel_node_api::{
    ErrorKind, PoweroffRequest, ProgressEvent, RebootRequest, RollbackRequest, SlotList, UpgradeFlags, UpgradeRequest,
};
use corbel_progress::{Outcome, Unit};
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use tokio::io::AsyncWriteExt as _;

use super::volumes::length;
use crate::reply::{Refusal, Reply, accepted, ok};
use crate::{Shared, body, convert};

type App = State<Arc<Shared>>;

/// The longest URL that is fetched from (RFC 9110, 4.1 asks servers for 8000).
const URL_LIMIT: usize = 8000;
/// The longest that machines may take to shut down.
const DEADLINE_LIMIT: u32 = 3600;

pub(crate) async fn slots(State(shared): App) -> Reply {
    let slots = shared.agent.slots().await?;
    ok(&SlotList {
        slots: slots.slots.into_iter().map(convert::slot_info).collect(),
        last_failed: slots.last_failed.map(convert::failed_version),
        problems: slots.problems,
    })
}

fn permits(flags: UpgradeFlags) -> Permits {
    Permits {
        downgrade: flags.allow_downgrade,
        force: flags.force,
    }
}

fn then(reboot: bool, fast: bool) -> Result<Then, Refusal> {
    if fast && !reboot {
        return Err(Refusal::invalid(
            "fast",
            "fast: says how to reboot, so give it with reboot only",
        ));
    }
    Ok(Then { reboot, fast })
}

pub(crate) async fn upgrade(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let wire: UpgradeRequest = body::json(&headers, body, shared.limits.body).await?;
    let flags = wire.flags();
    let then = then(flags.reboot, flags.fast)?;
    let origin = origin(wire)?;
    shared.agent.check_upgrade(&origin).await?;
    let operation = shared.agent.begin_upgrade(origin, permits(flags), then)?;
    accepted(&convert::operation(operation))
}

fn origin(wire: UpgradeRequest) -> Result<Origin, Refusal> {
    match (wire.url, wire.medium) {
        (Some(url), false) => {
            for (field, given) in [
                ("boot", wire.boot.is_some()),
                ("current_password", wire.current_password.is_some()),
            ] {
                if given {
                    return Err(Refusal::invalid(
                        field,
                        format!("{field}: belongs to an upgrade from the medium"),
                    ));
                }
            }
            let known = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
            if !known || url.len() > URL_LIMIT || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Refusal::invalid(
                    "url",
                    "url: is not one to fetch from: give http:// or https:// and printable ASCII",
                ));
            }
            Ok(Origin::Url(url))
        }
        (None, true) => Ok(Origin::Medium {
            boot: wire.boot.map(|boot| boot.to_model("boot")).transpose()?,
            password: wire.current_password.map(Secret),
        }),
        _ => Err(Refusal::invalid("url", "url: give exactly one of url and medium")),
    }
}

/// The query of an upload. Strict, as all input.
#[derive(Debug)]
pub(crate) struct Flags(UpgradeFlags);

impl<S: Send + Sync> FromRequestParts<S> for Flags {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let Query(query) = Query::<HashMap<String, String>>::from_request_parts(parts, state)
            .await
            .map_err(|_| Refusal::invalid("query", "the query is not of the form key=value"))?;
        let mut flags = UpgradeFlags::default();
        for (key, value) in query {
            let value = match value.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            };
            let key: String = key.chars().take(60).collect();
            match value {
                Some(value) if flags.set(&key, value) => {}
                None if flags.set(&key, false) => {
                    return Err(Refusal::invalid(&key, format!("{key}: give true or false")));
                }
                _ => {
                    let known = UpgradeFlags::default().pairs().map(|(name, _)| name).join(", ");
                    return Err(Refusal::invalid(
                        "query",
                        format!("unknown query {key:?}: known are {known}"),
                    ));
                }
            }
        }
        Ok(Self(flags))
    }
}

pub(crate) async fn upload(State(shared): App, Flags(flags): Flags, headers: HeaderMap, body: Body) -> Reply {
    let then = then(flags.reboot, flags.fast)?;
    let bytes = length(&headers, "the image")?;
    let (place, spool) = shared.agent.receive_upgrade(bytes).await?;
    let received = receive(&place, spool.path(), bytes, body, shared.limits.stall).await;
    if let Err((refusal, error)) = received {
        place.fail(error);
        return Err(refusal);
    }
    let info = shared.agent.upgrade_received(place, spool, permits(flags), then);
    accepted(&convert::operation(info))
}

const STEP: &str = "receive";

/// Writes the body into the file. An error is told to the client and to who follows the work.
async fn receive(
    place: &Reservation,
    path: &std::path::Path,
    size: ByteSize,
    body: Body,
    stall: Duration,
) -> Result<(), (Refusal, SystemError)> {
    let started = Instant::now();
    let step = || STEP.to_owned();
    place.event(ProgressEvent::StepStarted {
        step: step(),
        title: "Receive the image".to_owned(),
    });
    let spool = |error: std::io::Error| {
        let full = error.kind() == std::io::ErrorKind::StorageFull;
        let sentence = format!("the image cannot be kept: {error}");
        if full {
            let refusal = Refusal::new(ErrorKind::NoSpace, sentence.clone());
            (refusal, SystemError::NoRoom(sentence))
        } else {
            let refusal = Refusal::new(ErrorKind::Failed, sentence.clone());
            (refusal, SystemError::Refused(sentence))
        }
    };
    let fault = |refusal: Refusal, sentence: &str| (refusal, SystemError::Refused(sentence.to_owned()));
    let mut file = tokio::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .await
        .map_err(spool)?;
    let mut body = body.into_data_stream();
    let mut done = 0_u64;
    while done < size.bytes() {
        if place.is_cancelled() {
            let sentence = "the upload was cancelled; nothing was kept";
            return Err((Refusal::new(ErrorKind::Conflict, sentence), SystemError::Cancelled));
        }
        match tokio::time::timeout(stall, body.next()).await {
            Ok(Some(Ok(bytes))) => {
                file.write_all(&bytes).await.map_err(spool)?;
                done += bytes.len() as u64;
                place.event(ProgressEvent::StepProgress {
                    step: step(),
                    done,
                    total: Some(size.bytes()),
                    unit: Unit::Bytes,
                });
            }
            // The server holds a body to the length that it has said, so this is before its end.
            Ok(Some(Err(_)) | None) => {
                let sentence = "the upload broke off; nothing was kept";
                return Err(fault(Refusal::invalid("body", sentence), sentence));
            }
            Err(_) => {
                let sentence = format!("nothing came for {} s; nothing was kept", stall.as_secs());
                let refusal = Refusal::new(ErrorKind::Invalid, sentence.as_str()).with(StatusCode::REQUEST_TIMEOUT);
                return Err(fault(refusal, &sentence));
            }
        }
    }
    file.flush().await.map_err(spool)?;
    place.event(ProgressEvent::StepFinished {
        step: step(),
        outcome: Outcome::Done,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    Ok(())
}

pub(crate) async fn rollback(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let wire: RollbackRequest = body::json(&headers, body, shared.limits.body).await?;
    let operation = shared.agent.begin_rollback(then(wire.reboot, wire.fast)?)?;
    accepted(&convert::operation(operation))
}

pub(crate) async fn reboot(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let wire: RebootRequest = body::json(&headers, body, shared.limits.body).await?;
    let how = if wire.fast { Restart::Fast } else { Restart::Firmware };
    go_down(&shared, how, wire.deadline_seconds)
}

pub(crate) async fn poweroff(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let wire: PoweroffRequest = body::json(&headers, body, shared.limits.body).await?;
    go_down(&shared, Restart::PowerOff, wire.deadline_seconds)
}

fn go_down(shared: &Shared, how: Restart, deadline: Option<u32>) -> Reply {
    if deadline.is_some_and(|seconds| seconds > DEADLINE_LIMIT) {
        return Err(Refusal::invalid(
            "deadline_seconds",
            "deadline_seconds: is more than 3600",
        ));
    }
    let deadline = deadline.map(|seconds| Duration::from_secs(seconds.into()));
    let operation = shared.agent.begin_restart(how, deadline)?;
    accepted(&convert::operation(operation))
}
