//! Storage that other machines have for this node: iSCSI targets, NFS, and disks that are reached by several paths.

mod iscsi;
mod nfs;

use std::fmt;
use std::str::FromStr;

pub use iscsi::{ChapUser, ISCSI_PORT, Iscsi, IscsiError, IscsiName, Portal, Target};
pub use nfs::{ExportPath, Nfs, NfsDomain, NfsError, NfsMount, NfsOption, NfsVersion};

use crate::secret::Secret;

/// Text that is none of what multipath reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultipathError {
    #[error("{0:?} is no way to find multipath devices: write on, greedy, smart or strict")]
    Find(String),
    #[error(
        "{0:?} is not the WWID of a disk: give 1 to 128 letters, digits, '.', '_', '-' and ':', as `multipath -ll` shows it in brackets"
    )]
    Wwid(String),
}

/// `find_multipaths` of multipath.conf(5): which disks are taken for paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FindMultipaths {
    /// A disk of which a second path was seen, and what was a multipath device before.
    #[default]
    On,
    /// Every disk that is not on the blacklist.
    Greedy,
    /// Every disk, for as long as it takes to see a second path.
    Smart,
    /// Only what was a multipath device before.
    Strict,
}

impl FindMultipaths {
    pub const ALL: [Self; 4] = [Self::On, Self::Greedy, Self::Smart, Self::Strict];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Greedy => "greedy",
            Self::Smart => "smart",
            Self::Strict => "strict",
        }
    }
}

impl FromStr for FindMultipaths {
    type Err = MultipathError;
    fn from_str(text: &str) -> Result<Self, MultipathError> {
        let known = Self::ALL.into_iter().find(|way| way.as_str() == text);
        known.ok_or_else(|| MultipathError::Find(text.to_owned()))
    }
}

/// The World Wide Identifier of a disk, as multipath has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wwid(String);

impl FromStr for Wwid {
    type Err = MultipathError;
    fn from_str(text: &str) -> Result<Self, MultipathError> {
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(&b));
        if clean && (1..=128).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MultipathError::Wwid(text.to_owned()))
        }
    }
}

impl fmt::Display for Wwid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `[storage_access.multipath]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Multipath {
    pub enabled: bool,
    pub find: FindMultipaths,
    /// Disks that are never taken.
    pub blacklist: Vec<Wwid>,
}

/// `[storage_access]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StorageAccess {
    pub iscsi: Iscsi,
    pub nfs: Nfs,
    pub multipath: Multipath,
}

impl StorageAccess {
    /// Puts the passwords in place that are kept apart, where the document has none.
    pub fn fill_passwords<'a>(&mut self, kept: impl Fn(&str) -> Option<&'a Secret>) {
        for target in &mut self.iscsi.targets {
            if target.chap_password.is_none() {
                target.chap_password = kept(target.name.as_str()).cloned();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_and_disks_of_multipath() {
        for way in FindMultipaths::ALL {
            assert_eq!(way.as_str().parse(), Ok(way));
        }
        assert!("yes".parse::<FindMultipaths>().is_err());
        assert!("3600508b1001c4d41".parse::<Wwid>().is_ok() && "uuid.0a:1".parse::<Wwid>().is_ok());
        for bad in ["", "a b", "a\"b", ".*", &"x".repeat(129)] {
            assert!(bad.parse::<Wwid>().is_err(), "{bad}");
        }
    }
}
