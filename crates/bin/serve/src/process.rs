//! What both daemons do around the server: a small runtime, a log on stderr, signals.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Two workers are plenty, since all that blocks has threads of its own, which end when idle.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .thread_stack_size(1 << 20)
        .thread_name("corbel")
        .enable_all()
        .build()
        .context("the threads cannot be started")
}

/// Logs to stderr; `CORBEL_LOG` filters, such as `debug` or `corbel_serve=debug`. Under systemd the journal adds the time.
pub fn log() {
    let filter = EnvFilter::try_from_env("CORBEL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let under_systemd = std::env::var_os("JOURNAL_STREAM").is_some();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    if under_systemd {
        builder.without_time().init();
    } else {
        builder.init();
    }
}

/// Done when the process is asked to end (SIGTERM, SIGINT). SIGHUP, by which daemons are told to read their files again,
/// does nothing, since ours are read whenever they change.
pub async fn asked_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    // Listening for it is what keeps it from ending us.
    let _hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be handled")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
