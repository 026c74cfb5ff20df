//! A [`Client`]: where the node is, who we are, and at most one idle connection that the next request uses again.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;

use crate::http::RequestBody;
use crate::stream::ReadsToTheEnd;
use crate::tls::{self, Identity};
use crate::{ClientError, Endpoint, RemoteHost, ServerTrust};

/// The longest wait for a connection, TLS handshake included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The longest wait for an ordinary answer. Uploads, events and consoles have none.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// A connection that idled longer is not used again: the node closes it after 10 seconds, perhaps just then.
const IDLE_LIMIT: Duration = Duration::from_secs(5);

/// What a request carries to say who is asking.
#[derive(Clone)]
pub enum Credentials {
    /// A token of the node's access list.
    Bearer(String),
    /// A user of the node and the password.
    Basic { user: String, password: String },
}

impl fmt::Debug for Credentials {
    /// Says the kind only: secrets must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer(_) => f.write_str("Bearer(…)"),
            Self::Basic { user, .. } => write!(f, "Basic({user:?}, …)"),
        }
    }
}

/// A node as its callers see it. Needs a tokio runtime; every method may be cancelled by dropping its future.
pub struct Client {
    pub(crate) endpoint: Endpoint,
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) connect_limit: Duration,
    pub(crate) answer_limit: Duration,
    trust: Option<ServerTrust>,
    tls: Option<Arc<ClientConfig>>,
    idle: Mutex<Option<Connection>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A node by its UNIX socket, usually [`corbel_node_api::SOCKET_PATH`].
    pub fn local(socket: impl Into<PathBuf>) -> Self {
        Self::new(Endpoint::Local(socket.into()), None, None)
    }

    /// A node from afar. Connects at the first request, not here.
    ///
    /// # Errors
    /// [`ClientError::Credential`] when the authorities of `trust` are not usable.
    pub fn remote(remote: RemoteHost, trust: ServerTrust) -> Result<Self, ClientError> {
        let config = tls::client_config(&trust, None)?;
        Ok(Self::new(Endpoint::Remote(remote), Some(trust), Some(config)))
    }

    fn new(endpoint: Endpoint, trust: Option<ServerTrust>, tls: Option<Arc<ClientConfig>>) -> Self {
        Self {
            endpoint,
            authorization: None,
            connect_limit: CONNECT_LIMIT,
            answer_limit: ANSWER_LIMIT,
            trust,
            tls,
            idle: Mutex::new(None),
        }
    }

    /// Shows this certificate (PEM, with its chain) to the node. Without effect on a local socket.
    ///
    /// # Errors
    /// [`ClientError::Credential`] when one of them is not PEM or they do not belong together.
    pub fn with_identity(mut self, certificate: Vec<u8>, key: Vec<u8>) -> Result<Self, ClientError> {
        if let Some(trust) = &self.trust {
            self.tls = Some(tls::client_config(trust, Some(&Identity { certificate, key }))?);
        }
        Ok(self)
    }

    /// Sends a token or a password with every request.
    ///
    /// # Errors
    /// [`ClientError::Credential`] when the token has a character that no header may carry (RFC 9110, 5.5).
    pub fn with_credentials(mut self, credentials: &Credentials) -> Result<Self, ClientError> {
        let (what, text) = match credentials {
            Credentials::Bearer(token) => ("token", format!("Bearer {token}")),
            Credentials::Basic { user, password } => (
                "password",
                format!("Basic {}", BASE64.encode(format!("{user}:{password}"))),
            ),
        };
        let mut value = HeaderValue::try_from(text).map_err(|_| ClientError::Credential {
            what,
            problem: "it has a control character, perhaps a line end in the middle".into(),
        })?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Ok(self)
    }

    /// Waits at most so long for a connection, and so long for an ordinary answer.
    pub fn with_limits(mut self, connect: Duration, answer: Duration) -> Self {
        self.connect_limit = connect;
        self.answer_limit = answer;
        self
    }

    /// Where this client connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The connection that the last answer left behind, if it is still open.
    pub(crate) fn take_idle(&self) -> Option<Connection> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        idle.filter(|connection| !connection.sender.is_closed() && connection.used.elapsed() < IDLE_LIMIT)
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(crate) fn keep(&self, mut connection: Connection) {
        connection.used = Instant::now();
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
    }

    /// A new connection, ready for a request.
    pub(crate) async fn connect(&self) -> Result<Connection, ClientError> {
        let limit = self.connect_limit;
        let endpoint = || self.endpoint.clone();
        tokio::time::timeout(limit, self.open())
            .await
            .map_err(|_| ClientError::ConnectDeadline {
                endpoint: endpoint(),
                limit,
            })?
    }

    async fn open(&self) -> Result<Connection, ClientError> {
        match &self.endpoint {
            Endpoint::Local(path) => {
                let stream = UnixStream::connect(path)
                    .await
                    .map_err(|source| ClientError::Unreachable {
                        endpoint: self.endpoint.clone(),
                        source,
                    })?;
                self.start(ReadsToTheEnd(stream)).await
            }
            Endpoint::Remote(remote) => {
                let tcp = connect_tcp(remote).await?;
                // Answers are awaited one by one: delaying small packets only adds latency.
                let _ = tcp.set_nodelay(true);
                let config = self
                    .tls
                    .clone()
                    .expect("a remote client is only made with a TLS configuration");
                self.start(tls::handshake(remote, config, tcp).await?).await
            }
        }
    }

    async fn start<S>(&self, stream: S) -> Result<Connection, ClientError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_headers(64)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| ClientError::Broken {
                endpoint: self.endpoint.clone(),
                source: e.into(),
            })?;
        // Errors of the connection reach the request that waits on it.
        let driver = tokio::spawn(async move {
            let _ = connection.with_upgrades().await;
        });
        Ok(Connection {
            sender,
            used: Instant::now(),
            _driver: AbortOnDrop(driver),
        })
    }
}

/// Tries each address of the host in turn until one accepts.
pub(crate) async fn connect_tcp(remote: &RemoteHost) -> Result<TcpStream, ClientError> {
    let unreachable = |source| ClientError::Unreachable {
        endpoint: Endpoint::Remote(remote.clone()),
        source,
    };
    let addresses = tokio::net::lookup_host((remote.host.as_str(), remote.port))
        .await
        .map_err(unreachable)?;
    let addresses: Vec<_> = addresses.collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for (i, address) in addresses.iter().enumerate() {
        // One dead address (often IPv6) must leave time for the others; the last one may use what the caller grants.
        let patience = if i + 1 == addresses.len() {
            Duration::from_secs(3600)
        } else {
            Duration::from_secs(3)
        };
        match tokio::time::timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(unreachable(last))
}

/// One HTTP/1.1 connection. Dropping it closes the socket at once, which is how a cancelled upload tells the node.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<RequestBody>,
    used: Instant,
    _driver: AbortOnDrop,
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
