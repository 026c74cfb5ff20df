//! Support bundles, and how well the node is protected.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use corbel_agent::Destination;
use corbel_agent::security::{self, Grade};
use corbel_node_api::{
    Bundle, BundleList, BundleRequest, RemovableDisk, SecurityFinding, SecurityGrade, SecurityLevel,
};
use http::{HeaderMap, HeaderValue, header};

use super::Name;
use crate::reply::{Refusal, Reply, accepted, done, ok};
use crate::{Shared, body, convert};

type App = State<Arc<Shared>>;

pub(crate) async fn list(State(shared): App) -> Reply {
    let (bundles, disks) = shared.agent.bundles().await?;
    let bundle = |bundle: corbel_agent::Bundle| Bundle {
        name: bundle.name,
        bytes: bundle.size.bytes(),
    };
    let disk = |disk: corbel_agent::Removable| RemovableDisk {
        device: disk.device,
        file_system: disk.file_system,
        label: disk.label,
        model: disk.model,
        size: disk.size.bytes(),
    };
    ok(&BundleList {
        bundles: bundles.into_iter().map(bundle).collect(),
        disks: disks.into_iter().map(disk).collect(),
    })
}

fn destination(wire: BundleRequest) -> Result<Destination, Refusal> {
    match (wire.disk, wire.url) {
        (None, None) => Ok(Destination::Node),
        (Some(_), Some(_)) => Err(Refusal::invalid("url", "url: give either a disk or a URL, not both")),
        (Some(disk), None) if disk.starts_with("/dev/") => Ok(Destination::Disk(disk)),
        (Some(_), None) => Err(Refusal::invalid("disk", "disk: give a device such as /dev/sdb1")),
        (None, Some(url)) if url.starts_with("https://") || url.starts_with("http://") => Ok(Destination::Url(url)),
        // What was given may hold credentials, and is not repeated.
        (None, Some(_)) => Err(Refusal::invalid(
            "url",
            "url: give a URL that begins with https:// or http://",
        )),
    }
}

pub(crate) async fn make(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let wire: BundleRequest = body::json(&headers, body, shared.limits.body).await?;
    let operation = shared.agent.begin_bundle(destination(wire)?).await?;
    accepted(&convert::operation(operation))
}

pub(crate) async fn read(State(shared): App, Name(name): Name) -> Reply {
    let bytes = shared.agent.read_bundle(name).await?;
    let mut response = Response::new(Body::from(bytes));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response.into_response())
}

pub(crate) async fn remove(State(shared): App, Name(name): Name) -> Reply {
    shared.agent.remove_bundle(name).await?;
    done()
}

pub(crate) async fn security(State(shared): App) -> Reply {
    let level = shared.agent.security(shared.certificate()).await;
    let finding = |finding: security::Finding| SecurityFinding {
        id: finding.id.to_owned(),
        title: finding.title.to_owned(),
        state: finding.state,
        grade: match finding.grade {
            Grade::Good => SecurityGrade::Good,
            Grade::Weak => SecurityGrade::Weak,
            Grade::Unknown => SecurityGrade::NotKnown,
        },
        meaning: finding.meaning.to_owned(),
        raise: finding.raise.map(str::to_owned),
    };
    ok(&SecurityLevel {
        summary: level.summary,
        findings: level.findings.into_iter().map(finding).collect(),
    })
}
