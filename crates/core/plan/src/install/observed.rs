//! The machine as the installer sees it, as values: `corbel-disk` fills them, tests write them.

use corbel_layout::gpt::Found;
use corbel_layout::signature::Signature;
use corbel_model::install::{Bus, Identity};
use serde::Serialize;

/// Everything that a plan depends on besides the request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Whole disks, multipath maps among them, in the order of their names.
    pub disks: Vec<Disk>,
    /// Kernel name of the disk that the running system came from, such as `sr0`; `None` from the network.
    pub medium: Option<String>,
    pub firmware: Firmware,
    pub release: ReleaseFacts,
}

/// Who starts this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    #[default]
    Bios,
    Uefi,
}

/// What would be installed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReleaseFacts {
    /// Such as `0.3.1`.
    pub version: String,
    /// Bytes of the root image.
    pub root_bytes: u64,
    /// Bytes of the UKI.
    pub uki_bytes: u64,
}

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disk {
    /// Kernel name, such as `sda`.
    pub name: String,
    /// Device node, such as `/dev/sda`.
    pub path: String,
    /// Other paths to it, below /dev/disk and /dev/mapper.
    pub links: Vec<String>,
    pub bytes: u64,
    /// Bytes of a logical sector.
    pub sector: u64,
    pub bus: Option<Bus>,
    /// Short form first, then udev's long one.
    pub serials: Vec<String>,
    pub wwn: Option<String>,
    pub model: Option<String>,
    /// Whether it turns; `None` where the kernel does not say.
    pub rotational: Option<bool>,
    pub removable: bool,
    pub read_only: bool,
    /// What happened when it was read, if that failed.
    pub failing: Option<String>,
    /// Where it or one of its partitions is mounted.
    pub mounts: Vec<String>,
    /// Kernel names of the devices that are built over it or its partitions (device-mapper, md).
    pub holders: Vec<String>,
    /// For a path of a multipath map: the map's kernel name.
    pub multipath: Option<String>,
    /// What lies on the disk as a whole.
    pub signatures: Vec<Signature>,
    /// The table as it was read; `None` without a whole one.
    pub table: Option<Found>,
    /// What lies in its partitions, by the kernel's view of them.
    pub partitions: Vec<DiskPartition>,
    /// A Corbel system on it.
    pub installed: Option<Installed>,
}

/// One partition of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskPartition {
    pub number: u32,
    /// Name in the table.
    pub name: String,
    /// Device node.
    pub path: String,
    pub bytes: u64,
    pub signatures: Vec<Signature>,
}

/// A Corbel system that was found on a disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Installed {
    /// Of the slot that would be started; `None` when it cannot be told, as after an installation that was cut off.
    pub version: Option<String>,
    /// Of a slot that was written and armed and still has tries: it is started before the other one.
    pub trial: Option<String>,
}

impl Disk {
    /// All that requests can name it by. `paths` is where the list is kept meanwhile.
    pub(crate) fn identity<'a>(&'a self, paths: &'a [String]) -> Identity<'a> {
        Identity {
            paths,
            bus: self.bus,
            serials: &self.serials,
            wwn: self.wwn.as_deref(),
            model: self.model.as_deref(),
            bytes: self.bytes,
        }
    }

    /// Its node and the links to it.
    pub(crate) fn paths(&self) -> Vec<String> {
        std::iter::once(&self.path).chain(&self.links).cloned().collect()
    }

    /// What lies on it anywhere, with the device node that carries it.
    pub fn contents(&self) -> impl Iterator<Item = (&str, &Signature)> {
        let whole = self.signatures.iter().map(|signature| (self.path.as_str(), signature));
        let parts = self
            .partitions
            .iter()
            .flat_map(|p| p.signatures.iter().map(|signature| (p.path.as_str(), signature)));
        whole.chain(parts)
    }
}
