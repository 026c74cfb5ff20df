//! The first half of an installed boot: what the node keeps is checked and mounted, before anything writes below it.
//!
//! Run by `corbel-state.service`, only with the kernel word `corbel.slot`. Nothing in here ends a boot: a file system that cannot be
//! had is told, and the node goes on with what it has in memory in that place, so that it can be reached and repaired.

use corbel_plan::data::{Known, render_places};
use corbel_plan::settle::state::{Kept, ON_CONFIG, ON_DATA, StateMount, StatePartition, plan_state};
use serde::{Deserialize, Serialize};

use crate::facilities::{FacilityError, chain};

/// What became of it, for the second half, the console and the API.
pub const STATE_FILE: &str = "/run/corbel/state.json";
/// Whether this node is an installed one; `corbel-gate.service` starts while it exists.
pub const INSTALLED_FLAG: &str = "/run/corbel/installed";
/// The journal goes to the disk when this folder is there (journald.conf(5), `Storage=auto`).
const JOURNAL: &str = "/var/log/journal";
/// Which data partition is mounted where, so that each has its place for good, and a boot waits for a disk only while one is missing. The
/// node's own disk needs no waiting: the root is on it.
const DATA_PLACES: &str = "/config/data-partitions";
const MACHINE_ID: &str = "/config/machine-id";
const SYSTEM_MACHINE_ID: &str = "/etc/machine-id";

/// The content of [`STATE_FILE`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StateReport {
    /// Whether `/config` is there.
    pub config: bool,
    /// Whether the log is on the disk.
    pub log: bool,
    /// Where data partitions are mounted.
    pub data: Vec<String>,
    /// One sentence each.
    pub warnings: Vec<String>,
}

/// What mounting needs from the machine. [`crate::Host`] is the real one.
pub trait StateFacilities {
    /// The disk that an installed node was booted from; `None` when it was booted from something else.
    fn boot_disk(&self) -> Result<Option<String>, FacilityError>;
    /// Partitions with names of ours; with `wait`, after giving disks that come late their time.
    fn partitions(&self, wait: bool) -> Result<Vec<StatePartition>, FacilityError>;
    /// Checks an ext4 file system and mounts it. `thorough` repairs whatever it takes: for small file systems whose loss is worse
    /// than a guess. Gives a sentence when something was repaired.
    fn mount(&self, mount: &StateMount, thorough: bool) -> Result<Option<String>, FacilityError>;
    /// Puts a folder of the system onto a partition: what the image has there is added where it is absent.
    fn keep(&self, kept: &Kept) -> Result<(), FacilityError>;
    /// Lays what an owner persisted over the image's own. Gives what is not in its place, a sentence each.
    fn restore_persisted(&self) -> Vec<String>;
    fn swap_on(&self, device: &str) -> Result<(), FacilityError>;
    /// Makes a folder that may be there.
    fn make_folder(&self, path: &str, mode: u32) -> Result<(), FacilityError>;
    /// Content of a small file, `None` when it is not there.
    fn read_state(&self, path: &str) -> Result<Option<Vec<u8>>, FacilityError>;
    fn write_state(&self, path: &str, content: &[u8], mode: u32) -> Result<(), FacilityError>;
}

