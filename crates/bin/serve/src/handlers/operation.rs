//! The one long work: how far it is, its events, and asking it to stop.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use corbel_agent::Follower;
use corbel_node_api::{ErrorKind, OperationStatus};
use futures_util::stream::{self, Stream};
use tokio_util::sync::CancellationToken;

use super::events::{HEARTBEAT, frame};
use crate::reply::{Refusal, Reply, accepted, ok};
use crate::{Shared, convert};

type App = State<Arc<Shared>>;

pub(crate) async fn show(State(shared): App) -> Reply {
    ok(&OperationStatus {
        operation: shared.agent.operation().map(convert::operation),
    })
}

pub(crate) async fn cancel(State(shared): App) -> Reply {
    accepted(&convert::operation(shared.agent.cancel_operation()?))
}

pub(crate) async fn events(State(shared): App) -> Reply {
    let follower = shared.agent.follow_operation().ok_or_else(|| {
        let sentence = "a long work does not exist: none was begun since the daemon started";
        Refusal::new(ErrorKind::NotFound, sentence)
    })?;
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("alive");
    let events = follow(follower, shared.stopping.clone());
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

fn follow(follower: Follower, stopping: CancellationToken) -> impl Stream<Item = Result<Frame, Infallible>> {
    stream::unfold((follower, stopping), |(mut follower, stopping)| async move {
        let event = tokio::select! {
            event = follower.next() => event?,
            () = stopping.cancelled() => return None,
        };
        Some((frame(&event), (follower, stopping)))
    })
}
