//! The watchdog of an installed boot: opened as soon as its driver is there, fed at every step, and left running for systemd.
//!
//! Only with `corbel.slot`: there a reset leads to the loader, which has counted the try and takes the other slot in the end.
//! A node that runs from its medium would only begin the same boot again. Where there is no watchdog of hardware, softdog stands in:
//! it cannot see a kernel that hangs, but it sees a user space that does. The machine is fed from the one thread that works,
//! not from another: a mount that hangs must not look alive.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::log::info;
use crate::modules::Modules;

/// The first watchdog, which is also the one that systemd opens (systemd-system.conf(5), `WatchdogDevice=`).
const NODE: &str = "/dev/watchdog0";
/// Level of messages for consoles: the first number (Documentation/admin-guide/sysctl/kernel.rst).
const PRINTK: &str = "/proc/sys/kernel/printk";

/// The watchdog, once it is open.
#[derive(Debug)]
pub(crate) struct Watchdog {
    wanted: bool,
    node: PathBuf,
    open: Option<File>,
}

impl Watchdog {
    /// Nothing is opened yet; without `wanted` nothing ever is.
    pub(crate) fn new(wanted: bool) -> Self {
        Self::at(wanted, Path::new(NODE))
    }

    fn at(wanted: bool, node: &Path) -> Self {
        Self {
            wanted,
            node: node.to_owned(),
            open: None,
        }
    }

    /// Feeds it, and opens it first when its driver has come. From the first call on the machine resets itself when the next
    /// call does not come in time ([`crate::modules`] sets 120 s).
    pub(crate) fn feed(&mut self) {
        if !self.wanted {
            return;
        }
        if self.open.is_none() {
            self.open = OpenOptions::new().write(true).open(&self.node).ok();
            if self.open.is_some() {
                info(format!("the watchdog {} runs", self.node.display()));
            }
        }
        // Any byte but V feeds (Documentation/watchdog/watchdog-api.rst); there is nobody to tell when that fails.
        if let Some(mut file) = self.open.as_ref() {
            let _ = file.write_all(b"\0");
        }
    }

    /// Takes softdog when no hardware has one, as drivers of hardware had their time by now.
    pub(crate) fn ensure(&mut self, modules: &mut Modules) {
        self.feed();
        if self.wanted && self.open.is_none() {
            modules.load_named(&["softdog"]);
            self.feed();
        }
    }

    /// Lets go of it without stopping it, so that systemd can open it. The kernel calls that critical, which it is not: the
    /// message goes to its log and not to the consoles.
    pub(crate) fn leave_running(&mut self) {
        self.feed();
        if self.open.is_none() {
            return;
        }
        let level = std::fs::read_to_string(PRINTK).unwrap_or_default();
        set(PRINTK, "1");
        self.open = None;
        if let Some(level) = level.split_whitespace().next() {
            set(PRINTK, level);
        }
    }
}

fn set(path: &str, value: &str) {
    let _ = OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_opened_when_it_comes_and_never_stopped() {
        let node = std::env::temp_dir().join(format!("corbel-init-watchdog-{}", std::process::id()));
        let _ = std::fs::remove_file(&node);
        let mut watchdog = Watchdog::at(true, &node);
        watchdog.feed();
        assert!(watchdog.open.is_none());
        File::create(&node).unwrap();
        watchdog.feed();
        watchdog.feed();
        assert!(watchdog.open.is_some());
        let fed = std::fs::read(&node).unwrap();
        // A `V` before closing would stop it.
        assert_eq!(fed, b"\0\0");
        std::fs::remove_file(&node).unwrap();
    }

    #[test]
    fn a_node_that_runs_from_its_medium_has_none() {
        let node = std::env::temp_dir().join(format!("corbel-init-no-watchdog-{}", std::process::id()));
        File::create(&node).unwrap();
        let mut watchdog = Watchdog::at(false, &node);
        watchdog.feed();
        assert!(watchdog.open.is_none() && std::fs::read(&node).unwrap().is_empty());
        std::fs::remove_file(&node).unwrap();
    }
}
