//! A port of loopback whose connections are served each in a task of its own; QEMU's network leads a node's connections to 10.0.2.2
//! there.

use anyhow::Context as _;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Accepts until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    port: u16,
    task: JoinHandle<()>,
}

impl Listener {
    /// Gives every connection to `serve`. Who hangs up early is the node's business, so nothing comes back from there.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) async fn start<S>(serve: impl Fn(TcpStream) -> S + Send + 'static) -> anyhow::Result<Self>
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free")?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        Ok(Self { port, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}
