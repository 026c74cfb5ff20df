//! The slot of an installed node: the partition that carries its name, and the disk that this is on.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Block devices as sysfs(5) lists them.
const BLOCK: &str = "/sys/class/block";

/// `corbel.slot=a|b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    A,
    B,
}

impl Slot {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "a" => Some(Self::A),
            "b" => Some(Self::B),
            _ => None,
        }
    }

    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Name of its partition in the GUID partition table.
    pub(crate) fn partition(self) -> &'static str {
        match self {
            Self::A => "corbel-root-a",
            Self::B => "corbel-root-b",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

/// Name of a partition in its table, as the kernel read it; absent for whole disks and for partitions without a name.
pub(crate) fn partition_name(device: &str) -> Option<String> {
    name_in(&fs::read_to_string(Path::new(BLOCK).join(device).join("uevent")).ok()?)
}

fn name_in(uevent: &str) -> Option<String> {
    uevent
        .lines()
        .find_map(|line| line.strip_prefix("PARTNAME="))
        .map(str::to_owned)
}

/// Node of the disk that a partition is on; the partition's own node where sysfs does not tell.
pub(crate) fn disk_of(partition: &str) -> PathBuf {
    let disk = fs::canonicalize(Path::new(BLOCK).join(partition))
        .ok()
        .and_then(|path| Some(path.parent()?.file_name()?.to_str()?.to_owned()))
        .unwrap_or_else(|| partition.to_owned());
    Path::new("/dev").join(disk.replace('!', "/"))
}

/// An identity from the number of the disk's partition table, which the installer drew by lot (UEFI specification 5.3.2: signature at
/// 0, disk GUID at 56 of the header, which is the disk's second sector).
pub(crate) fn machine_id(disk: &Path) -> Option<String> {
    let file = File::open(disk).ok()?;
    [512, 4096].into_iter().find_map(|sector| {
        let mut header = [0; 72];
        file.read_exact_at(&mut header, sector).ok()?;
        let guid = header.strip_prefix(b"EFI PART").map(|_| &header[56..72])?;
        let id: String = guid.iter().map(|byte| format!("{byte:02x}")).collect();
        id.bytes().any(|b| b != b'0').then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_a_letter_and_a_partition() {
        assert_eq!(Slot::parse("b").map(Slot::partition), Some("corbel-root-b"));
        for wrong in ["", "A", "c", "ab"] {
            assert_eq!(Slot::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_identity_is_that_of_the_disk_whatever_its_sectors() {
        let path = std::env::temp_dir().join(format!("corbel-init-disk-{}", std::process::id()));
        for sector in [512, 4096] {
            let mut disk = vec![0; 8192];
            disk[sector..sector + 8].copy_from_slice(b"EFI PART");
            assert_eq!(id_of(&path, &disk), None, "no number");
            disk[sector + 56..sector + 72].copy_from_slice(&[0xab; 16]);
            assert_eq!(id_of(&path, &disk).as_deref(), Some("ab".repeat(16).as_str()));
        }
        assert_eq!(id_of(&path, &[0; 100]), None);
    }

    fn id_of(path: &Path, bytes: &[u8]) -> Option<String> {
        std::io::Write::write_all(&mut File::create(path).unwrap(), bytes).unwrap();
        let id = machine_id(path);
        fs::remove_file(path).unwrap();
        id
    }

    #[test]
    fn the_kernel_tells_the_name_of_a_partition() {
        let text = "MAJOR=253\nMINOR=3\nDEVNAME=vda3\nDEVTYPE=partition\nPARTN=3\nPARTNAME=corbel-root-a\n";
        assert_eq!(name_in(text).as_deref(), Some("corbel-root-a"));
        assert_eq!(name_in("DEVNAME=vda\nDEVTYPE=disk\n"), None);
    }
}
