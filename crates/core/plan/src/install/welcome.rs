//! The one thing that a medium offers a machine: install, upgrade, downgrade or reinstall, by comparing what is on the disks with the
//! medium.

use std::cmp::Ordering;

use corbel_release::version::Version;
use serde::Serialize;

use super::{Observed, candidates};

/// What the first page offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "offer", rename_all = "kebab-case")]
pub enum Welcome {
    /// No disk carries a system.
    Install {
        version: String,
    },
    /// `disk` is the device node that carries the system.
    Upgrade {
        disk: String,
        from: String,
        to: String,
    },
    Downgrade {
        disk: String,
        from: String,
        to: String,
    },
    /// The same version.
    Reinstall {
        disk: String,
        version: String,
    },
    /// Another major version: neither upgrade nor reinstall.
    OtherMajor {
        disk: String,
        installed: String,
        offered: String,
    },
    /// A system that cannot be told the version of, as after an installation that was cut off: reinstall.
    Damaged {
        disk: String,
        version: String,
    },
    /// More than one disk carries a system; nobody can say which is meant.
    Several {
        disks: Vec<String>,
    },
}

/// Compares the disks with the release. The running medium does not count.
pub fn welcome(observed: &Observed) -> Welcome {
    let offered = observed.release.version.clone();
    let found: Vec<_> = candidates(observed)
        .into_iter()
        .filter(|candidate| !candidate.is_live_medium())
        .filter_map(|candidate| Some((candidate.disk.path.clone(), candidate.disk.installed.clone()?)))
        .collect();
    let (disk, installed) = match found.as_slice() {
        [] => return Welcome::Install { version: offered },
        [one] => one.clone(),
        _ => {
            return Welcome::Several {
                disks: found.into_iter().map(|(disk, _)| disk).collect(),
            };
        }
    };
    let Some(from) = installed.version else {
        return Welcome::Damaged { disk, version: offered };
    };
    let (Ok(old), Ok(new)) = (from.parse::<Version>(), offered.parse::<Version>()) else {
        return Welcome::Damaged { disk, version: offered };
    };
    if old.major() != new.major() {
        return Welcome::OtherMajor {
            disk,
            installed: from,
            offered,
        };
    }
    match old.cmp(&new) {
        Ordering::Less => Welcome::Upgrade {
            disk,
            from,
            to: offered,
        },
        Ordering::Greater => Welcome::Downgrade {
            disk,
            from,
            to: offered,
        },
        Ordering::Equal => Welcome::Reinstall { disk, version: offered },
    }
}
