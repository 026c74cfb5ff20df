//! Which partition goes where, whatever the nodes are called at this boot.

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
        seen.extend(disks.map(|(disk, id)| data_disk(disk, id, if id == 7 { "corbel-data2" } else { "corbel-data" })));
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
