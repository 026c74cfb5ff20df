//! Interfaces as `/sys/class/net` shows them (kernel documentation, ABI/testing/sysfs-class-net), below a root that tests replace.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use corbel_model::network::Interface;
use corbel_sys::udev_is_quiet;

/// The interfaces cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("cannot list network interfaces in {path}")]
pub struct InterfaceError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// All interfaces but loopback, by name. `root` is `/` on a node.
pub fn interfaces(root: &Path) -> Result<Vec<Interface>, InterfaceError> {
    let path = root.join("sys/class/net");
    let failed = |source| InterfaceError {
        path: path.clone(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(&path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A name that cannot be written into a configuration is none that a configuration can be about.
        let Some(name) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let folder = entry.path();
        let text = |file: &str| {
            fs::read_to_string(folder.join(file))
                .ok()
                .map(|text| text.trim().to_owned())
        };
        // ARPHRD_ETHER of linux/if_arp.h; Wi-Fi is also of this type and no way to manage a server.
        let ethernet = text("type").as_deref() == Some("1") && !folder.join("wireless").exists();
        let driver = fs::read_link(folder.join("device/driver")).ok();
        found.push(Interface {
            name,
            mac: text("address").and_then(|mac| mac.parse().ok()),
            // The kernel refuses to tell while the interface is down.
            carrier: text("carrier").as_deref() == Some("1"),
            physical: ethernet && folder.join("device").exists(),
            driver: driver.and_then(|path| Some(path.file_name()?.to_str()?.to_owned())),
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Physical interfaces that udev has given their lasting names.
    Names,
    /// Besides, that one of them has a carrier; for this they are set up.
    Carrier,
}

/// How long udev must have been idle before a machine without any interface is taken for one that has none.
const GRACE: Duration = Duration::from_secs(3);

/// Waits until the machine's interfaces are there, at most for `limit`, and returns what is there then. Early in a boot drivers
/// are still being loaded, and `eth0` may be about to become `enp1s0`. A machine that has no interface is not waited for
/// once udev is through.
pub fn wait_for_interfaces(root: &Path, wait: Wait, limit: Duration) -> Result<Vec<Interface>, InterfaceError> {
    const PAUSE: Duration = Duration::from_millis(20);
    let end = Instant::now() + limit;
    let mut set_up = false;
    let mut none_since = None;
    loop {
        let found = interfaces(root)?;
        let physical: Vec<&Interface> = found.iter().filter(|i| i.physical).collect();
        let quiet = udev_is_quiet(root);
        let complete = quiet || every_controller_has_one(root, &physical);
        let named = !physical.is_empty() && complete && physical.iter().all(|i| is_named(root, i));
        if named && wait == Wait::Carrier && !set_up {
            for interface in &physical {
                // One that cannot be set up has no carrier; the others may.
                let _ = crate::addresses::set_up(interface.name.as_str());
            }
            set_up = true;
        }
        let now = Instant::now();
        if !(quiet && physical.is_empty()) {
            none_since = None;
        }
        let none = quiet && physical.is_empty() && now.duration_since(*none_since.get_or_insert(now)) >= GRACE;
        let done = named && (wait == Wait::Names || physical.iter().any(|i| i.carrier));
        if done || none || now >= end {
            return Ok(found);
        }
        thread::sleep(PAUSE);
    }
}

/// Each network controller on PCI (class 02, PCI Code and ID Assignment Specification) has an interface: no more will come but
/// those on USB, and nothing needs to wait until udev is through with graphics and sensors.
fn every_controller_has_one(root: &Path, physical: &[&Interface]) -> bool {
    let Ok(devices) = fs::read_dir(root.join("sys/bus/pci/devices")) else {
        return false;
    };
    let homes: Vec<PathBuf> = physical
        .iter()
        .filter_map(|i| fs::canonicalize(root.join("sys/class/net").join(i.name.as_str()).join("device")).ok())
        .collect();
    let mut controllers = devices
        .filter_map(Result::ok)
        .filter(|device| fs::read_to_string(device.path().join("class")).is_ok_and(|class| class.starts_with("0x02")))
        .filter_map(|device| fs::canonicalize(device.path()).ok())
        .peekable();
    controllers.peek().is_some() && controllers.all(|device| homes.iter().any(|home| home.starts_with(&device)))
}

/// udev keeps a record of each interface that it has finished with, by index. It writes one before it renames the interface
/// as well, which says so: the name that is still there is then about to go.
fn is_named(root: &Path, interface: &Interface) -> bool {
    let path = root.join("sys/class/net").join(interface.name.as_str()).join("ifindex");
    let Ok(index) = fs::read_to_string(path) else {
        return false;
    };
    let record = fs::read_to_string(root.join(format!("run/udev/data/n{}", index.trim())));
    record.is_ok_and(|record| !record.contains("ID_RENAMING=1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn put(root: &Path, name: &str, files: &[(&str, &str)], driver: Option<&str>) {
        let folder = root.join("sys/class/net").join(name);
        for (file, text) in files {
            corbel_sys::write_atomic(&folder.join(file), text.as_bytes(), 0o644).expect("a fixture");
        }
        if let Some(driver) = driver {
            fs::create_dir_all(folder.join("device")).expect("a folder");
            symlink(format!("../../../bus/drivers/{driver}"), folder.join("device/driver")).expect("a link");
        }
    }

    #[test]
    fn hardware_is_told_from_what_software_made() {
        let root = tempfile::tempdir().expect("a folder");
        let ether = |mac, carrier| {
            [
                ("type", "1\n"),
                ("address", mac),
                ("carrier", carrier),
                ("ifindex", "2\n"),
            ]
        };
        put(
            root.path(),
            "eno1",
            &ether("52:54:00:00:00:01\n", "1\n"),
            Some("e1000e"),
        );
        put(root.path(), "br0", &ether("52:54:00:00:00:01\n", "1\n"), None);
        put(
            root.path(),
            "lo",
            &[("type", "772\n"), ("address", "00:00:00:00:00:00\n")],
            None,
        );
        put(
            root.path(),
            "ib0",
            &[("type", "32\n"), ("address", "80:00\n")],
            Some("mlx5"),
        );
        let found = interfaces(root.path()).expect("a list");
        let lines: Vec<_> = found
            .iter()
            .map(|i| (i.name.as_str(), i.physical, i.carrier, i.driver.as_deref()))
            .collect();
        assert_eq!(
            lines,
            [
                ("br0", false, true, None),
                ("eno1", true, true, Some("e1000e")),
                ("ib0", false, false, Some("mlx5"))
            ]
        );
        assert!(
            interfaces(&root.path().join("none"))
                .expect_err("no folder")
                .to_string()
                .contains("none/sys/class/net")
        );
    }

    #[test]
    fn waiting_ends_with_the_name_or_with_the_limit() {
        let root = tempfile::tempdir().expect("a folder");
        put(
            root.path(),
            "eno1",
            &[("type", "1"), ("address", "52:54:00:00:00:01"), ("ifindex", "7\n")],
            Some("e1000e"),
        );
        let at_the_limit = wait_for_interfaces(root.path(), Wait::Names, Duration::ZERO).expect("a list");
        assert_eq!(at_the_limit.len(), 1);
        let record = root.path().join("run/udev/data/n7");
        corbel_sys::write_atomic(&record, b"I:1\nE:ID_RENAMING=1\n", 0o644).expect("a record");
        assert!(!is_named(root.path(), &at_the_limit[0]), "its name is about to change");
        corbel_sys::write_atomic(&record, b"I:1", 0o644).expect("a record");
        let start = Instant::now();
        wait_for_interfaces(root.path(), Wait::Names, Duration::from_secs(60)).expect("a list");
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "it did not wait for the limit"
        );
    }

    #[test]
    fn a_machine_without_an_interface_is_not_waited_for_once_udev_is_through() {
        let root = tempfile::tempdir().expect("a folder");
        put(root.path(), "lo", &[("type", "772\n")], None);
        let start = Instant::now();
        let found = wait_for_interfaces(root.path(), Wait::Carrier, Duration::from_secs(60)).expect("a list");
        assert!(found.iter().all(|i| !i.physical));
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "it did not wait for the limit"
        );
    }
}
