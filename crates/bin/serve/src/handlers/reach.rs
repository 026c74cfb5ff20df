//! Echoes to other machines, lamps of interfaces, and how storage and devices are reached.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use corbel_model::network::InterfaceName;
use corbel_model::server::Server;
use corbel_node_api::{IdentifyRequest, PingRequest, PingResult};
use http::HeaderMap;

use super::Name;
use crate::reply::{Refusal, Reply, done, ok};
use crate::{Shared, body, convert};

type App = State<Arc<Shared>>;

/// Echoes of one request, and seconds of one blinking: nobody waits longer for an answer.
const LIMITS: RangeInclusive<u16> = 1..=20;

fn bounded(field: &str, number: u16) -> Result<u16, Refusal> {
    if LIMITS.contains(&number) {
        return Ok(number);
    }
    let message = format!("{field}: give {} to {}", LIMITS.start(), LIMITS.end());
    Err(Refusal::invalid(field, message))
}

pub(crate) async fn ping(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let request: PingRequest = body::json(&headers, body, shared.limits.body).await?;
    let host: Server = request
        .host
        .parse()
        .map_err(|error| Refusal::invalid("host", format!("host: {error}")))?;
    let count = bounded("count", request.count)?;
    let echoes = shared.agent.ping(host, count).await?;
    ok(&PingResult {
        echoes: echoes.into_iter().map(convert::echo).collect(),
    })
}

pub(crate) async fn identify(State(shared): App, Name(name): Name, headers: HeaderMap, body: Body) -> Reply {
    let request: IdentifyRequest = body::json(&headers, body, shared.limits.body).await?;
    let name: InterfaceName = name
        .parse()
        .map_err(|error| Refusal::invalid("name", format!("name: {error}")))?;
    let seconds = bounded("seconds", request.seconds)?;
    shared.agent.identify(name, Duration::from_secs(seconds.into())).await?;
    done()
}

pub(crate) async fn multipath(State(shared): App) -> Reply {
    ok(&convert::multipath(shared.agent.multipath().await?))
}

pub(crate) async fn iscsi(State(shared): App) -> Reply {
    ok(&convert::iscsi(shared.agent.iscsi().await?))
}

pub(crate) async fn iommu(State(shared): App) -> Reply {
    ok(&convert::iommu(shared.agent.iommu().await?))
}
