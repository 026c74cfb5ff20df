//! The node's daemon: the API over libvirt. Killing it never touches a running VM.

mod args;
mod machine;
mod pam;
mod service;

use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use corbel_agent::config::Engine;
use corbel_agent::{Agent, Host};
use corbel_serve::{Server, process};
use corbel_virt_libvirt::Libvirt;

fn main() -> anyhow::Result<()> {
    let args = args::Args::parse();
    process::log();
    let settings = args.settings();
    let libvirt = Libvirt::connect(&args.uri).context("the connection to libvirt cannot be prepared")?;
    let runtime = process::runtime()?;
    let outcome = runtime.block_on(async {
        // The node is as it was settled: nothing is waited for any more, and no interface is set up to be looked at.
        let engine = Engine::new(corbel_settle::Host::default().looking_only());
        let agent = Agent::with_engine(
            Arc::new(libvirt),
            Arc::new(Host),
            Arc::new(machine::Machine::default()),
            settings,
            Some(engine),
        );
        let server = Server::bind(agent, args.options(Arc::new(pam::Pam)))?;
        service::ready(&server);
        tokio::spawn(service::watchdog());
        server
            .run(async {
                if let Err(error) = process::asked_to_stop().await {
                    tracing::error!(%error, "signals cannot be handled");
                }
                service::stopping();
            })
            .await
    });
    // A call that hangs in libvirt must not keep us from ending.
    runtime.shutdown_background();
    outcome
}
