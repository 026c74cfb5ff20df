//! Where an installed node keeps what outlives a reboot: which partition is mounted where, and which folders of the system lie on it.
//!
//! Only partitions of the disk that the node was booted from count, and data partitions of disks that carry nothing else of ours: the
//! disk of another node that somebody plugged in keeps its configuration to itself.

use std::collections::BTreeSet;

use corbel_layout::disk::Role;
use serde::Serialize;

/// A partition with a name of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePartition {
    /// Its node, such as `/dev/vda5`.
    pub device: String,
    /// The node of the disk that it is on.
    pub disk: String,
    /// Its name in the partition table.
    pub name: String,
    /// Label of its file system; `corbel-data3` puts a data partition at `/data3`.
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
    pub swap: Option<String>,
    pub warnings: Vec<String>,
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

/// Plans the mounts of the node that was booted from `disk`.
pub fn plan_state(disk: &str, partitions: &[StatePartition]) -> StatePlan {
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
    plan.data = data(disk, partitions, mount);
    if plan.data.is_empty() {
        plan.warnings
            .push("there is no data partition: VMs are kept in memory and lost at the next boot".into());
    }
    plan
}

fn data(
    disk: &str,
    partitions: &[StatePartition],
    mount: impl Fn(&StatePartition, &str) -> StateMount,
) -> Vec<StateMount> {
    let is_data = |p: &&StatePartition| p.name == Role::Data.name();
    let systems: BTreeSet<&str> = partitions
        .iter()
        .filter(|p| !is_data(p))
        .map(|p| p.disk.as_str())
        .collect();
    let mut found: Vec<StateMount> = partitions
        .iter()
        .filter(is_data)
        .find(|p| p.disk == disk)
        .map(|p| mount(p, "/data"))
        .into_iter()
        .collect();
    let mut others: Vec<&StatePartition> = partitions
        .iter()
        .filter(is_data)
        .filter(|p| p.disk != disk && !systems.contains(p.disk.as_str()))
        .collect();
    // Those that know their place first; the others fill the gaps in the order of their nodes.
    let place = |p: &StatePartition| -> Option<u32> {
        let number = p.label.as_deref()?.strip_prefix("corbel-data")?.parse().ok()?;
        (2..=99).contains(&number).then_some(number)
    };
    others.sort_by_key(|p| (place(p).is_none(), place(p), &p.device));
    let mut taken = BTreeSet::new();
    for partition in others {
        let free = || (2..).find(|number| !taken.contains(number));
        let number = place(partition).filter(|number| !taken.contains(number)).or_else(free);
        if let Some(number) = number {
            taken.insert(number);
            found.push(mount(partition, &format!("/data{number}")));
        }
    }
    found.sort_by(|a, b| (a.at.len(), &a.at).cmp(&(b.at.len(), &b.at)));
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
        let plan = plan_state("/dev/vdb", &both);
        assert_eq!(plan.config.as_ref().map(|m| m.device.as_str()), Some("/dev/vdb2"));
        assert_eq!(plan.log.as_ref().map(|m| m.device.as_str()), Some("/dev/vdb3"));
        assert_eq!(
            places(&plan),
            [("/dev/vdb4", "/data")],
            "the other node's data is its own"
        );
        assert!(plan.warnings.is_empty() && plan.swap.is_none(), "{plan:?}");
    }

    #[test]
    fn data_disks_find_their_places_by_label_and_else_in_order() {
        let mut seen = node("vda");
        seen.extend([
            partition("vdb1", "vdb", "corbel-data", None),
            partition("vdc1", "vdc", "corbel-data", Some("corbel-data2")),
            partition("vdd1", "vdd", "corbel-data", Some("corbel-data2")),
            partition("vde1", "vde", "corbel-data", Some("corbel-data1")),
        ]);
        let plan = plan_state("/dev/vda", &seen);
        let expected = [
            ("/dev/vda4", "/data"),
            ("/dev/vdc1", "/data2"),
            ("/dev/vdd1", "/data3"),
            ("/dev/vdb1", "/data4"),
            ("/dev/vde1", "/data5"),
        ];
        assert_eq!(places(&plan), expected);
    }

    #[test]
    fn what_is_missing_is_told() {
        let plan = plan_state("/dev/vda", &[]);
        assert_eq!(plan.warnings.len(), 3);
        assert_eq!(
            plan.warnings[0],
            "/dev/vda has no partition corbel-config: the node has no configuration of its own"
        );
    }
}
