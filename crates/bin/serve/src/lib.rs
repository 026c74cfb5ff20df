//! The API's server: the routes of `corbel-node-api` over a `corbel_agent::Agent`, on a UNIX socket and on TLS.
//! The node's daemon and the sim both are this, over different hypervisors.
//!
//! ```text
//! listener ─▶ accept (slots, handshake in its own task) ─▶ peer ─▶ request: id, log, panic guard
//!          ─▶ route ─▶ access (certificate, token, password → role) ─▶ handler ─▶ agent
//! ```

mod accept;
mod access;
mod auth;
mod body;
mod certificate;
mod convert;
mod handlers;
mod identity;
mod linger;
mod listen;
mod password;
pub mod process;
mod reply;
mod router;
mod tls;
mod unread;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use corbel_agent::Agent;
use tokio_util::sync::CancellationToken;

pub use access::{Access, AccessFile, Token};
pub use certificate::Identity;
pub use password::{NoPasswords, PasswordCheck, PasswordError};

/// Where to listen and whom to trust.
#[derive(Debug)]
pub struct Options {
    /// Path of the UNIX socket; `None` for none.
    pub socket: Option<PathBuf>,
    /// Addresses of TLS listeners.
    pub listen: Vec<SocketAddr>,
    /// Holds `tls/{cert,key}.pem`, made when absent.
    pub state_dir: PathBuf,
    /// `access.toml`; read again whenever it changes.
    pub access_file: PathBuf,
    /// The certificate that the owner brought, with its key; read again whenever it changes. Without it the node's own is shown.
    pub tls_file: PathBuf,
    pub passwords: Arc<dyn PasswordCheck>,
    pub limits: Limits,
}

/// How patient the server is.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// TLS connections at a time.
    pub connections: usize,
    pub handshake: Duration,
    /// To send a request's head; also how long a connection may idle between requests.
    pub head: Duration,
    /// To send a JSON or XML body.
    pub body: Duration,
    /// Without a byte of an upload.
    pub stall: Duration,
    /// Without a byte of an answer that the client takes.
    pub unread: Duration,
    /// For open requests after the signal to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            unread: Duration::from_secs(30),
            drain: Duration::from_secs(4),
        }
    }
}

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) agent: Arc<Agent>,
    pub(crate) access: AccessFile,
    pub(crate) passwords: password::Guard,
    pub(crate) limits: Limits,
    /// `None` without a TLS listener.
    pub(crate) identity: Option<Arc<identity::Shown>>,
    pub(crate) openapi: OnceLock<Bytes>,
    /// Ends endless answers when the server stops.
    pub(crate) stopping: CancellationToken,
}

impl Shared {
    /// Whose certificate clients are shown now, and how long it lasts.
    pub(crate) fn certificate(&self) -> Option<corbel_agent::security::Certificate> {
        self.identity.as_ref()?.told()
    }

    /// Ends the connections that were shown another one than is shown now, with the requests that are under way.
    pub(crate) fn look_at_certificate(&self) {
        self.fingerprint();
    }

    /// Of the certificate that clients are shown now.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        self.identity.as_ref().map(|identity| identity.fingerprint())
    }
}

/// A server whose listeners are bound: clients that come now wait, and none is refused.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    socket: Option<listen::Socket>,
    tls: Vec<std::net::TcpListener>,
    config: Option<Arc<rustls::ServerConfig>>,
}

impl Server {
    /// Binds everything and makes the certificate when it is absent. Needs a tokio runtime, as [`Server::run`] does.
    pub fn bind(agent: Arc<Agent>, options: Options) -> anyhow::Result<Self> {
        let identity = if options.listen.is_empty() {
            None
        } else {
            // An error means that it is installed already, which is as good.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let folder = options.state_dir.join("tls");
            let made = Identity::load_or_make(&folder, &agent.name()).context("the TLS certificate cannot be had")?;
            let shown = identity::Shown::new(made, &options.tls_file).context("the TLS certificate is refused")?;
            Some(Arc::new(shown))
        };
        let config = identity
            .as_ref()
            .map(|shown| tls::server_config(Arc::clone(shown) as _))
            .transpose()
            .context("the TLS configuration is refused")?;
        let socket = options.socket.as_deref().map(listen::Socket::bind).transpose()?;
        let tls = options
            .listen
            .iter()
            .map(|address| listen::tcp(*address).with_context(|| format!("{address} cannot be listened on")))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let shared = Arc::new(Shared {
            agent,
            access: AccessFile::new(&options.access_file),
            passwords: password::Guard::new(options.passwords),
            limits: options.limits,
            identity,
            openapi: OnceLock::new(),
            stopping: CancellationToken::new(),
        });
        Ok(Self {
            shared,
            socket,
            tls,
            config: config.map(Arc::new),
        })
    }

    /// Addresses of the TLS listeners, with the ports that the system chose for port 0.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tls
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// `sha256:` and 64 hex digits of the certificate; `None` without a TLS listener.
    pub fn fingerprint(&self) -> Option<String> {
        self.shared.fingerprint()
    }

    /// Path of the socket.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_ref().map(|socket| socket.path.as_path())
    }

    /// Serves until `stop` is done, then lets open requests end for [`Limits::drain`].
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let watching = tokio::spawn(Arc::clone(&self.shared.agent).run());
        let outcome = self.serve(stop).await;
        watching.abort();
        outcome
    }

    async fn serve(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let router = router::router(&self.shared);
        let connections = accept::Connections::new(&self.shared, router);
        let mut loops = tokio::task::JoinSet::new();
        let socket_path = self.socket.as_ref().map(|socket| socket.path.clone());
        if let Some(socket) = self.socket {
            loops.spawn(connections.clone().accept_unix(socket.listener()?));
        }
        if let Some(config) = &self.config {
            for listener in self.tls {
                let listener = tokio::net::TcpListener::from_std(listener).context("a listener is refused")?;
                loops.spawn(connections.clone().accept_tls(listener, Arc::clone(config)));
            }
        }
        stop.await;
        tracing::info!("stopping");
        loops.shutdown().await;
        self.shared.stopping.cancel();
        connections.drain(self.shared.limits.drain).await;
        if let Some(path) = socket_path {
            // Left behind it would only be replaced by the next start.
            let _ = std::fs::remove_file(path);
        }
        Ok(())
    }
}
