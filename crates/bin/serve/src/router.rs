//! From the route table to handlers, and what holds for every request: an id, a line in the log, and an answer even when
//! a handler panics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use corbel_node_api::{ErrorKind, Method, Operation, ROUTES};
use futures_util::FutureExt as _;
use http::{HeaderValue, StatusCode};
use tracing::Instrument as _;

use crate::handlers::{
    config, console, diagnostics, disks, dumps, events, node, operation, persisted, plugins, reach, support, upgrade,
    vms, volumes,
};
use crate::reply::Refusal;
use crate::{Shared, auth};

/// Every route of the table.
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let guard = from_fn_with_state((Arc::clone(shared), route.access), auth::authorize);
        router = router.route(route.path, handler(route.operation, route.method).layer(guard));
    }
    let ids = Arc::new(AtomicU64::new(1));
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(move |request, next| observe(Arc::clone(&ids), request, next)))
        .with_state(Arc::clone(shared))
}

fn handler(operation: Operation, method: Method) -> MethodRouter<Arc<Shared>> {
    use Operation as Op;
    macro_rules! on {
        ($handler:expr) => {
            match method {
                Method::Get => get($handler),
                Method::Post => post($handler),
                Method::Put => put($handler),
                Method::Delete => delete($handler),
            }
        };
    }
    match operation {
        Op::Health => on!(node::health),
        Op::Openapi => on!(node::openapi),
        Op::Node => on!(node::node),
        Op::UseKeyboard => on!(node::use_keyboard),
        Op::Figures => on!(node::figures),
        Op::CheckPassword => on!(diagnostics::check_password),
        Op::ListLinks => on!(diagnostics::links),
        Op::ListServices => on!(diagnostics::services),
        Op::ShowLogs => on!(diagnostics::logs),
        Op::Ping => on!(reach::ping),
        Op::IdentifyLink => on!(reach::identify),
        Op::ShowMultipath => on!(reach::multipath),
        Op::ShowIscsi => on!(reach::iscsi),
        Op::ShowIommu => on!(reach::iommu),
        Op::ListPlugins => on!(plugins::list),
        Op::ListVms => on!(vms::list),
        Op::CreateVm => on!(vms::create),
        Op::ShowVm => on!(vms::show),
        Op::DeleteVm => on!(vms::delete),
        Op::StartVm => on!(vms::start),
        Op::ShutdownVm => on!(vms::shutdown),
        Op::ForceOffVm => on!(vms::force_off),
        Op::RebootVm => on!(vms::reboot),
        Op::AutostartVm => on!(vms::autostart),
        Op::VmStats => on!(vms::stats),
        Op::VmXml => on!(vms::xml),
        Op::VmConsole => on!(console::console),
        Op::ListPools => on!(volumes::pools),
        Op::ListVolumes => on!(volumes::list),
        Op::CreateVolume => on!(volumes::create),
        Op::UploadVolume => on!(volumes::upload),
        Op::DeleteVolume => on!(volumes::delete),
        Op::ListNetworks => on!(volumes::networks),
        Op::ListPersisted => on!(persisted::list),
        Op::Persist => on!(persisted::persist),
        Op::Unpersist => on!(persisted::unpersist),
        Op::PersistedDifference => on!(persisted::difference),
        Op::ListDumps => on!(dumps::show),
        Op::TestDump => on!(dumps::test),
        Op::ListBundles => on!(support::list),
        Op::MakeBundle => on!(support::make),
        Op::ReadBundle => on!(support::read),
        Op::RemoveBundle => on!(support::remove),
        Op::ShowSecurity => on!(support::security),
        Op::Events => on!(events::events),
        Op::ListDisks => on!(disks::list),
        Op::Install => on!(disks::install),
        Op::Uninstall => on!(disks::uninstall),
        Op::ListSlots => on!(upgrade::slots),
        Op::Upgrade => on!(upgrade::upgrade),
        Op::UploadUpgrade => on!(upgrade::upload),
        Op::Rollback => on!(upgrade::rollback),
        Op::Reboot => on!(upgrade::reboot),
        Op::Poweroff => on!(upgrade::poweroff),
        Op::ShowOperation => on!(operation::show),
        Op::OperationEvents => on!(operation::events),
        Op::CancelOperation => on!(operation::cancel),
        Op::ShowConfig => on!(config::show),
        Op::ConfigSchema => on!(config::schema),
        Op::ApplyConfig => on!(config::apply),
        Op::ConfirmConfig => on!(config::confirm),
        Op::UndoConfig => on!(config::undo),
        Op::ConfigHistory => on!(config::history),
        Op::ConfigVersion => on!(config::version),
        Op::RollbackConfig => on!(config::rollback),
    }
}

async fn no_such_path(request: Request) -> Refusal {
    Refusal::new(
        ErrorKind::NotFound,
        format!("there is nothing at {:?}", shorten(request.uri().path())),
    )
}

async fn no_such_method(request: Request) -> Refusal {
    let message = format!(
        "{} is not possible at {:?}",
        request.method(),
        shorten(request.uri().path())
    );
    Refusal::new(ErrorKind::Invalid, message).with(StatusCode::METHOD_NOT_ALLOWED)
}

/// Enough of a path for a person.
fn shorten(path: &str) -> String {
    path.chars().take(120).collect()
}

async fn observe(ids: Arc<AtomicU64>, request: Request, next: Next) -> Response {
    let id = ids.fetch_add(1, Ordering::Relaxed);
    let (method, path) = (request.method().clone(), shorten(request.uri().path()));
    let span = tracing::info_span!("request", id, %method, path, caller = tracing::field::Empty);
    let looks = method == http::Method::GET || method == http::Method::HEAD;
    let started = Instant::now();
    async move {
        // Nothing of a panicking handler is used again; the agent's locks forgive it.
        let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let mut response = outcome.unwrap_or_else(|_| {
            tracing::error!("the handler panicked");
            Refusal::new(ErrorKind::Failed, "an error of the daemon, see its log").into_response()
        });
        if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
            response.headers_mut().insert("x-request-id", id);
        }
        let (status, ms) = (response.status().as_u16(), started.elapsed().as_millis() as u64);
        match status {
            // That the hypervisor is away is said once, by the watch.
            500.. if status != 503 => tracing::warn!(status, ms, "answered"),
            _ if looks => tracing::debug!(status, ms, "answered"),
            _ => tracing::info!(status, ms, "answered"),
        }
        response
    }
    .instrument(span)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    async fn broken() -> Response {
        panic!("a bug in a handler")
    }

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_answer() {
        let ids = Arc::new(AtomicU64::new(7));
        let router = Router::new()
            .route("/broken", get(broken))
            .layer(from_fn(move |request, next| observe(Arc::clone(&ids), request, next)));
        for id in ["7", "8"] {
            let request = Request::get("/broken").body(axum::body::Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 500);
            assert_eq!(response.headers()["x-request-id"], id);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let error: corbel_node_api::ErrorBody = serde_json::from_slice(&body).unwrap();
            assert_eq!(error.kind(), ErrorKind::Failed);
        }
    }
}
