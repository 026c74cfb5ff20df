//! The node itself.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::header;

use crate::reply::{Reply, ok};
use crate::{Shared, convert};

pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Reply {
    ok(&convert::health(&shared.agent.health()))
}

pub(crate) async fn node(State(shared): State<Arc<Shared>>) -> Reply {
    ok(&convert::node(shared.agent.node().await, shared.fingerprint.as_deref()))
}

pub(crate) async fn openapi(State(shared): State<Arc<Shared>>) -> Reply {
    let document = shared.openapi.get_or_init(|| {
        serde_json::to_vec(&corbel_node_api::openapi())
            .map(Bytes::from)
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the OpenAPI document could not be written");
                Bytes::from_static(b"{}")
            })
    });
    Ok(([(header::CONTENT_TYPE, "application/json")], document.clone()).into_response())
}
