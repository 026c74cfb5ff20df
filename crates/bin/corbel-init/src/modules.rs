//! Kernel modules: the list that the image names, and those that the hardware asks for, as far as the initrd has them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use corbel_disk::{Loaded, load_module, present_modaliases};
use corbel_layout::kmod::{LoadOrder, ModuleIndex, module_name};

use crate::log::{info, warning};

/// Parameters of drivers: a watchdog that somebody opens resets the machine after so many seconds without a word. 120 s are more than
/// the slowest step that was seen, and twice of what systemd leaves between two words.
const PARAMETERS: [(&str, &str); 6] = [
    ("i6300esb", "heartbeat=120"),
    ("iTCO_wdt", "heartbeat=120"),
    ("sp5100_tco", "heartbeat=120"),
    ("wdat_wdt", "timeout=120"),
    ("softdog", "soft_margin=120"),
    ("hpwdt", "soft_margin=120"),
];

const EARLY_LIST: &str = "/etc/modules-early";

/// What can be loaded, and what was tried already.
#[derive(Debug)]
pub(crate) struct Modules {
    directory: PathBuf,
    index: ModuleIndex,
    known_aliases: BTreeSet<String>,
    tried: BTreeSet<String>,
}

impl Modules {
    /// Reads the index of the running kernel; an initrd without one has everything built in, or fails later for want of
    /// a disk.
    pub(crate) fn load_index() -> Self {
        let release = rustix::system::uname().release().to_string_lossy().into_owned();
        let directory = Path::new("/lib/modules").join(release);
        let read = |name: &str| {
            let path = directory.join(name);
            fs::read_to_string(&path).unwrap_or_else(|e| {
                warning(format!("cannot read {}: {e}", path.display()));
                String::new()
            })
        };
        let index = ModuleIndex::parse(&read("modules.dep"), &read("modules.alias"));
        Self {
            directory,
            index,
            known_aliases: BTreeSet::new(),
            tried: BTreeSet::new(),
        }
    }

    /// Loads what `/etc/modules-early` names, one a line, in that order.
    pub(crate) fn load_early(&mut self) {
        let text = fs::read_to_string(EARLY_LIST).unwrap_or_default();
        let names = text
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'));
        let order = self.index.load_order([], names);
        for name in order
            .missing
            .iter()
            .filter(|name| !Path::new("/sys/module").join(name).exists())
        {
            warning(format!("the initrd has no module {name}, which {EARLY_LIST} names"));
        }
        self.load(order);
    }

    /// Loads drivers for devices that turned up since the last call, until no driver brings up another device.
    pub(crate) fn load_for_devices(&mut self) {
        loop {
            let present = present_modaliases(Path::new("/sys/devices"));
            let new: Vec<_> = present.difference(&self.known_aliases).map(String::as_str).collect();
            let order = self.index.load_order(new, []);
            self.known_aliases.extend(present);
            if !self.load(order) {
                return;
            }
        }
    }

    /// Loads a module by name just before it is needed; a missing one is built in, or the need tells.
    pub(crate) fn load_named(&mut self, names: &[&str]) {
        let order = self.index.load_order([], names.iter().copied());
        self.load(order);
    }

    /// Loads what was not tried yet; true when the kernel took any.
    fn load(&mut self, order: LoadOrder) -> bool {
        let mut any = false;
        for path in order.paths {
            if !self.tried.insert(path.clone()) {
                continue;
            }
            match load_module(&self.directory.join(&path), parameters(&path)) {
                Ok(Loaded::Now) => any = true,
                Ok(Loaded::Before) => {}
                // Drivers that probe (kvm, edac …) say ENODEV where their hardware is not: that is an answer.
                Err(e) if e.source.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => {
                    info(format!("{path} has no hardware here"));
                }
                Err(e) => warning(format!("{:#}", anyhow::Error::new(e))),
            }
        }
        any
    }
}

fn parameters(path: &str) -> &'static str {
    let name = module_name(path);
    PARAMETERS
        .iter()
        .find(|(module, _)| module_name(module) == name)
        .map_or("", |(_, parameters)| parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_waits_long_enough() {
        assert_eq!(parameters("kernel/drivers/watchdog/iTCO_wdt.ko"), "heartbeat=120");
        assert_eq!(parameters("kernel/drivers/watchdog/softdog.ko"), "soft_margin=120");
        assert_eq!(parameters("kernel/drivers/ata/ahci.ko"), "");
    }
}
