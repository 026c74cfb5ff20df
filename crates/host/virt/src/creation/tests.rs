use corbel_model::vm::{CloudInit, DiskFormat, DiskKind};

use super::*;
use crate::conformance::sample_spec;
use crate::xml::parse_domain;

fn observed(volumes: &[(&str, &str)]) -> Observed {
    let pair = |(name, format): &(&str, &str)| ((*name).to_owned(), (*format).to_owned());
    Observed {
        volumes: volumes.iter().map(pair).collect(),
        pools: pools(&["default", "data2"]),
        networks: ["default".to_owned()].into(),
    }
}

fn pools(names: &[&str]) -> PoolPaths {
    names
        .iter()
        .map(|name| ((*name).to_owned(), format!("/{name}")))
        .collect()
}

#[test]
fn a_disk_in_another_pool_is_made_there_and_in_none_that_is_not_active() {
    let mut spec = sample_spec("a");
    spec.disks[0].volume = "data2/a.qcow2".parse().unwrap();
    let creation = plan_creation(&spec, &observed(&[("a.qcow2", "raw")])).unwrap();
    let made = &creation.new_volumes[0].name;
    assert_eq!((made.pool(), made.file()), ("data2", "a.qcow2"));
    let reused = plan_creation(&spec, &observed(&[("data2/a.qcow2", "qcow2")])).unwrap();
    assert_eq!(reused.reused, std::slice::from_ref(made));
    spec.disks[0].volume = "data3/a.qcow2".parse().unwrap();
    let error = plan_creation(&spec, &observed(&[])).unwrap_err().to_string();
    assert_eq!(
        error,
        "disks[0].volume: there is no active pool data3: there is data2, default"
    );
}

#[test]
fn a_new_disk_is_made_and_an_old_one_is_kept() {
    let spec = sample_spec("a");
    let creation = plan_creation(&spec, &observed(&[])).unwrap();
    assert_eq!(creation.new_volumes[0].name.as_str(), "a.qcow2");
    let creation = plan_creation(&spec, &observed(&[("a.qcow2", "qcow2")])).unwrap();
    assert!(creation.new_volumes.is_empty());
    assert_eq!(creation.reused.len(), 1);
}

#[test]
fn a_disk_of_another_format_is_refused_and_a_cd_is_not() {
    let mut spec = sample_spec("a");
    let there = observed(&[("a.qcow2", "raw")]);
    let error = plan_creation(&spec, &there).unwrap_err().to_string();
    assert_eq!(error, "disks[0].format: is qcow2, but volume a.qcow2 is raw: say raw");
    spec.disks[0].kind = DiskKind::Cdrom;
    assert_eq!(plan_creation(&spec, &there), Ok(Creation::default()));
    spec.disks[0].format = DiskFormat::Raw;
    assert!(plan_creation(&spec, &observed(&[("a.qcow2", "iso")])).is_ok());
}

#[test]
fn a_cloud_init_disk_is_never_overwritten() {
    let mut spec = sample_spec("a");
    spec.cloud_init = Some(CloudInit::default());
    assert!(plan_creation(&spec, &observed(&[])).unwrap().seed.is_some());
    let error = plan_creation(&spec, &observed(&[("a-cidata.iso", "raw")])).unwrap_err();
    assert_eq!(error.to_string(), "volume a-cidata.iso exists already");
}

#[test]
fn only_disks_that_nobody_else_has_go_with_a_machine() {
    let domain = |name: &str, disks: &[(&str, &str)]| {
        let disk = |(kind, file): &(&str, &str)| match file.split_once(':') {
            Some((pool, volume)) => {
                format!("<disk type='volume' device='{kind}'><source pool='{pool}' volume='{volume}'/></disk>")
            }
            None => format!("<disk device='{kind}'><source file='{file}'/></disk>"),
        };
        let disks: String = disks.iter().map(disk).collect();
        let xml =
            format!("<domain type='kvm'><name>{name}</name><memory>1</memory><devices>{disks}</devices></domain>");
        parse_domain(&xml).unwrap()
    };
    let machine = domain(
        "a",
        &[
            ("disk", "/default/own"),
            ("disk", "/default/shared"),
            ("cdrom", "/default/installer.iso"),
            ("cdrom", "/default/a-cidata.iso"),
            ("disk", "/data2/second"),
            ("disk", "data2:third"),
            ("disk", "data2:shared"),
            ("disk", "elsewhere:x"),
            ("disk", "/elsewhere/x"),
            ("disk", "/default/../etc/passwd"),
        ],
    );
    let other = domain("b", &[("disk", "/default/shared"), ("disk", "/data2/shared")]);
    let gone = |disks| {
        volumes_to_delete(
            &machine,
            std::slice::from_ref(&other),
            &pools(&["default", "data2"]),
            disks,
        )
    };
    assert_eq!(gone(true), ["own", "a-cidata.iso", "data2/second", "data2/third"]);
    assert_eq!(gone(false), ["a-cidata.iso"]);
}
