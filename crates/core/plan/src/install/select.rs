//! From what a request says to the disks of this machine: paths to one device count once, and what can never be a target is said so.

use corbel_model::install::DeviceMatch;

use super::{Disk, Observed, Refusal};

/// A device that could be chosen, whatever number of paths lead to it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The map of a multipath device, else its first path.
    pub disk: &'a Disk,
    /// Where the other paths are looked up.
    all: &'a [Disk],
    live: bool,
}

/// The devices of the machine, each once: paths below a multipath map are left out, and of disks with the same WWN only the
/// first in the order of names stays.
pub fn candidates(observed: &Observed) -> Vec<Candidate<'_>> {
    let all = &observed.disks;
    let is_mapped = |disk: &Disk| {
        let map = disk.multipath.as_deref();
        map.is_some_and(|map| all.iter().any(|other| other.name == map))
    };
    let mut disks: Vec<&Disk> = all.iter().filter(|disk| disk.bytes > 0 && !is_mapped(disk)).collect();
    disks.sort_by_key(|disk| (disk.name.len(), disk.name.as_str()));
    let mut found: Vec<Candidate<'_>> = Vec::new();
    for disk in disks {
        if found.iter().any(|other| same_device(other.disk, disk)) {
            continue;
        }
        let mut candidate = Candidate { disk, all, live: false };
        let medium = observed.medium.as_deref();
        candidate.live = medium.is_some_and(|medium| candidate.names().any(|name| name == medium));
        found.push(candidate);
    }
    found
}

fn same_device(a: &Disk, b: &Disk) -> bool {
    a.wwn.is_some() && a.wwn == b.wwn && a.bytes == b.bytes
}

impl<'a> Candidate<'a> {
    /// Whether the running system came from it.
    pub fn is_live_medium(&self) -> bool {
        self.live
    }

    /// Every disk that is this device: itself, and the paths to it.
    pub(super) fn disks(&self) -> impl Iterator<Item = &'a Disk> {
        let first = self.disk;
        let is_path = move |other: &&Disk| {
            other.name != first.name
                && (same_device(first, other) || other.multipath.as_deref() == Some(first.name.as_str()))
        };
        std::iter::once(first).chain(self.all.iter().filter(is_path))
    }

    /// Kernel names of all paths to it.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.disks().map(|disk| disk.name.as_str())
    }

    pub(super) fn is_meant(&self, meant: &DeviceMatch) -> bool {
        self.disks().any(|disk| meant.matches(&disk.identity(&disk.paths())))
    }

    /// Why no request that leaves the choice to us takes it; one that names it outright hears the same as a refusal.
    fn passed_over(&self, meant: &DeviceMatch, least: u64) -> Option<String> {
        let path = &self.disk.path;
        let carried = self.disk.removable || self.disk.bus == Some(corbel_model::install::Bus::Usb);
        if self.live {
            Some(format!("{path} is the medium that this system runs from"))
        } else if self.disk.read_only {
            Some(format!("{path} is read-only"))
        } else if self.disk.bytes < least {
            Some(super::sizes::too_small(self.disk, least))
        } else if carried && meant.says_nothing() {
            Some(format!("{path} is a removable disk: name it to use it"))
        } else {
            None
        }
    }
}

/// Of the candidates that are not `taken` those that are meant: one, or all where that was asked for.
pub(super) fn pick<'a>(
    meant: &DeviceMatch,
    from: &[Candidate<'a>],
    taken: &[&str],
    field: &str,
    least: u64,
) -> Result<Vec<Candidate<'a>>, Refusal> {
    let free = |candidate: &&Candidate<'a>| !taken.contains(&candidate.disk.name.as_str());
    let matching: Vec<Candidate<'a>> = from
        .iter()
        .filter(free)
        .filter(|c| c.is_meant(meant))
        .copied()
        .collect();
    let mut reasons = Vec::new();
    let mut usable = Vec::new();
    for candidate in matching {
        match candidate.passed_over(meant, least) {
            Some(reason) => reasons.push(reason),
            None => usable.push(candidate),
        }
    }
    if usable.is_empty() {
        if let Some(reason) = reasons.into_iter().next() {
            return Err(Refusal::new(field, reason));
        }
        if from
            .iter()
            .any(|c| taken.contains(&c.disk.name.as_str()) && c.is_meant(meant))
            && meant.all
        {
            return Ok(Vec::new());
        }
        return Err(Refusal::new(field, nothing(meant, from)));
    }
    if !meant.all {
        usable.truncate(1);
    }
    Ok(usable)
}

fn nothing(meant: &DeviceMatch, from: &[Candidate<'_>]) -> String {
    let present: Vec<&str> = from.iter().map(|candidate| candidate.disk.path.as_str()).collect();
    let wanted = if meant.says_nothing() {
        "this machine has no disk that can be used".to_owned()
    } else {
        format!("no disk of this machine is {meant}")
    };
    if present.is_empty() {
        format!("{wanted}: there is none at all")
    } else {
        format!("{wanted}: there are {}", present.join(", "))
    }
}
