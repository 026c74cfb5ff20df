//! The real [`Hypervisor`](corbel_virt::Hypervisor): libvirt through its C library. The only crate that links it.
//!
//! [`Libvirt::connect`] never fails for good: a thread connects again for as long as the value lives, and meanwhile every
//! call is answered at once with [`VirtError::Unavailable`]. A second thread, one for the whole process, runs libvirt's
//! event loop: keepalive, lifecycle events and all consoles. There are no others.

mod console;
mod creation;
mod defaults;
mod errors;
mod ffi;
mod hypervisor;
mod keeper;
mod machines;
#[cfg(test)]
mod tests;
mod volumes;

use std::sync::Arc;
use std::time::Duration;

use corbel_virt::{VirtError, VirtEvent};
use tokio::sync::broadcast;
use virt::connect::Connect;

use ffi::Link;
use keeper::Keeper;

/// How many events a slow receiver may be behind.
const EVENTS: usize = 256;

/// A connection to libvirt that comes back by itself.
pub struct Libvirt {
    uri: String,
    keeper: Keeper<Link>,
    events: broadcast::Sender<VirtEvent>,
}

impl std::fmt::Debug for Libvirt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Libvirt")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

impl Libvirt {
    /// Returns at once and connects in the background. `uri` is libvirt's, such as `qemu:///system`.
    ///
    /// # Errors
    /// A thread cannot be started: the process is out of room.
    pub fn connect(uri: &str) -> Result<Self, VirtError> {
        ffi::run_event_loop()?;
        let (events, _) = broadcast::channel(EVENTS);
        let (dialled, sink) = (uri.to_owned(), events.clone());
        let dial = move |lost: keeper::Lost<Link>| {
            let sink = sink.clone();
            Link::open(&dialled, sink, move |reason| lost.report(reason)).map_err(|error| errors::sentence(&error))
        };
        let states = events.clone();
        let tell = move |reason: Option<&str>| {
            match reason {
                None => tracing::info!("connected to libvirt"),
                Some(reason) => tracing::warn!(reason, "no connection to libvirt"),
            }
            // Nobody may be listening.
            let _ = states.send(VirtEvent::Connection {
                ready: reason.is_none(),
                reason: reason.map(str::to_owned),
            });
        };
        let keeper = Keeper::start(dial, tell)?;
        Ok(Self {
            uri: uri.to_owned(),
            keeper,
            events,
        })
    }

    /// Waits until the connection stands, at most for `limit`. Says whether it does.
    pub fn wait_ready(&self, limit: Duration) -> bool {
        self.keeper.wait_ready(limit)
    }

    /// Makes a call, and notices when it failed because the connection is gone.
    fn call<T>(&self, work: impl FnOnce(&Connect) -> Result<T, VirtError>) -> Result<T, VirtError> {
        self.call_link(|link| work(link.connection()))
    }

    fn call_link<T>(&self, work: impl FnOnce(&Link) -> Result<T, VirtError>) -> Result<T, VirtError> {
        let link: Arc<Link> = self.keeper.get()?;
        work(&link).map_err(|error| {
            // `is_alive` looks at the socket only; it does not ask the daemon.
            if matches!(link.connection().is_alive(), Ok(false)) {
                let problem = match error {
                    VirtError::Failed { problem, .. } => problem,
                    other => other.to_string(),
                };
                self.keeper.lost(&link, &problem);
                return VirtError::Unavailable { problem };
            }
            error
        })
    }
}
