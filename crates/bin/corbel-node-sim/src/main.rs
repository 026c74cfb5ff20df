//! Serves the sim. Who may use it is decided as on a node: the socket is admin, TLS asks the access file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use corbel_agent::fake::FakeSystem;
use corbel_node_sim::OnePassword;
use corbel_serve::{Limits, NoPasswords, Options, PasswordCheck, Server, process};

/// Serve the API of a node that exists only in memory.
#[derive(Debug, Parser)]
#[command(name = "corbel-node-sim", version)]
struct Args {
    /// UNIX socket; who may open it is admin
    #[arg(long, value_name = "PATH", required_unless_present = "listen")]
    socket: Option<PathBuf>,
    /// Address and port of a TLS listener; may be given several times
    #[arg(long, value_name = "ADDRESS:PORT", requires = "state_dir")]
    listen: Vec<SocketAddr>,
    /// Keeps the TLS certificate and key, and `access.toml` unless that is given
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Lists who may use the API by TLS
    #[arg(long, value_name = "FILE")]
    access_file: Option<PathBuf>,
    /// Machines beside the three of the demo
    #[arg(long, value_name = "N", default_value_t = 0)]
    vms: usize,
    /// Play a node that is installed, instead of one that runs from a CD
    #[arg(long)]
    installed: bool,
    /// The password of `admin`; without one, the sim plays that none is set
    #[arg(long, value_name = "TEXT")]
    password: Option<String>,
    /// Milliseconds that each of the 32 pieces of a write to a disk takes
    #[arg(long, value_name = "N", default_value_t = 100)]
    pace: u64,
    /// Let the first write to a disk fail in its middle, for this reason
    #[arg(long, value_name = "REASON")]
    fail: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    process::log();
    let runtime = process::runtime()?;
    let outcome = runtime.block_on(async {
        let pace = Duration::from_millis(args.pace);
        let system = if args.installed {
            FakeSystem::installed(pace)
        } else {
            FakeSystem::live(pace)
        };
        if let Some(reason) = &args.fail {
            system.fail_next(reason);
        }
        let hypervisor = corbel_node_sim::hypervisor(args.vms).context("the demo is refused")?;
        let agent = corbel_node_sim::agent_with(hypervisor, Arc::new(system), args.password.is_some());
        let state_dir = args.state_dir.unwrap_or_default();
        let access_file = args.access_file.unwrap_or_else(|| state_dir.join("access.toml"));
        let passwords: Arc<dyn PasswordCheck> = match args.password {
            Some(password) => Arc::new(OnePassword(password)),
            None => Arc::new(NoPasswords),
        };
        let tls_file = state_dir.join("tls.pem");
        let (socket, listen) = (args.socket, args.listen);
        let limits = Limits::default();
        let server = Server::bind(
            agent,
            Options {
                socket,
                listen,
                state_dir,
                access_file,
                tls_file,
                passwords,
                limits,
            },
        )?;
        let fingerprint = server.fingerprint().unwrap_or_else(|| "none".to_owned());
        let listen: Vec<_> = server.addresses().iter().map(ToString::to_string).collect();
        tracing::info!(socket = ?server.socket(), listen = listen.join(" "), fingerprint, "serving");
        server
            .run(async {
                let _ = process::asked_to_stop().await;
            })
            .await
    });
    runtime.shutdown_background();
    outcome
}
