//! NFS, version 4 and later: exports that carry volumes, and the domain of their users' names.

use std::fmt;
use std::str::FromStr;

use crate::server::Server;
use crate::{HostName, PoolName};

/// Text that is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NfsError {
    #[error("{0:?} is not a domain: write it like example.org")]
    Domain(String),
    #[error("{0:?} is not the path of an export: begin with /, then letters, digits and . _ - + @ = : ~, without `..`")]
    Path(String),
    #[error("{0:?} is not a version of NFS that is mounted here: write 4.0, 4.1 or 4.2")]
    Version(String),
    #[error(
        "{0:?} is not an option that is allowed: give hard, soft, softerr, ro, noatime, nconnect=1 to 16, rsize=, wsize=, timeo= or retrans= with a number"
    )]
    Option(String),
}

/// What stands behind the `@` of an owner's name (RFC 8881, section 5.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NfsDomain(HostName);

impl FromStr for NfsDomain {
    type Err = NfsError;
    fn from_str(text: &str) -> Result<Self, NfsError> {
        let name = text.parse().map(Self);
        name.map_err(|_| NfsError::Domain(text.to_owned()))
    }
}

impl fmt::Display for NfsDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The path of an export at its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportPath(String);

impl FromStr for ExportPath {
    type Err = NfsError;
    fn from_str(text: &str) -> Result<Self, NfsError> {
        let sign = |b: u8| b.is_ascii_alphanumeric() || b"/._-+@=:~".contains(&b);
        let clean = text.starts_with('/') && text.bytes().all(sign);
        let climbs = text.split('/').any(|part| part == "..");
        if clean && !climbs && text.len() <= 255 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NfsError::Path(text.to_owned()))
        }
    }
}

impl fmt::Display for ExportPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A version of the protocol. Version 3 needs a port mapper that listens on the node and is left out for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NfsVersion {
    V4_0,
    V4_1,
    #[default]
    V4_2,
}

impl NfsVersion {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4_0 => "4.0",
            Self::V4_1 => "4.1",
            Self::V4_2 => "4.2",
        }
    }
}

impl FromStr for NfsVersion {
    type Err = NfsError;
    fn from_str(text: &str) -> Result<Self, NfsError> {
        let versions = [Self::V4_0, Self::V4_1, Self::V4_2];
        let known = versions.into_iter().find(|version| version.as_str() == text);
        known.ok_or_else(|| NfsError::Version(text.to_owned()))
    }
}

/// One of the options of nfs(5) and mount(8) that change neither who may do what nor where something is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NfsOption(String);

const WORDS: [&str; 5] = ["hard", "soft", "softerr", "ro", "noatime"];
/// With the largest number that makes sense.
const NUMBERS: [(&str, u32); 5] = [
    ("nconnect", 16),
    ("rsize", 1 << 20),
    ("wsize", 1 << 20),
    ("timeo", 6000),
    ("retrans", 100),
];

impl NfsOption {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NfsOption {
    type Err = NfsError;
    fn from_str(text: &str) -> Result<Self, NfsError> {
        let number = text.split_once('=').is_some_and(|(key, value)| {
            let most = NUMBERS.iter().find(|(known, _)| *known == key).map(|(_, most)| *most);
            let value = value.parse::<u32>().ok().filter(|_| !value.starts_with('+'));
            most.zip(value).is_some_and(|(most, value)| (1..=most).contains(&value))
        });
        if number || WORDS.contains(&text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NfsError::Option(text.to_owned()))
        }
    }
}

/// An export that is a storage pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NfsMount {
    /// Of the pool.
    pub name: PoolName,
    pub server: Server,
    pub path: ExportPath,
    pub version: NfsVersion,
    pub options: Vec<NfsOption>,
}

/// `[storage_access.nfs]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nfs {
    pub domain: Option<NfsDomain>,
    pub mounts: Vec<NfsMount>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_and_options() {
        for good in ["/", "/srv/images", "/export/vm-1"] {
            assert!(good.parse::<ExportPath>().is_ok(), "{good}");
        }
        for bad in ["", "srv", "/a b", "/a,b", "/a/../b", "/a\\b", "/a%b"] {
            assert!(bad.parse::<ExportPath>().is_err(), "{bad}");
        }
        for good in ["hard", "nconnect=4", "rsize=1048576"] {
            assert!(good.parse::<NfsOption>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "suid",
            "nconnect=17",
            "nconnect=",
            "nconnect=+4",
            "rsize=0",
            "addr=1",
            "hard,suid",
        ] {
            assert!(bad.parse::<NfsOption>().is_err(), "{bad}");
        }
        assert!("3".parse::<NfsVersion>().is_err() && "4.2".parse::<NfsVersion>().is_ok());
        assert!("example.org".parse::<NfsDomain>().is_ok() && "a b".parse::<NfsDomain>().is_err());
    }
}
