//! Accept loops. Each connection, its handshake included, is a task of its own, so that none can stall another.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::linger::linger;
use crate::unread::Unread;
use crate::{Shared, certificate};

/// Connections of the UNIX socket at a time: only root and the group can open them.
const SOCKET_CONNECTIONS: usize = 128;
/// Largest head of a request.
const HEAD_LIMIT: usize = 64 * 1024;

/// Who is at the other end, as far as the connection itself tells.
#[derive(Debug)]
pub(crate) enum Peer {
    /// The UNIX socket, which only admins can open.
    Socket,
    /// TLS from this address, with this fingerprint when the client showed (and proved) a certificate.
    Tls {
        address: IpAddr,
        fingerprint: Option<String>,
        /// The fingerprint of the node's certificate that the client was shown.
        shown: String,
    },
}

/// The peer, and the connection's slot, which a WebSocket keeps after its HTTP connection has ended.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) peer: Arc<Peer>,
    pub(crate) _slot: Arc<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone)]
pub(crate) struct Connections {
    shared: Arc<Shared>,
    router: Router,
    tasks: TaskTracker,
    socket_slots: Arc<Semaphore>,
    tls_slots: Arc<Semaphore>,
}

impl Connections {
    pub(crate) fn new(shared: &Arc<Shared>, router: Router) -> Self {
        Self {
            shared: Arc::clone(shared),
            router,
            tasks: TaskTracker::new(),
            socket_slots: Arc::new(Semaphore::new(SOCKET_CONNECTIONS)),
            tls_slots: Arc::new(Semaphore::new(shared.limits.connections)),
        }
    }

    pub(crate) async fn accept_unix(self, listener: UnixListener) {
        loop {
            let Ok(slot) = Arc::clone(&self.socket_slots).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.tasks.spawn(self.clone().serve(stream, Peer::Socket, slot, None));
                }
                Err(error) => pause(&error).await,
            }
        }
    }

    pub(crate) async fn accept_tls(self, listener: TcpListener, config: Arc<rustls::ServerConfig>) {
        let acceptor = TlsAcceptor::from(config);
        loop {
            // Without a slot, clients wait in the kernel's queue until one of ours is done or timed out.
            let Ok(slot) = Arc::clone(&self.tls_slots).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, address)) => {
                    self.tasks
                        .spawn(self.clone().handshake(acceptor.clone(), stream, address, slot));
                }
                Err(error) => pause(&error).await,
            }
        }
    }

    async fn handshake(
        self,
        acceptor: TlsAcceptor,
        stream: tokio::net::TcpStream,
        address: SocketAddr,
        slot: OwnedSemaphorePermit,
    ) {
        // Small answers should leave at once.
        let _ = stream.set_nodelay(true);
        let Some(identity) = self.shared.identity.clone() else {
            return;
        };
        // Before the handshake: one that changes meanwhile ends this connection, too, and nobody confirms it over this one.
        let (changes, shown) = (identity.changes(), identity.fingerprint());
        match tokio::time::timeout(self.shared.limits.handshake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let own = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
                let fingerprint = own.map(|der| certificate::fingerprint(der));
                let peer = Peer::Tls {
                    address: address.ip().to_canonical(),
                    fingerprint,
                    shown,
                };
                self.serve(stream, peer, slot, Some(changes)).await;
            }
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "TLS handshake timed out"),
        }
    }

    async fn serve<S>(self, stream: S, peer: Peer, slot: OwnedSemaphorePermit, changes: Option<watch::Receiver<()>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let client = Client {
            peer: Arc::new(peer),
            _slot: Arc::new(slot),
        };
        let router = self.router;
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(client.clone());
            router.clone().oneshot(linger(request))
        });
        let stopping = self.shared.stopping.clone();
        let ends = async {
            match changes {
                Some(mut changes) => tokio::select! {
                    // An error says that nobody can change it any more.
                    Ok(()) = changes.changed() => {}
                    () = stopping.cancelled() => {}
                },
                None => stopping.cancelled().await,
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.shared.limits.head)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(TokioIo::new(Unread::new(stream, self.shared.limits.unread)), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = ends => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "a connection broke off");
        }
    }

    /// Waits for open connections, but not for ever.
    pub(crate) async fn drain(self, limit: Duration) {
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::warn!(open = self.tasks.len(), "connections were cut");
        }
    }
}

/// After a failed accept, which is as a rule a lack of descriptors, trying at once would only burn time.
async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
