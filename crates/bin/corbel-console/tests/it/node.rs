//! A node in this process: the server of the daemon over the fakes of the sim.

use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use corbel_agent::fake::FakeSystem;
use corbel_serve::{Limits, NoPasswords, Options, Server};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Longest wait for anything; only a failure takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Serves until it is dropped.
pub(crate) struct Node {
    dir: TempDir,
    pub(crate) system: Arc<FakeSystem>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Answers, and its hypervisor is ready, when this returns.
    pub(crate) fn start(system: FakeSystem) -> Self {
        let system = Arc::new(system);
        let dir = tempfile::tempdir().expect("a temporary folder");
        let fake = corbel_node_sim::hypervisor(0).expect("the demo");
        let agent = corbel_node_sim::agent(fake, Arc::clone(&system));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let options = Options {
            socket: Some(dir.path().join("api.sock")),
            listen: vec![],
            state_dir: dir.path().join("state"),
            access_file: dir.path().join("access.toml"),
            tls_file: dir.path().join("tls.pem"),
            passwords: Arc::new(NoPasswords),
            limits: Limits {
                drain: Duration::from_millis(200),
                ..Limits::default()
            },
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let mut events = agent.events();
                let server = Server::bind(Arc::clone(&agent), options).expect("the server is bound");
                let ready = async move {
                    while !agent.health().is_ready() {
                        events.recv().await.expect("events go on");
                    }
                    tell.send(()).expect("the test waits");
                    let _ = stopped.await;
                };
                server.run(ready).await.expect("served");
            });
            runtime.shutdown_background();
        });
        told.recv_timeout(PATIENCE).expect("the node becomes ready");
        Self {
            dir,
            system,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("api.sock")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
