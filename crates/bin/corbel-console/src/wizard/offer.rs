//! What a medium offers a machine, from comparing what is on the disks with it.

use std::cmp::Ordering;

use corbel_node_api::Disk;
use corbel_release::version::Version;

use super::installed;

/// What the walk leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Install,
    /// Configuration is lost.
    Reinstall,
    Upgrade {
        downgrade: bool,
    },
    Uninstall,
}

/// The result of the comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Offer {
    /// Not known yet.
    Reading,
    Install {
        to: String,
    },
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
    /// The same version is there.
    Same {
        disk: String,
        version: String,
    },
    /// The first numbers of the versions differ.
    OtherMajor {
        disk: String,
        from: String,
        to: String,
    },
    /// A system that cannot tell its version.
    Damaged {
        disk: String,
        to: String,
    },
    Several {
        disks: Vec<String>,
    },
    /// The system that runs is the installed one.
    Running {
        version: String,
    },
}

/// Compares. `chosen` is the disk that somebody named where several carry a system.
pub(super) fn compare(disks: &[Disk], version: &str, chosen: Option<&str>, runs_installed: bool) -> Offer {
    let to = version.to_owned();
    if runs_installed {
        return Offer::Running { version: to };
    }
    let found: Vec<_> = installed(disks)
        .filter(|disk| chosen.is_none_or(|path| path == disk.path))
        .collect();
    let disk = match found.as_slice() {
        [] => return Offer::Install { to },
        [one] => one,
        several => {
            return Offer::Several {
                disks: several.iter().map(|disk| disk.path.clone()).collect(),
            };
        }
    };
    let from = disk.installed.as_ref().and_then(|system| system.version.clone());
    let disk = disk.path.clone();
    let Some(from) = from else {
        return Offer::Damaged { disk, to };
    };
    let (Ok(old), Ok(new)) = (from.parse::<Version>(), to.parse::<Version>()) else {
        return Offer::Damaged { disk, to };
    };
    if old.major() != new.major() {
        return Offer::OtherMajor { disk, from, to };
    }
    match old.cmp(&new) {
        Ordering::Less => Offer::Upgrade { disk, from, to },
        Ordering::Greater => Offer::Downgrade { disk, from, to },
        Ordering::Equal => Offer::Same { disk, version: to },
    }
}

impl Offer {
    /// What can be done, the likeliest first.
    pub(super) fn tasks(&self) -> &'static [Task] {
        const UPGRADE: Task = Task::Upgrade { downgrade: false };
        const DOWNGRADE: Task = Task::Upgrade { downgrade: true };
        match self {
            Self::Reading | Self::Several { .. } => &[],
            Self::Install { .. } => &[Task::Install],
            Self::Upgrade { .. } => &[UPGRADE, Task::Reinstall, Task::Uninstall],
            Self::Downgrade { .. } => &[DOWNGRADE, Task::Reinstall, Task::Uninstall],
            Self::Same { .. } | Self::Damaged { .. } => &[Task::Reinstall, Task::Uninstall],
            Self::OtherMajor { .. } | Self::Running { .. } => &[Task::Uninstall],
        }
    }
}
