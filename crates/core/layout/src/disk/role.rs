//! What partitions are for, and what lies in them.

use std::fmt;

use serde::Serialize;

use crate::gpt::Guid;

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Loaders and the UKI of each slot.
    Esp,
    /// GRUB's core.img, raw.
    Bios,
    /// A root image, raw.
    RootA,
    RootB,
    /// Who this node is.
    Config,
    /// Its journal.
    Log,
    Swap,
    /// What it carries: VM disks and definitions.
    Data,
}

impl Role {
    /// All, in the order in which they lie on a boot disk.
    pub const ALL: [Self; 8] = [
        Self::Esp,
        Self::Bios,
        Self::RootA,
        Self::RootB,
        Self::Config,
        Self::Log,
        Self::Swap,
        Self::Data,
    ];

    /// The partition's name in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Esp => "corbel-esp",
            Self::Bios => "corbel-bios",
            Self::RootA => "corbel-root-a",
            Self::RootB => "corbel-root-b",
            Self::Config => "corbel-config",
            Self::Log => "corbel-log",
            Self::Swap => "corbel-swap",
            Self::Data => "corbel-data",
        }
    }

    /// The role of a partition of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Partition type (UEFI specification 5.3.3, GRUB manual "BIOS installation", Discoverable Partitions Specification).
    pub const fn kind(self) -> Guid {
        match self {
            Self::Esp => Guid::new(
                0xc12a_7328,
                0xf81f,
                0x11d2,
                [0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b],
            ),
            Self::Bios => Guid::new(0x2168_6148, 0x6449, 0x6e6f, *b"tNeedEFI"),
            Self::RootA | Self::RootB => Guid::new(
                0x4f68_bce3,
                0xe8cd,
                0x4db1,
                [0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09],
            ),
            Self::Swap => Guid::new(
                0x0657_fd6d,
                0xa4ab,
                0x43c4,
                [0x84, 0xe5, 0x09, 0x33, 0xc7, 0x35, 0x25, 0xa2],
            ),
            Self::Config | Self::Log | Self::Data => Guid::new(
                0x0fc6_3daf,
                0x8483,
                0x4772,
                [0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4],
            ),
        }
    }

    /// What it is made into; `None` for raw ones.
    pub const fn file_system(self) -> Option<FileSystem> {
        match self {
            Self::Esp => Some(FileSystem::Fat32),
            Self::Config | Self::Log | Self::Data => Some(FileSystem::Ext4),
            Self::Swap => Some(FileSystem::Swap),
            Self::Bios | Self::RootA | Self::RootB => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// File systems that the installer makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSystem {
    Fat32,
    Ext4,
    Swap,
}

impl fmt::Display for FileSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fat32 => "fat32",
            Self::Ext4 => "ext4",
            Self::Swap => "swap",
        })
    }
}
