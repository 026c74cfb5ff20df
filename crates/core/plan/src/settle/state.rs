//! Where an installed node keeps what outlives a reboot: which partition is mounted where, and which folders of the system lie on it.
//!
//! Only partitions of the disk that the node was booted from count, and data partitions of disks that carry nothing else of ours: the
//! disk of another node that somebody plugged in keeps its configuration to itself.
//!
//! A data partition has its place for good: by the note in `/config`, which the installer begins and each boot goes on with, and by the
//! label of its file system where nothing is noted. A disk that comes new is mounted behind the others and told.

use std::collections::{BTreeMap, BTreeSet};

use corbel_layout::disk::{DATA_PLACES, Role};
use corbel_layout::gpt::Guid;
use serde::Serialize;

use crate::data::{Known, Place, Places};

/// A partition with a name of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePartition {
    /// Its node, such as `/dev/vda5`.
    pub device: String,
    /// The node of the disk that it is on.
    pub disk: String,
    /// Its name in the partition table.
    pub name: String,
    /// What tells it from every other one: its identifier in the table.
    pub id: Option<Guid>,
    /// Label of its file system; `corbel-data3` asks for `/data3`.
    pub label: Option<String>,
}

/// A file system to check and mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateMount {
    pub device: String,
    pub at: String,
}

/// What is to be mounted. What is not there is `None` and told in the warnings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct StatePlan {
    pub config: Option<StateMount>,
    pub log: Option<StateMount>,
    /// `/data` first, if it is there, then `/data2` and so on.
    pub data: Vec<StateMount>,
    /// To be noted for the next boot: what was known, and what is new.
    pub places: Places,
    /// Places whose disk is known and not there.
    pub missing: BTreeSet<Place>,
    pub swap: Option<String>,
    pub warnings: Vec<String>,
}

impl StatePlan {
    /// Whether a data partition may still come: one that is known is not there, or nothing is known yet.
    pub fn lacks(&self, known: &Known) -> bool {
        match known {
            Known::Nothing => true,
            Known::Count(count) => *count > self.data.len(),
            Known::Places(_) => !self.missing.is_empty(),
        }
    }
}

/// A folder of the system that lies on a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// On the partition.
    pub from: &'static str,
    /// In the system.
    pub at: &'static str,
    pub mode: u32,
}

/// Folders on `/config`: small, and who the node is.
pub const ON_CONFIG: [Kept; 1] = [Kept {
    from: "/config/tls",
    at: "/var/lib/corbel",
    mode: 0o700,
}];
/// Folders on `/data`: definitions of VMs stand beside their disks, so that the data disk of a broken node is whole.
pub const ON_DATA: [Kept; 2] = [
    Kept {
        from: "/data/libvirt/definitions",
        at: "/etc/libvirt/qemu",
        mode: 0o700,
    },
    Kept {
        from: "/data/libvirt/state",
        at: "/var/lib/libvirt",
        mode: 0o755,
    },
];

/// Plans the mounts of the node that was booted from `disk`. `known` is what it has noted of its data partitions.
pub fn plan_state(disk: &str, partitions: &[StatePartition], known: &Known) -> StatePlan {
    let mut plan = StatePlan::default();
    let own = |role: Role| partitions.iter().find(|p| p.disk == disk && p.name == role.name());
    let mount = |partition: &StatePartition, at: &str| StateMount {
        device: partition.device.clone(),
        at: at.to_owned(),
    };
    let mut wanted = |role: Role, at: &str, instead: &str| {
        let found = own(role).map(|partition| mount(partition, at));
        if found.is_none() {
            let name = role.name();
            plan.warnings.push(format!("{disk} has no partition {name}: {instead}"));
        }
        found
    };
    plan.config = wanted(Role::Config, "/config", "the node has no configuration of its own");
    plan.log = wanted(Role::Log, "/var/log", "the journal stays in memory");
    plan.swap = own(Role::Swap).map(|partition| partition.device.clone());
    let (data, missing) = data(disk, partitions, known, &mut plan.warnings);
    plan.missing = missing;
    if !data.contains_key(&Place::FIRST) {
        let warning = "nothing is mounted at /data: VMs are kept in memory and lost at the next boot";
        plan.warnings.push(warning.into());
    }
    if let Known::Places(places) = known {
        plan.places.clone_from(places);
    }
    for (place, partition) in data {
        plan.places.extend(partition.id.map(|id| (id, place)));
        plan.data.push(mount(partition, &place.mount()));
    }
    match known {
        // Who is not here cannot be noted, and its place would go to another.
        Known::Count(count) if *count > plan.data.len() => {
            let seen = plan.data.len();
            plan.warnings
                .push(format!("{count} data partitions were there before, and {seen} now"));
            plan.places.clear();
        }
        _ => {}
    }
    plan
}

