//! Where the running system is: what the initrd reported, and the partitions of that disk as sysfs(5) lists them.

use std::path::{Path, PathBuf};

use corbel_layout::disk::Role;
use corbel_layout::slot::Slot;
use corbel_plan::slots::{Firmware, Running};
use corbel_sys::read_limited;
use serde::Deserialize;

use crate::MachineError;

/// What the initrd reports of the boot.
const REPORT: &str = "/run/corbel/boot.json";
const BLOCK: &str = "/sys/class/block";
const EFI: &str = "/sys/firmware/efi";
const LIMIT: u64 = 1 << 20;

/// The disk, the slot and the partitions of the running system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Device node, such as `/dev/vda`.
    pub disk: String,
    pub running: Running,
    pub esp: PathBuf,
    /// Root partitions: a, b.
    pub roots: [PathBuf; 2],
}

#[derive(Deserialize)]
struct Report {
    source: Option<String>,
    medium: Option<String>,
    slot: Option<String>,
}

/// Where this system runs from; `None` when that is no installed disk.
///
/// # Errors
/// A report that cannot be read, or a disk that lacks a partition of ours.
pub fn find() -> Result<Option<Place>, MachineError> {
    find_in(Path::new(REPORT), Path::new(BLOCK), firmware())
}

/// Who started this machine.
pub fn firmware() -> Firmware {
    if Path::new(EFI).exists() {
        Firmware::Uefi
    } else {
        Firmware::Bios
    }
}

fn find_in(report: &Path, block: &Path, firmware: Firmware) -> Result<Option<Place>, MachineError> {
    if !report.exists() {
        return Ok(None);
    }
    let bytes = read_limited(report, LIMIT)?;
    let said: Report = serde_json::from_slice(&bytes).map_err(|source| MachineError::Report {
        path: report.to_owned(),
        source,
    })?;
    let slot = said.slot.as_deref().and_then(|text| text.parse::<Slot>().ok());
    let (Some("installed"), Some(disk), Some(slot)) = (said.source.as_deref(), said.medium, slot) else {
        return Ok(None);
    };
    let partition = |name: &str| named(block, &disk, name);
    Ok(Some(Place {
        running: Running { slot, firmware },
        esp: partition(Role::Esp.name())?,
        roots: [partition(Slot::A.partition())?, partition(Slot::B.partition())?],
        disk,
    }))
}

/// The partition of that name on that disk: another disk may have partitions of the same names.
fn named(block: &Path, disk: &str, name: &str) -> Result<PathBuf, MachineError> {
    let kernel_name = disk.trim_start_matches("/dev/");
    let folder = block.join(kernel_name);
    let unreadable = |source| MachineError::Read {
        path: folder.clone(),
        source,
    };
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(uevent) = read_limited(&entry.path().join("uevent"), LIMIT) else {
            continue;
        };
        let uevent = String::from_utf8_lossy(&uevent);
        let is_it = uevent.lines().any(|line| line.strip_prefix("PARTNAME=") == Some(name));
        if is_it {
            return Ok(Path::new("/dev").join(entry.file_name()));
        }
    }
    Err(MachineError::NoPartition {
        disk: disk.to_owned(),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(report: &str, partitions: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            corbel_sys::write_atomic(&path, text.as_bytes(), 0o600).unwrap();
        };
        put("boot.json", report);
        put("block/vda/uevent", "DEVNAME=vda\n");
        for (device, name) in partitions {
            put(
                &format!("block/{device}/uevent"),
                &format!("DEVTYPE=partition\nPARTNAME={name}\n"),
            );
        }
        folder
    }

    fn found(folder: &tempfile::TempDir) -> Result<Option<Place>, MachineError> {
        let path = folder.path();
        find_in(&path.join("boot.json"), &path.join("block"), Firmware::Uefi)
    }

    const INSTALLED: &str = r#"{"source":"installed","medium":"/dev/vda","slot":"b","root_hash":"x"}"#;

    #[test]
    fn the_partitions_of_the_own_disk_are_found_and_no_others() {
        let folder = machine(
            INSTALLED,
            &[
                ("vda/vda1", "corbel-esp"),
                ("vda/vda3", "corbel-root-a"),
                ("vda/vda4", "corbel-root-b"),
                ("vdb/vdb1", "corbel-esp"),
            ],
        );
        let place = found(&folder).unwrap().unwrap();
        assert_eq!(place.esp, Path::new("/dev/vda1"));
        assert_eq!(place.roots, [Path::new("/dev/vda3"), Path::new("/dev/vda4")]);
        assert_eq!(place.running.slot, Slot::B);
    }

    #[test]
    fn a_live_system_is_no_installed_node() {
        let live = r#"{"source":"cd","medium":"/dev/sr0","root_hash":"x"}"#;
        assert_eq!(found(&machine(live, &[])).unwrap(), None);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(found(&folder).unwrap(), None);
    }

    #[test]
    fn a_missing_partition_and_a_broken_report_are_said() {
        let error = found(&machine(INSTALLED, &[("vda/vda1", "corbel-esp")])).unwrap_err();
        assert_eq!(error.to_string(), "disk /dev/vda has no partition corbel-root-a");
        let error = found(&machine("{", &[])).unwrap_err();
        assert!(matches!(error, MachineError::Report { .. }), "{error}");
    }
}
