//! A guest's serial console as a WebSocket: binary frames both ways, nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, FromRequestParts, Request, State};
use axum::response::IntoResponse as _;
use corbel_node_api::ErrorKind;
use corbel_virt::Console;
use http::StatusCode;

use super::Name;
use crate::Shared;
use crate::accept::Client;
use crate::reply::{Refusal, Reply};

const PING: Duration = Duration::from_secs(20);
/// Without any sign of life, pongs included.
const DEAD: Duration = Duration::from_secs(65);
/// A client that does not take its guest's output.
const SLOW: Duration = Duration::from_secs(30);
/// For the closing handshake (RFC 6455, 7.1.1).
const FAREWELL: Duration = Duration::from_secs(2);
/// Keystrokes are small; a paste may be larger.
const MESSAGE_LIMIT: usize = 64 * 1024;

pub(crate) async fn console(
    State(shared): State<Arc<Shared>>,
    Name(name): Name,
    Extension(client): Extension<Client>,
    request: Request,
) -> Reply {
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|_| {
            Refusal::new(
                ErrorKind::Invalid,
                "the console is a WebSocket: ask for an upgrade to it",
            )
            .with(StatusCode::UPGRADE_REQUIRED)
        })?;
    // Opened before the upgrade, so that a refusal is still an HTTP answer.
    let console = shared.agent.open_console(name.clone()).await?;
    let upgrade = upgrade.max_message_size(MESSAGE_LIMIT).max_frame_size(MESSAGE_LIMIT);
    Ok(upgrade
        .on_upgrade(move |socket| async move {
            tracing::info!(vm = name, "console opened");
            let why = carry(socket, console, &shared).await;
            tracing::info!(vm = name, why, "console closed");
            drop(client);
        })
        .into_response())
}

/// Carries bytes until one side ends; says why.
async fn carry(mut socket: WebSocket, mut console: Console, shared: &Shared) -> &'static str {
    let mut ping = tokio::time::interval(PING);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            output = console.output.recv() => match output {
                Some(bytes) => Message::Binary(bytes.into()),
                None => return close(socket, close_code::NORMAL, "the console ended").await,
            },
            input = socket.recv() => {
                heard = Instant::now();
                let bytes = match input {
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Text(_))) => {
                        return close(socket, close_code::UNSUPPORTED, "send binary frames").await;
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return "the client left",
                };
                // A guest that does not read must not keep us from noticing that the client has left for good.
                match tokio::time::timeout(SLOW, console.input.send(bytes.into())).await {
                    Ok(Ok(())) => continue,
                    Ok(Err(_)) => return close(socket, close_code::NORMAL, "the console ended").await,
                    Err(_) => return close(socket, close_code::AGAIN, "the guest does not read").await,
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > DEAD {
                    return "the client is silent";
                }
                Message::Ping(bytes::Bytes::new())
            }
            () = shared.stopping.cancelled() => {
                return close(socket, close_code::AWAY, "the daemon stops; the guest goes on").await;
            }
        };
        match tokio::time::timeout(SLOW, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "the client left",
            Err(_) => return "the client does not read",
        }
    }
}

/// Says why, and lets the client say goodbye too: who is hung up on while it answers sees an error instead of an end.
async fn close(mut socket: WebSocket, code: u16, reason: &'static str) -> &'static str {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let farewell = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
    reason
}
