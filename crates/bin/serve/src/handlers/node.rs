//! The node itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use bytes::Bytes;
use corbel_agent::FiguresFormat;
use corbel_model::NameError;
use corbel_node_api::{ErrorKind, Keyboard, OPENMETRICS_TYPE, PROMETHEUS_TYPE};
use http::{HeaderMap, header};

use crate::reply::{Refusal, Reply, done, ok};
use crate::{Shared, body, convert};

pub(crate) async fn health(State(shared): State<Arc<Shared>>) -> Reply {
    ok(&convert::health(&shared.agent.health()))
}

pub(crate) async fn node(State(shared): State<Arc<Shared>>) -> Reply {
    ok(&convert::node(
        shared.agent.node().await,
        shared.fingerprint().as_deref(),
    ))
}

pub(crate) async fn use_keyboard(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Body) -> Reply {
    let wanted: Keyboard = body::json(&headers, body, shared.limits.body).await?;
    let layout = wanted.layout.parse();
    let layout = layout.map_err(|error: NameError| Refusal::invalid("layout", format!("layout: {error}")))?;
    shared.agent.use_keyboard(layout).await?;
    done()
}

pub(crate) async fn figures(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Reply {
    let accepted = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let open = accepted.into_iter().any(|value| value.contains(OPENMETRICS_TYPE));
    let (format, kind) = match open {
        true => (
            FiguresFormat::OpenMetrics,
            format!("{OPENMETRICS_TYPE}; version=1.0.0; charset=utf-8"),
        ),
        false => (
            FiguresFormat::Prometheus,
            format!("{PROMETHEUS_TYPE}; version=0.0.4; charset=utf-8"),
        ),
    };
    let figures = shared.agent.figures(format).await.map_err(|error| {
        tracing::debug!(error = ?error, "no figures");
        Refusal::new(ErrorKind::Unavailable, error.to_string())
    })?;
    Ok(([(header::CONTENT_TYPE, kind)], figures).into_response())
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
