//! Pools, volumes and networks. An upload flows through a short channel: the client can send only as fast as the pool takes it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use corbel_model::{ByteSize, VolumeName};
use corbel_node_api::{DiskFormat, ErrorKind, NetworkList, PoolList, VolumeList, VolumeSpec};
use corbel_virt::UploadChunk;
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode, header};
use tokio::sync::mpsc;

use super::Name;
use crate::reply::{Refusal, Reply, created, done, ok};
use crate::{Shared, body, convert};

type App = State<Arc<Shared>>;

/// Chunks on the way; hyper's are at most a few hundred KiB.
const CHUNKS: usize = 4;
/// For the pool to write what it has taken, or to undo it.
const FLUSH: Duration = Duration::from_secs(120);

pub(crate) async fn list(State(shared): App) -> Reply {
    let volumes = shared.agent.list_volumes().await?;
    ok(&VolumeList {
        volumes: volumes.into_iter().map(convert::volume).collect(),
    })
}

pub(crate) async fn pools(State(shared): App) -> Reply {
    let pools = shared.agent.list_pools().await?;
    ok(&PoolList {
        pools: pools.into_iter().map(convert::pool).collect(),
    })
}

pub(crate) async fn networks(State(shared): App) -> Reply {
    let networks = shared.agent.list_networks().await?;
    ok(&NetworkList {
        networks: networks.into_iter().map(convert::network).collect(),
    })
}

pub(crate) async fn create(State(shared): App, headers: HeaderMap, body: Body) -> Reply {
    let spec: VolumeSpec = body::json(&headers, body, shared.limits.body).await?;
    let format = match spec.format {
        DiskFormat::Raw => "raw",
        DiskFormat::Qcow2 => "qcow2",
    };
    if spec.size.0 == ByteSize(0) {
        return Err(Refusal::invalid("size", "size: is 0: give at least 1 MiB"));
    }
    let volume = shared
        .agent
        .create_volume(volume_name(&spec.name)?, spec.size.0, format)
        .await?;
    created(&convert::volume(volume))
}

pub(crate) async fn delete(State(shared): App, Name(name): Name) -> Reply {
    shared.agent.delete_volume(volume_name(&name)?).await?;
    done()
}

pub(crate) async fn upload(State(shared): App, Name(name): Name, headers: HeaderMap, body: Body) -> Reply {
    let name = volume_name(&name)?;
    let size = length(&headers, "the volume")?;
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let mut filled = pin!(shared.agent.upload_volume(name, size, receiver));
    let feeding = feed(body.into_data_stream(), sender, shared.limits.stall);
    let (outcome, sent) = tokio::select! {
        // The pool has refused, or all of it was there already.
        outcome = &mut filled => (Ok(outcome), Ok(())),
        sent = feeding => (tokio::time::timeout(FLUSH, &mut filled).await, sent),
    };
    // When the client is at fault, the pool's own words about a short upload would only confuse.
    match (outcome, sent) {
        (Ok(Ok(volume)), _) => created(&convert::volume(volume)),
        (_, Err(fault)) => Err(fault),
        (Ok(Err(error)), Ok(())) => Err(error.into()),
        (Err(_), Ok(())) => Err(Refusal::new(
            ErrorKind::Unavailable,
            "the pool takes too long to finish the volume",
        )),
    }
}

/// Passes the body on. An error is the answer, whatever comes of the volume.
async fn feed(mut body: BodyDataStream, sender: mpsc::Sender<UploadChunk>, stall: Duration) -> Result<(), Refusal> {
    loop {
        let fault = match tokio::time::timeout(stall, body.next()).await {
            Ok(None) => return Ok(()),
            Ok(Some(Ok(bytes))) => match tokio::time::timeout(stall, sender.send(Ok(bytes.into()))).await {
                Ok(Ok(())) => continue,
                // The pool's own reason is the answer.
                Ok(Err(_)) => return Ok(()),
                Err(_) => Refusal::new(
                    ErrorKind::Unavailable,
                    "the pool takes no more bytes; nothing will be kept",
                ),
            },
            Ok(Some(Err(_))) => Refusal::invalid("body", "the upload broke off; nothing was kept"),
            Err(_) => {
                let message = format!("nothing came for {} s; nothing was kept", stall.as_secs());
                Refusal::new(ErrorKind::Invalid, message).with(StatusCode::REQUEST_TIMEOUT)
            }
        };
        let _ = sender.try_send(Err("the client is gone".to_owned()));
        return Err(fault);
    }
}

/// How long the body is; an upload must say it. `what` is what the bytes are of.
pub(crate) fn length(headers: &HeaderMap, what: &str) -> Result<ByteSize, Refusal> {
    let given = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|v| v.parse().ok());
    match given {
        Some(0) => Err(Refusal::invalid(
            "body",
            format!("the body is empty: send the bytes of {what}"),
        )),
        Some(bytes) => Ok(ByteSize(bytes)),
        None => Err(Refusal::new(
            ErrorKind::Invalid,
            "Content-Length is missing: an upload must say how long it is",
        )
        .with(StatusCode::LENGTH_REQUIRED)),
    }
}

fn volume_name(name: &str) -> Result<VolumeName, Refusal> {
    name.parse()
        .map_err(|error: corbel_model::NameError| Refusal::invalid("name", format!("name: {error}")))
}
