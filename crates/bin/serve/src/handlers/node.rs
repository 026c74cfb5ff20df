//! The node itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use corbel_model::NameError;
use corbel_node_api::Keyboard;
use http::{HeaderMap, header};

use crate::reply::{Refusal, Reply, done, ok};
use crate::{Shared, body, convert};

pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Reply {
    ok(&convert::health(&shared.agent.health()))
}

pub(crate) async fn node(State(shared): State<Arc<Shared>>) -> Reply {
    ok(&convert::node(shared.agent.node().await, shared.fingerprint.as_deref()))
}

pub(crate) async fn use_keyboard(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Reply {
    let wanted: Keyboard = body::json(&headers, body, shared.limits.body).await?;
    let layout = wanted.layout.parse();
    let layout = layout.map_err(|error: NameError| Refusal::invalid("layout", format!("layout: {error}")))?;
    shared.agent.use_keyboard(layout).await?;
    done()
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
