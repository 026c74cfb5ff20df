//! Events as server-sent events: `hello` with the present state, then what happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use corbel_node_api::{Event, VmSummary};
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use crate::reply::Reply;
use crate::{Shared, convert};

/// Proxies and clients take a longer silence for a dead connection.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

pub(crate) async fn events(State(shared): State<Arc<Shared>>) -> Reply {
    // Subscribed before the state is taken: a change in between is told twice rather than never.
    let source = shared.agent.events();
    let hello = Event::Hello {
        name: shared.agent.name(),
        version: shared.agent.settings().version.clone(),
        vms: shared
            .agent
            .list_vms()
            .await
            .unwrap_or_default()
            .into_iter()
            .map(VmSummary::from)
            .collect(),
        health: convert::health(&shared.agent.health()),
    };
    let first = stream::once(async move { frame(&hello) });
    let rest = follow(source, shared.stopping.clone());
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    Ok(Sse::new(first.chain(rest)).keep_alive(keep_alive).into_response())
}

fn follow(
    source: broadcast::Receiver<corbel_agent::Event>,
    stopping: CancellationToken,
) -> impl Stream<Item = Result<Frame, Infallible>> {
    stream::unfold((source, stopping), |(mut source, stopping)| async move {
        let event = tokio::select! {
            event = source.recv() => event,
            () = stopping.cancelled() => return None,
        };
        let event = match event {
            Ok(event) => convert::event(event),
            Err(RecvError::Lagged(count)) => Event::Missed { count },
            Err(RecvError::Closed) => return None,
        };
        Some((frame(&event), (source, stopping)))
    })
}

pub(crate) fn frame(event: &impl serde::Serialize) -> Result<Frame, Infallible> {
    Ok(Frame::default().json_data(event).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be written as JSON");
        Frame::default().comment("lost")
    }))
}
