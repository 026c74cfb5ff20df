//! The slot of an installed node: the partition that carries its name, and the disk that this is on.

use std::fmt;
use std::fs;
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
    fn the_kernel_tells_the_name_of_a_partition() {
        let text = "MAJOR=253\nMINOR=3\nDEVNAME=vda3\nDEVTYPE=partition\nPARTN=3\nPARTNAME=corbel-root-a\n";
        assert_eq!(name_in(text).as_deref(), Some("corbel-root-a"));
        assert_eq!(name_in("DEVNAME=vda\nDEVTYPE=disk\n"), None);
    }
}
