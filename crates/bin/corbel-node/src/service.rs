//! What systemd is told (sd_notify(3), sd_watchdog_enabled(3)). Without systemd all of it does nothing.

use std::convert::Infallible;

use corbel_serve::Server;
use sd_notify::NotifyState;

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// The sockets are bound; libvirt is not waited for, since the API also says that libvirt is away.
pub(crate) fn ready(server: &Server) {
    let fingerprint = server.fingerprint().unwrap_or_else(|| "none".to_owned());
    let listen: Vec<_> = server.addresses().iter().map(ToString::to_string).collect();
    tracing::info!(listen = listen.join(" "), fingerprint, "serving");
    notify(&[NotifyState::Ready]);
}

pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Pings twice as often as systemd wants it: when the runtime hangs, the pings stop and systemd starts us anew.
pub(crate) async fn watchdog() {
    let Some(interval) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = tokio::time::interval(interval / 2);
    let _: Infallible = loop {
        ticks.tick().await;
        notify(&[NotifyState::Watchdog]);
    };
}
