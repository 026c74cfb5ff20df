//! A guest's serial console: a WebSocket (RFC 6455) of binary frames over the same connection as every other request.

use std::time::Duration;

use bytes::Bytes;
use corbel_node_api::Operation;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use crate::http::{bare, one_line};
use crate::{Client, ClientError, Endpoint};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A serial line moves a few kilobytes at a time.
const MESSAGE_MAX: usize = 1 << 20;

/// The node pings every 20 seconds, so such a long silence is a dead connection.
const SILENCE: Duration = Duration::from_secs(90);

/// Both directions of a console.
#[derive(Debug)]
pub struct ConsoleSession {
    pub input: ConsoleInput,
    pub output: ConsoleOutput,
}

/// What goes to the guest.
#[derive(Debug)]
pub struct ConsoleInput {
    endpoint: Endpoint,
    sink: SplitSink<Socket, Message>,
}

/// What comes from the guest.
#[derive(Debug)]
pub struct ConsoleOutput {
    endpoint: Endpoint,
    stream: SplitStream<Socket>,
    reason: Option<String>,
}

impl Client {
    /// Opens the console of a running machine. Dropping both halves hangs up; the guest goes on.
    pub async fn console(&self, name: &str) -> Result<ConsoleSession, ClientError> {
        let key = generate_key();
        let mut request = bare(Operation::VmConsole, name);
        let headers = request.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let value = HeaderValue::try_from(&key).expect("base64 is visible ASCII");
        headers.insert(header::SEC_WEBSOCKET_KEY, value);

        let limit = self.answer_limit;
        self.within(limit, async {
            let answer = self.send(request).await?;
            let accepted = answer
                .head
                .headers()
                .get(header::SEC_WEBSOCKET_ACCEPT)
                .map(HeaderValue::as_bytes);
            if answer.head.status() != StatusCode::SWITCHING_PROTOCOLS
                || accepted != Some(derive_accept_key(key.as_bytes()).as_bytes())
            {
                return Err(self.protocol("the answer to a console request is no WebSocket".into()));
            }
            let upgraded = hyper::upgrade::on(answer.head).await.map_err(|e| self.broken(e))?;
            let config = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_MAX))
                .max_frame_size(Some(MESSAGE_MAX));
            let socket = Socket::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await;
            let (sink, stream) = socket.split();
            let endpoint = self.endpoint.clone();
            Ok(ConsoleSession {
                input: ConsoleInput {
                    endpoint: endpoint.clone(),
                    sink,
                },
                output: ConsoleOutput {
                    endpoint,
                    stream,
                    reason: None,
                },
            })
        })
        .await
    }
}

impl ConsoleInput {
    /// Sends bytes as typed.
    pub async fn send(&mut self, bytes: impl Into<Bytes>) -> Result<(), ClientError> {
        self.sink
            .send(Message::Binary(bytes.into()))
            .await
            .map_err(|e| broken(&self.endpoint, e))
    }

    /// Says good-bye, so that the node frees the console at once.
    pub async fn close(&mut self) -> Result<(), ClientError> {
        match self.sink.close().await {
            Ok(()) | Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed) => Ok(()),
            Err(error) => Err(broken(&self.endpoint, error)),
        }
    }
}

impl ConsoleOutput {
    /// The next bytes from the guest; `None` when the node ended the console. May be cancelled without losing bytes.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let Ok(message) = tokio::time::timeout(SILENCE, self.stream.next()).await else {
                return Err(ClientError::Deadline {
                    endpoint: self.endpoint.clone(),
                    limit: SILENCE,
                });
            };
            match message {
                Some(Ok(Message::Binary(bytes))) => return Ok(Some(bytes)),
                Some(Ok(Message::Text(text))) => return Ok(Some(text.into())),
                Some(Ok(Message::Close(frame))) => {
                    self.reason = frame
                        .map(|f| one_line(f.reason.as_str()))
                        .filter(|reason| !reason.is_empty());
                }
                // Pings are answered below us.
                Some(Ok(_)) => {}
                None | Some(Err(SocketError::ConnectionClosed | SocketError::AlreadyClosed)) => return Ok(None),
                Some(Err(error)) => return Err(broken(&self.endpoint, error)),
            }
        }
    }

    /// Why the node ended the console, if it said so.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

fn broken(endpoint: &Endpoint, error: SocketError) -> ClientError {
    let endpoint = endpoint.clone();
    match error {
        SocketError::Capacity(_) | SocketError::Utf8(_) => ClientError::Protocol {
            endpoint,
            problem: error.to_string(),
        },
        error => ClientError::Broken {
            endpoint,
            source: error.into(),
        },
    }
}
