//! Mounting over a machine that remembers what it was told.

use std::cell::RefCell;
use std::collections::BTreeMap;

use corbel_layout::gpt::Guid;

use super::*;

/// A node with these partitions; devices in `broken` cannot be mounted.
#[derive(Default)]
struct Fake {
    disk: Option<String>,
    partitions: Vec<StatePartition>,
    broken: Vec<&'static str>,
    /// What cannot be put back, a sentence each.
    lost: Vec<&'static str>,
    files: RefCell<BTreeMap<String, String>>,
    done: RefCell<Vec<String>>,
}

impl Fake {
    fn installed() -> Self {
        let names = [
            "corbel-esp",
            "corbel-config",
            "corbel-log",
            "corbel-swap",
            "corbel-data",
        ];
        let partition = |(name, number): (&&str, usize)| StatePartition {
            device: format!("/dev/vda{number}"),
            disk: "/dev/vda".into(),
            name: (*name).into(),
            id: Some(Guid([number as u8; 16])),
            label: None,
        };
        Self {
            disk: Some("/dev/vda".into()),
            partitions: names.iter().zip(1..).map(partition).collect(),
            ..Self::default()
        }
    }
    fn note(&self, what: impl Into<String>) {
        self.done.borrow_mut().push(what.into());
    }
    fn with(self, path: &str, text: &str) -> Self {
        self.files.borrow_mut().insert(path.into(), text.into());
        self
    }
    fn file(&self, path: &str) -> Option<String> {
        self.files.borrow().get(path).cloned()
    }
}

impl StateFacilities for Fake {
    fn boot_disk(&self) -> Result<Option<String>, FacilityError> {
        Ok(self.disk.clone())
    }
    fn partitions(&self, wait: bool) -> Result<Vec<StatePartition>, FacilityError> {
        if wait {
            self.note("wait");
        }
        Ok(self.partitions.clone())
    }
    fn mount(&self, mount: &StateMount, thorough: bool) -> Result<Option<String>, FacilityError> {
        if self.broken.contains(&mount.device.as_str()) {
            return Err(format!("{} has no ext4 file system", mount.device).into());
        }
        let how = if thorough { "mend and mount" } else { "mount" };
        self.note(format!("{how} {} {}", mount.device, mount.at));
        Ok(None)
    }
    fn keep(&self, kept: &Kept) -> Result<(), FacilityError> {
        self.note(format!("keep {} on {}", kept.at, kept.from));
        Ok(())
    }
    fn restore_persisted(&self) -> Vec<String> {
        self.note("restore what was persisted");
        self.lost.iter().map(|&path| path.to_owned()).collect()
    }
    fn swap_on(&self, device: &str) -> Result<(), FacilityError> {
        self.note(format!("swap {device}"));
        Ok(())
    }
    fn make_folder(&self, path: &str, _: u32) -> Result<(), FacilityError> {
        self.note(format!("folder {path}"));
        Ok(())
    }
    fn read_state(&self, path: &str) -> Result<Option<Vec<u8>>, FacilityError> {
        Ok(self.file(path).map(String::into_bytes))
    }
    fn write_state(&self, path: &str, content: &[u8], _: u32) -> Result<(), FacilityError> {
        let text = String::from_utf8_lossy(content).into_owned();
        self.files.borrow_mut().insert(path.into(), text);
        Ok(())
    }
}

const ID: &str = "0123456789abcdef0123456789abcdef\n";
const OTHER: &str = "fedcba9876543210fedcba9876543210\n";

#[test]
fn an_installed_node_has_what_it_kept() {
    let node = Fake::installed().with("/etc/machine-id", ID);
    let report = mount_state(&node).expect("installed");
    assert!(report.config && report.log && report.warnings.is_empty(), "{report:?}");
    assert_eq!(report.data, ["/data"]);
    let expected = [
        "mend and mount /dev/vda2 /config",
        "wait",
        "mend and mount /dev/vda3 /var/log",
        "mount /dev/vda5 /data",
        "keep /var/lib/corbel on /config/tls",
        "folder /var/log/journal",
        "keep /etc/libvirt/qemu on /data/libvirt/definitions",
        "keep /var/lib/libvirt on /data/libvirt/state",
        "restore what was persisted",
        "swap /dev/vda4",
    ];
    assert_eq!(*node.done.borrow(), expected);
    assert_eq!(
        node.file("/config/machine-id").as_deref(),
        Some(ID),
        "the first boot's identity stays"
    );
    assert_eq!(node.file(INSTALLED_FLAG).as_deref(), Some(""));
    let written: StateReport = serde_json::from_str(&node.file(STATE_FILE).expect("a report")).expect("JSON");
    assert_eq!(written, report);
}