/// Mounts the state of an installed node and writes the report; `None` when the node is not an installed one.
pub fn mount_state(facilities: &dyn StateFacilities) -> Option<StateReport> {
    let disk = match facilities.boot_disk() {
        Ok(disk) => disk?,
        Err(error) => {
            let report = StateReport {
                warnings: vec![format!("what this node keeps is not mounted: {}", chain(&error))],
                ..StateReport::default()
            };
            write_report(facilities, &report);
            return Some(report);
        }
    };
    let mut report = StateReport::default();
    let mut partitions = |wait: bool| {
        facilities.partitions(wait).unwrap_or_else(|error| {
            report.warnings.push(chain(&error));
            Vec::new()
        })
    };
    let seen = partitions(false);
    let early = plan_state(&disk, &seen, &Known::Nothing).config;
    let config = early.as_ref().map(|mount| facilities.mount(mount, true));
    let known = known(facilities, matches!(config, Some(Ok(_))));
    let mut plan = plan_state(&disk, &seen, &known);
    if plan.lacks(&known) {
        plan = plan_state(&disk, &partitions(true), &known);
    }
    report.warnings.extend(plan.warnings);
    let config = match (early, config) {
        (Some(_), Some(Ok(note))) => {
            report.warnings.extend(note);
            true
        }
        (Some(mount), Some(Err(error))) => {
            report.warnings.push(format!("{}: {}", mount.at, chain(&error)));
            false
        }
        _ => false,
    };
    let mut mounted = |mount: &StateMount, thorough: bool| match facilities.mount(mount, thorough) {
        Ok(note) => {
            report.warnings.extend(note);
            true
        }
        Err(error) => {
            report.warnings.push(format!("{}: {}", mount.at, chain(&error)));
            false
        }
    };
    let log = plan.log.is_some_and(|mount| mounted(&mount, true));
    let data: Vec<String> = plan
        .data
        .into_iter()
        .filter(|mount| mounted(mount, false))
        .map(|mount| mount.at)
        .collect();
    (report.config, report.log, report.data) = (config, log, data);
    let mut done = |what: &str, result: Result<(), FacilityError>| {
        if let Err(error) = result {
            report.warnings.push(format!("{what}: {}", chain(&error)));
        }
    };
    if config {
        done(MACHINE_ID, machine_id(facilities));
        if !plan.places.is_empty() && known != Known::Places(plan.places.clone()) {
            let note = render_places(&plan.places);
            done(DATA_PLACES, facilities.write_state(DATA_PLACES, note.as_bytes(), 0o644));
        }
        for kept in &ON_CONFIG {
            done(kept.at, facilities.keep(kept));
        }
    }
    if log {
        done(JOURNAL, facilities.make_folder(JOURNAL, 0o755));
    }
    if report.data.iter().any(|at| at == "/data") {
        for kept in &ON_DATA {
            done(kept.at, facilities.keep(kept));
        }
    }
    if config {
        report.warnings.extend(facilities.restore_persisted());
    }
    let mut done = |what: &str, result: Result<(), FacilityError>| {
        if let Err(error) = result {
            report.warnings.push(format!("{what}: {}", chain(&error)));
        }
    };
    if let Some(device) = plan.swap {
        done("swap", facilities.swap_on(&device));
    }
    done(INSTALLED_FLAG, facilities.write_state(INSTALLED_FLAG, b"", 0o644));
    write_report(facilities, &report);
    Some(report)
}

/// What the installer or an earlier boot noted.
fn known(facilities: &dyn StateFacilities, config: bool) -> Known {
    let bytes = config.then(|| facilities.read_state(DATA_PLACES)).and_then(Result::ok);
    let text = bytes.flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    text.map_or(Known::Nothing, |text| Known::parse(&text))
}

/// The identity of the first boot is kept. corbel-init gave the system the same one already, from the disk; a file that an owner brought
/// along from another disk wins over that for everything that starts from now on.
fn machine_id(facilities: &dyn StateFacilities) -> Result<(), FacilityError> {
    let good = |bytes: Option<Vec<u8>>| {
        let text = String::from_utf8(bytes?).ok()?;
        let id = text.trim();
        (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| format!("{id}\n"))
    };
    let system = good(facilities.read_state(SYSTEM_MACHINE_ID)?);
    match (good(facilities.read_state(MACHINE_ID)?), system) {
        (Some(kept), system) if system.as_ref() != Some(&kept) => {
            facilities.write_state(SYSTEM_MACHINE_ID, kept.as_bytes(), 0o444)
        }
        (None, Some(system)) => facilities.write_state(MACHINE_ID, system.as_bytes(), 0o444),
        _ => Ok(()),
    }
}

fn write_report(facilities: &dyn StateFacilities, report: &StateReport) {
    let json = serde_json::to_vec_pretty(report).expect("texts and flags are always JSON");
    // Who could not even write this is told by settle, which finds no report.
    let _ = facilities.write_state(STATE_FILE, &json, 0o644);
}

#[cfg(test)]
mod tests;
