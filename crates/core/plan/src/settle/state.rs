//! Where an installed node keeps what outlives a reboot: which partition is mounted where, and which folders of the system lie on it.
//!
//! Only partitions of the disk that the node was booted from count, and data partitions of disks that carry nothing else of ours: the
//! disk of another node that somebody plugged in keeps its configuration to itself.
//!
//! A data partition has its place for good: by the note in `/config`, which the installer begins and each boot goes on with, and by the
//! label of its file system where nothing is noted. A disk that comes new is mounted behind the others and told.

use std::collections::{BTreeMap, BTreeSet};

use corbel_layout::disk::Role;
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
    if data.first().is_none_or(|(place, ..)| *place != Place::FIRST) {
        let warning = "nothing is mounted at /data: VMs are kept in memory and lost at the next boot";
        plan.warnings.push(warning.into());
    }
    if let Known::Places(places) = known {
        plan.places.clone_from(places);
    }
    for (place, mount, id) in data {
        plan.places.extend(id.map(|id| (id, place)));
        plan.data.push(mount);
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

/// Data partitions with their places. Nothing in here depends on the order of device nodes, which changes from boot to boot.
fn data(
    disk: &str,
    partitions: &[StatePartition],
    known: &Known,
    warnings: &mut Vec<String>,
) -> (Vec<(Place, StateMount, Option<Guid>)>, BTreeSet<Place>) {
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
            warnings.push(format!("{device} is not mounted: there are too many data disks"));
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
    let mounts = taken.into_iter().map(|(place, partition)| {
        let mount = StateMount {
            device: partition.device.clone(),
            at: place.mount(),
        };
        (place, mount, partition.id)
    });
    (mounts.collect(), missing)
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
mod tests {
    use super::*;

    fn partition(device: &str, disk: &str, name: &str, label: Option<&str>) -> StatePartition {
        StatePartition {
            device: format!("/dev/{device}"),
            disk: format!("/dev/{disk}"),
            name: name.into(),
            id: None,
            label: label.map(str::to_owned),
        }
    }

    fn node(disk: &str) -> Vec<StatePartition> {
        ["corbel-esp", "corbel-config", "corbel-log", "corbel-data"]
            .iter()
            .zip(1..)
            .map(|(name, number)| partition(&format!("{disk}{number}"), disk, name, None))
            .collect()
    }

    fn places(plan: &StatePlan) -> Vec<(&str, &str)> {
        plan.data.iter().map(|m| (m.device.as_str(), m.at.as_str())).collect()
    }

    #[test]
    fn everything_lies_on_the_disk_that_was_booted_from() {
        let both = [node("vda"), node("vdb")].concat();
        let plan = plan_state("/dev/vdb", &both, &Known::Nothing);
        assert_eq!(plan.config.as_ref().map(|m| m.device.as_str()), Some("/dev/vdb2"));
        assert_eq!(plan.log.as_ref().map(|m| m.device.as_str()), Some("/dev/vdb3"));
        assert_eq!(
            places(&plan),
            [("/dev/vdb4", "/data")],
            "the other node's data is its own"
        );
        assert!(plan.warnings.is_empty() && plan.swap.is_none(), "{plan:?}");
    }

    fn data_disk(disk: &str, id: u8, label: &str) -> StatePartition {
        StatePartition {
            id: Some(Guid([id; 16])),
            ..partition(&format!("{disk}1"), disk, "corbel-data", Some(label))
        }
    }

    /// Which identifier is mounted where.
    fn by_id(plan: &StatePlan, seen: &[StatePartition]) -> Vec<(u8, String)> {
        let id = |mount: &StateMount| {
            let partition = seen
                .iter()
                .find(|p| p.device == mount.device)
                .expect("a partition that there is");
            partition.id.map_or(0, |id| id.0[0])
        };
        plan.data.iter().map(|mount| (id(mount), mount.at.clone())).collect()
    }

    #[test]
    fn a_new_node_finds_the_places_by_label() {
        let mut seen = node("vda");
        seen.extend([
            partition("vdb1", "vdb", "corbel-data", None),
            partition("vdc1", "vdc", "corbel-data", Some("corbel-data2")),
            partition("vdd1", "vdd", "corbel-data", Some("corbel-data2")),
            partition("vde1", "vde", "corbel-data", Some("corbel-data")),
            partition("vdf1", "vdf", "corbel-data", Some("corbel-data3")),
        ]);
        let plan = plan_state("/dev/vda", &seen, &Known::Nothing);
        let expected = [
            ("/dev/vda4", "/data"),
            ("/dev/vdc1", "/data2"),
            ("/dev/vdf1", "/data3"),
            ("/dev/vdb1", "/data4"),
            ("/dev/vde1", "/data5"),
            ("/dev/vdd1", "/data6"),
        ];
        assert_eq!(places(&plan), expected);
        let warning = "/dev/vdd1 says that it is /data2, which is another disk's: its data is at /data6";
        assert_eq!(plan.warnings, [warning]);
    }

    #[test]
    fn a_boot_disk_without_data_has_it_on_the_first_data_disk() {
        let mut system = node("vda");
        system.pop();
        let with = |more: &[StatePartition]| [system.clone(), more.to_vec()].concat();
        let seen = with(&[data_disk("vdb", 2, "corbel-data2"), data_disk("vdc", 1, "corbel-data")]);
        let plan = plan_state("/dev/vda", &seen, &Known::Nothing);
        assert_eq!(places(&plan), [("/dev/vdc1", "/data"), ("/dev/vdb1", "/data2")]);
        assert!(plan.warnings.is_empty(), "{plan:?}");
        // An installation of before: every disk has the plain label.
        let seen = with(&[data_disk("vdb", 9, "corbel-data"), data_disk("vdc", 1, "corbel-data")]);
        let plan = plan_state("/dev/vda", &seen, &Known::Nothing);
        assert_eq!(by_id(&plan, &seen), [(1, "/data".into()), (9, "/data2".into())]);
        // The disk of /data is away, and that of another node must not pass for it.
        let known = Known::Places([(Guid([1; 16]), Place::FIRST)].into());
        let seen = with(&[data_disk("vdb", 7, "corbel-data")]);
        let plan = plan_state("/dev/vda", &seen, &known);
        assert_eq!(places(&plan), [("/dev/vdb1", "/data2")]);
        let expected = [
            "/dev/vdb1 says that it is /data, which is another disk's: its data is at /data2",
            "the data disk of /data is missing",
            "nothing is mounted at /data: VMs are kept in memory and lost at the next boot",
        ];
        assert_eq!(plan.warnings, expected);
        assert_eq!(plan.places.len(), 2, "both are noted: {:?}", plan.places);
    }

    #[test]
    fn what_was_noted_wins_over_labels_and_over_the_order_of_the_nodes() {
        let mut further = Place::further();
        let (second, third) = (further.next().expect("a place"), further.next().expect("a place"));
        let known = Known::Places([(Guid([5; 16]), second), (Guid([6; 16]), third)].into());
        let expected = [
            (0, "/data".to_owned()),
            (5, "/data2".to_owned()),
            (6, "/data3".to_owned()),
            (7, "/data4".to_owned()),
        ];
        for order in [[5, 6, 7], [7, 6, 5], [6, 7, 5]] {
            let mut seen = node("vda");
            let disks = ["vdb", "vdc", "vdd"].iter().zip(order);
            // A foreign one, 7, that says it is the second.
            seen.extend(
                disks.map(|(disk, id)| data_disk(disk, id, if id == 7 { "corbel-data2" } else { "corbel-data" })),
            );
            let plan = plan_state("/dev/vda", &seen, &known);
            assert_eq!(by_id(&plan, &seen), expected, "{order:?}");
            assert_eq!(plan.warnings.len(), 1, "{plan:?}");
        }
        let mut seen = node("vda");
        seen.extend([data_disk("vdb", 6, "corbel-data3"), data_disk("vdc", 7, "corbel-data2")]);
        let plan = plan_state("/dev/vda", &seen, &known);
        assert_eq!(
            by_id(&plan, &seen)[1..],
            [(6, "/data3".to_owned()), (7, "/data4".to_owned())]
        );
        assert_eq!(
            plan.warnings.last().map(String::as_str),
            Some("the data disk of /data2 is missing")
        );
    }

    #[test]
    fn a_node_that_noted_a_number_keeps_the_order_that_it_had() {
        let mut seen = node("vda");
        seen.extend([data_disk("vdb", 9, "corbel-data"), data_disk("vdc", 8, "corbel-data")]);
        let before = plan_state("/dev/vda", &seen, &Known::Count(3));
        assert_eq!(
            by_id(&before, &seen)[1..],
            [(9, "/data2".to_owned()), (8, "/data3".to_owned())]
        );
        assert!(before.warnings.is_empty(), "{before:?}");
        let swapped = [
            node("vda"),
            vec![data_disk("vdb", 8, "corbel-data"), data_disk("vdc", 9, "corbel-data")],
        ]
        .concat();
        let plan = plan_state("/dev/vda", &swapped, &Known::Places(before.places));
        assert_eq!(
            by_id(&plan, &swapped)[1..],
            [(9, "/data2".to_owned()), (8, "/data3".to_owned())]
        );
    }

    #[test]
    fn a_number_that_was_noted_is_kept_while_a_disk_is_away() {
        let seen = [node("vda"), vec![data_disk("vdb", 8, "corbel-data")]].concat();
        let known = Known::Count(3);
        let plan = plan_state("/dev/vda", &seen, &known);
        assert_eq!(plan.warnings, ["3 data partitions were there before, and 2 now"]);
        assert!(plan.places.is_empty() && plan.lacks(&known), "{plan:?}");
    }

    #[test]
    fn one_disk_by_two_paths_is_mounted_once() {
        let mut seen = node("vda");
        seen.extend([data_disk("vdb", 3, "corbel-data2"), data_disk("vdc", 3, "corbel-data2")]);
        let plan = plan_state("/dev/vda", &seen, &Known::Nothing);
        assert_eq!(places(&plan)[1..], [("/dev/vdb1", "/data2")]);
        assert_eq!(plan.warnings.len(), 1, "{plan:?}");
    }

    #[test]
    fn what_is_missing_is_told() {
        let plan = plan_state("/dev/vda", &[], &Known::Nothing);
        assert_eq!(plan.warnings.len(), 3);
        assert_eq!(
            plan.warnings[0],
            "/dev/vda has no partition corbel-config: the node has no configuration of its own"
        );
    }
}
