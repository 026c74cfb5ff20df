//! Whether udev is through with the devices that it has been told of.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// udev has no event in work: the file exists exactly while it has (systemd, libudev's `udev_queue_get_queue_is_empty`).
/// `root` is `/` on a node.
pub fn udev_is_quiet(root: &Path) -> bool {
    !root.join("run/udev/queue").exists()
}

/// Waits until udev has had nothing to do for as long as `grace`, at most for `limit`; says whether it came so. The grace is for
/// events that udev has not read yet, and for buses like USB that find their devices by and by.
pub fn wait_for_quiet_udev(root: &Path, grace: Duration, limit: Duration) -> bool {
    const PAUSE: Duration = Duration::from_millis(20);
    let end = Instant::now() + limit;
    let mut since = None;
    loop {
        let now = Instant::now();
        if udev_is_quiet(root) {
            if now.duration_since(*since.get_or_insert(now)) >= grace {
                return true;
            }
        } else {
            since = None;
        }
        if now >= end {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_stays_is_waited_for_until_the_limit() {
        let root = tempfile::tempdir().expect("a folder");
        assert!(wait_for_quiet_udev(
            root.path(),
            Duration::ZERO,
            Duration::from_secs(60)
        ));
        crate::write_atomic(&root.path().join("run/udev/queue"), b"", 0o600).expect("a queue");
        assert!(!udev_is_quiet(root.path()));
        assert!(!wait_for_quiet_udev(
            root.path(),
            Duration::ZERO,
            Duration::from_millis(50)
        ));
    }
}