/// Data partitions by their places, and the places whose disk is missing. Nothing in here depends on the order of device nodes, which changes from boot to boot.
fn data<'a>(
    disk: &str,
    partitions: &'a [StatePartition],
    known: &Known,
    warnings: &mut Vec<String>,
) -> (BTreeMap<Place, &'a StatePartition>, BTreeSet<Place>) {
    let candidates = candidates(disk, partitions, warnings);
    let own = candidates.iter().any(|p| p.disk == disk);
    let noted = match known {
        Known::Places(places) => places.clone(),
        _ => Places::new(),
    };
    let mut taken: BTreeMap<Place, &StatePartition> = BTreeMap::new();
    // Known ones keep their places, and the node's own disk carries /data.
    let mut new = Vec::new();
    for partition in candidates {
        let place = partition.id.and_then(|id| noted.get(&id)).copied();
        match place.or((partition.disk == disk).then_some(Place::FIRST)) {
            Some(place) if !taken.contains_key(&place) => {
                taken.insert(place, partition);
            }
            _ => new.push(partition),
        }
    }
    let missing: BTreeSet<Place> = noted
        .values()
        .filter(|place| !taken.contains_key(place))
        .copied()
        .collect();
    // A place whose disk is missing stays empty: another disk there would pass for it.
    let free = |place: &Place, taken: &BTreeMap<Place, &StatePartition>| {
        !taken.contains_key(place) && !missing.contains(place)
    };
    let wanted = |p: &StatePartition| match p.label.as_deref().and_then(Place::from_label) {
        None if !own => Some(Place::FIRST),
        other => other,
    };
    // Nodes of a version that noted only a number keep the order that this version mounted in, once.
    let by_node = |p: &StatePartition| matches!(known, Known::Count(_)).then(|| p.device.clone());
    new.sort_by_key(|p| (wanted(p), by_node(p), p.id, p.device.clone()));
    let told = matches!(known, Known::Places(_));
    let mut late = Vec::new();
    for partition in new {
        match wanted(partition).filter(|place| free(place, &taken)) {
            Some(place) => {
                taken.insert(place, partition);
                if told {
                    warnings.push(format!(
                        "{} was not there before: its data is at {}",
                        partition.device,
                        place.mount()
                    ));
                }
            }
            None => late.push(partition),
        }
    }
    for partition in late {
        let device = &partition.device;
        let Some(place) = Place::further().find(|place| free(place, &taken)) else {
            warnings.push(format!(
                "{device} is not mounted: a node has room for {DATA_PLACES} data disks"
            ));
            continue;
        };
        taken.insert(place, partition);
        let at = place.mount();
        match wanted(partition) {
            Some(other) => {
                let other = other.mount();
                warnings.push(format!(
                    "{device} says that it is {other}, which is another disk's: its data is at {at}"
                ));
            }
            None if told => warnings.push(format!("{device} was not there before: its data is at {at}")),
            None => {}
        }
    }
    for place in &missing {
        warnings.push(format!("the data disk of {} is missing", place.mount()));
    }
    (taken, missing)
}

/// Data partitions that are this node's or nobody's, the node's own first. Of two that say they are the same one, the first is taken: a
/// disk that is seen by two paths, or its copy.
fn candidates<'a>(disk: &str, partitions: &'a [StatePartition], warnings: &mut Vec<String>) -> Vec<&'a StatePartition> {
    let is_data = |p: &&StatePartition| p.name == Role::Data.name();
    let systems: BTreeSet<&str> = partitions
        .iter()
        .filter(|p| !is_data(p))
        .map(|p| p.disk.as_str())
        .collect();
    let mut found: Vec<&StatePartition> = Vec::new();
    let (own, others): (Vec<_>, Vec<_>) = partitions.iter().filter(is_data).partition(|p| p.disk == disk);
    let further = others.into_iter().filter(|p| !systems.contains(p.disk.as_str()));
    for partition in own.into_iter().take(1).chain(further) {
        match found
            .iter()
            .find(|other| other.id.is_some() && other.id == partition.id)
        {
            Some(other) => warnings.push(format!(
                "{} has the identifier of {} and is not mounted: it is the same disk or a copy of it",
                partition.device, other.device
            )),
            None => found.push(partition),
        }
    }
    found
}

#[cfg(test)]
mod tests;