#[test]
fn what_is_not_in_its_place_is_told() {
    let lost = "persisted /etc/motd is not in its place: it is torn";
    let node = Fake {
        lost: vec![lost],
        ..Fake::installed()
    };
    let report = mount_state(&node).expect("installed");
    assert!(report.warnings.iter().any(|warning| warning == lost), "{report:?}");
    // Without /config there is nothing to bring back.
    let node = Fake {
        broken: vec!["/dev/vda2"],
        ..Fake::installed()
    };
    mount_state(&node).expect("installed");
    assert!(node.done.borrow().iter().all(|line| !line.starts_with("restore")));
}

#[test]
fn a_boot_waits_for_a_disk_only_while_one_is_missing() {
    let waits = |node: &Fake| node.done.borrow().iter().any(|line| line == "wait");
    let node = Fake::installed();
    mount_state(&node).expect("installed");
    assert!(waits(&node), "nobody knows yet how many there are");
    let note = node.file(DATA_PLACES).expect("noted");
    assert_eq!(note, format!("{} /data\n", Guid([5; 16])));
    let node = Fake::installed().with(DATA_PLACES, &note);
    let report = mount_state(&node).expect("installed");
    assert!(!waits(&node) && report.warnings.is_empty(), "{report:?}");
    let more = format!("{note}{} /data2\n", Guid([9; 16]));
    for (noted, warning) in [
        ("3\n", "3 data partitions were there before, and 1 now"),
        (more.as_str(), "the data disk of /data2 is missing"),
    ] {
        let node = Fake::installed().with(DATA_PLACES, noted);
        let report = mount_state(&node).expect("installed");
        assert!(waits(&node));
        assert_eq!(report.warnings, [warning]);
        assert_eq!(node.file(DATA_PLACES).as_deref(), Some(noted), "it may come back");
    }
    // The number of an earlier version, and all are there: from now on each has its place.
    let node = Fake::installed().with(DATA_PLACES, "1\n");
    assert!(mount_state(&node).expect("installed").warnings.is_empty() && !waits(&node));
    assert_eq!(node.file(DATA_PLACES).as_deref(), Some(note.as_str()));
}

#[test]
fn a_kept_identity_wins_and_a_damaged_one_does_not() {
    let node = Fake::installed()
        .with("/etc/machine-id", ID)
        .with("/config/machine-id", OTHER);
    mount_state(&node).expect("installed");
    assert_eq!(node.file("/etc/machine-id").as_deref(), Some(OTHER));
    let node = Fake::installed()
        .with("/etc/machine-id", ID)
        .with("/config/machine-id", "x");
    mount_state(&node).expect("installed");
    assert_eq!(node.file("/config/machine-id").as_deref(), Some(ID));
}

#[test]
fn a_node_whose_disks_are_broken_still_boots_and_says_so() {
    let node = Fake {
        broken: vec!["/dev/vda2", "/dev/vda5"],
        ..Fake::installed()
    };
    let report = mount_state(&node).expect("installed");
    assert!(!report.config && report.log && report.data.is_empty());
    assert_eq!(report.warnings[0], "/config: /dev/vda2 has no ext4 file system");
    assert_eq!(report.warnings.len(), 2, "{report:?}");
    let done = node.done.borrow();
    assert!(
        !done.iter().any(|line| line.contains("keep")),
        "nothing is kept in memory by mistake: {done:?}"
    );
    // The gate must see an installed node all the more.
    assert!(node.file(INSTALLED_FLAG).is_some());
}

#[test]
fn a_node_that_runs_from_its_medium_keeps_nothing() {
    let node = Fake {
        disk: None,
        ..Fake::installed()
    };
    assert_eq!(mount_state(&node), None);
    assert!(node.done.borrow().is_empty() && node.files.borrow().is_empty());
}
