//! A node in this process: the server of the daemon over the fake hypervisor of the sim, with its three machines.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use corbel_agent::fake::FakeSystem;
use corbel_serve::{Limits, NoPasswords, Options, Server};
use corbel_virt::fake::Fake;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::program::{self, Ran};

/// Longest wait for anything; only a failure takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Serves until it is dropped.
pub(crate) struct Node {
    pub(crate) dir: TempDir,
    pub(crate) fake: Arc<Fake>,
    pub(crate) system: Arc<FakeSystem>,
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// Runs from a CD.
    pub(crate) fn start() -> Self {
        Self::of(FakeSystem::default())
    }

    /// Runs from slot a of its disk.
    pub(crate) fn installed() -> Self {
        Self::of(FakeSystem::installed(Duration::ZERO))
    }

    /// Answers, and its hypervisor is ready, when this returns.
    fn of(system: FakeSystem) -> Self {
        let system = Arc::new(system);
        let dir = tempfile::tempdir().expect("a temporary folder");
        let fake = corbel_node_sim::hypervisor(0).expect("the demo");
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let options = Options {
            socket: Some(dir.path().join("api.sock")),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
            state_dir: dir.path().join("state"),
            access_file: dir.path().join("access.toml"),
            tls_file: dir.path().join("tls.pem"),
            passwords: Arc::new(NoPasswords),
            limits: Limits {
                drain: Duration::from_millis(200),
                ..Limits::default()
            },
        };
        let agent = corbel_node_sim::agent(Arc::clone(&fake), Arc::clone(&system));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let mut events = agent.events();
                let server = Server::bind(Arc::clone(&agent), options).expect("the server is bound");
                let address = server.addresses()[0];
                let fingerprint = server.fingerprint().expect("TLS is on").to_owned();
                let ready = async move {
                    while !agent.health().is_ready() {
                        events.recv().await.expect("events go on");
                    }
                    tell.send((address, fingerprint)).expect("the test waits");
                    let _ = stopped.await;
                };
                server.run(ready).await.expect("served");
            });
            runtime.shutdown_background();
        });
        let (address, fingerprint) = told.recv_timeout(PATIENCE).expect("the node becomes ready");
        Self {
            dir,
            fake,
            system,
            address,
            fingerprint,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Puts a file into the node's folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        corbel_sys::write_atomic(&path, text.as_bytes(), 0o600).expect("written");
        path
    }

    /// The program on the node itself.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program::command(self.dir.path());
        command.env("CORBEL_SOCKET", self.path("api.sock")).args(args);
        command
    }

    /// The program from afar.
    pub(crate) fn remote(&self, args: &[&str]) -> Command {
        let mut command = program::command(self.dir.path());
        command.env("CORBEL_NODE", self.address.to_string()).args(args);
        command
    }

    /// Runs the program on the node itself, its words split at blanks.
    pub(crate) fn corbel(&self, line: &str) -> Ran {
        let args: Vec<_> = line.split_whitespace().collect();
        self.tidy(program::run(&mut self.command(&args)))
    }

    /// What differs from run to run gets a name.
    pub(crate) fn tidy(&self, mut ran: Ran) -> Ran {
        let dir = self.dir.path().display().to_string();
        for text in [&mut ran.out, &mut ran.err] {
            *text = text
                .replace(&dir, "[DIR]")
                .replace(&self.fingerprint, "[FINGERPRINT]")
                .replace(&self.address.port().to_string(), "[PORT]");
        }
        ran
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
