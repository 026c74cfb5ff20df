//! Being woken by the kernel's device events (netlink(7), `NETLINK_KOBJECT_UEVENT`) instead of by a clock.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

/// A subscription.
#[derive(Debug)]
pub struct Uevents(OwnedFd);

impl Uevents {
    /// Subscribes to the kernel's own events.
    ///
    /// # Errors
    /// As socket(2) and bind(2).
    pub fn open() -> std::io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(KOBJECT_UEVENT))?;
        bind(&socket, &SocketAddrNetlink::new(0, 1))?;
        Ok(Self(socket))
    }

    /// Waits until something happened to a device, but no longer than `limit`; true when something did.
    ///
    /// What happened is not told: an event may have been lost in a full buffer, so the answer to any is a fresh look.
    pub fn wait(&self, limit: Duration) -> bool {
        let limit = Timespec::try_from(limit).ok();
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        if !matches!(poll(&mut fds, limit.as_ref()), Ok(1..)) {
            return false;
        }
        let mut buf = [0u8; 8192];
        while recv(&self.0, &mut buf[..], RecvFlags::empty()).is_ok() {}
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_at_its_limit() {
        // Some sandboxes have no such socket; where there is one, it must not block.
        if let Ok(events) = Uevents::open() {
            events.wait(Duration::from_millis(1));
        }
    }
}
