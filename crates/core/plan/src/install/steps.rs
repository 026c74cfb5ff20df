//! What a plan consists of, in the order in which it is done.
//!
//! The order is what makes a power cut harmless. First the disk is made one that no firmware starts; then the new system is
//! written and read back; only when everything else is on the disk do the boot code and the loaders come. Cut anywhere, the disk carries
//! the old system, or nothing that starts, or the new system whole. Data that is kept is in a valid table at every moment.

use std::fmt;

use corbel_layout::Extent;
use corbel_layout::disk::{FileSystem, Role};
use serde::Serialize;

/// One step of an installation. `disk` is a device node of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Zero the boot code and both copies of the table; where data is kept, write a table that has nothing but it.
    Unboot { disk: String, keeps_data: bool },
    /// Zero what old file systems, volume groups and RAID sets are recognised by.
    Clear { disk: String, extents: Vec<Extent> },
    /// Write both copies of the new table, without boot code, and make the kernel read it.
    Partition { disk: String },
    /// Make a file system.
    Format {
        disk: String,
        role: Role,
        file_system: FileSystem,
        label: String,
    },
    /// Copy the root image into the first slot, and read it back.
    WriteRoot { disk: String },
    /// The node's document and the owner's kernel words.
    WriteConfig { disk: String },
    /// The first slot's kernel and menu entries, read back.
    WriteSlot { disk: String },
    /// GRUB's images and the EFI loaders: from here on the disk starts.
    WriteLoaders { disk: String },
    /// An entry in the firmware's boot order.
    BootEntry { disk: String },
}

impl Step {
    /// Stable, for progress.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Unboot { .. } => "unboot",
            Self::Clear { .. } => "clear",
            Self::Partition { .. } => "partition",
            Self::Format { .. } => "format",
            Self::WriteRoot { .. } => "write-root",
            Self::WriteConfig { .. } => "write-config",
            Self::WriteSlot { .. } => "write-slot",
            Self::WriteLoaders { .. } => "write-loaders",
            Self::BootEntry { .. } => "boot-entry",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unboot { disk, keeps_data: true } => write!(f, "remove all but the data from the table of {disk}"),
            Self::Unboot { disk, .. } => write!(f, "remove boot code and partition table of {disk}"),
            Self::Clear { disk, .. } => write!(f, "clear old signatures on {disk}"),
            Self::Partition { disk } => write!(f, "partition {disk}"),
            Self::Format {
                disk,
                role,
                file_system,
                ..
            } => write!(f, "make {file_system} in {role} of {disk}"),
            Self::WriteRoot { disk } => write!(f, "copy the system to {disk} and read it back"),
            Self::WriteConfig { disk } => write!(f, "write the configuration to {disk}"),
            Self::WriteSlot { disk } => write!(f, "write the boot files of the system to {disk}"),
            Self::WriteLoaders { disk } => write!(f, "make {disk} start"),
            Self::BootEntry { disk } => write!(f, "enter {disk} in the firmware's boot order"),
        }
    }
}

/// One step of a removal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum UninstallStep {
    /// Remove our entries from the firmware's boot order.
    BootEntries,
    /// Zero the boot code in the first sector: a BIOS finds nothing to start.
    BootCode { disk: String },
    /// Zero what the EFI partition is recognised by, or then what all others are.
    Clear {
        disk: String,
        part: ClearPart,
        extents: Vec<Extent>,
    },
    /// Zero both copies of the table, or leave one that has nothing but the data.
    Table { disk: String, keeps_data: bool },
}

/// What a removal clears at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClearPart {
    /// What a firmware or a loader could start.
    Esp,
    /// All the others that go.
    Rest,
    /// All that go, of a disk that has no EFI partition.
    All,
}

impl fmt::Display for ClearPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Esp => "the EFI partition",
            Self::Rest => "the other partitions",
            Self::All => "the partitions",
        })
    }
}

impl UninstallStep {
    /// Stable, for progress.
    pub fn id(&self) -> &'static str {
        match self {
            Self::BootEntries => "boot-entries",
            Self::BootCode { .. } => "boot-code",
            Self::Clear { .. } => "clear",
            Self::Table { .. } => "table",
        }
    }
}

impl fmt::Display for UninstallStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BootEntries => f.write_str("remove Corbel from the firmware's boot order"),
            Self::BootCode { disk } => write!(f, "remove the boot code of {disk}"),
            Self::Clear { disk, part, .. } => write!(f, "clear {part} of {disk}"),
            Self::Table { disk, keeps_data: true } => write!(f, "leave only the data in the table of {disk}"),
            Self::Table { disk, .. } => write!(f, "remove the partition table of {disk}"),
        }
    }
}
