use corbel_model::vm::{CloudInit, DiskFormat, DiskKind};

use super::*;
use crate::conformance::sample_spec;
use crate::xml::parse_domain;

fn observed(volumes: &[(&str, &str)]) -> Observed {
    let pair = |(name, format): &(&str, &str)| ((*name).to_owned(), (*format).to_owned());
    Observed {
        volumes: volumes.iter().map(pair).collect(),
        networks: ["default".to_owned()].into(),
    }
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
        let disk = |(kind, file): &(&str, &str)| format!("<disk device='{kind}'><source file='{file}'/></disk>");
        let disks: String = disks.iter().map(disk).collect();
        let xml =
            format!("<domain type='kvm'><name>{name}</name><memory>1</memory><devices>{disks}</devices></domain>");
        parse_domain(&xml).unwrap()
    };
    let machine = domain(
        "a",
        &[
            ("disk", "/p/own"),
            ("disk", "/p/shared"),
            ("cdrom", "/p/installer.iso"),
            ("cdrom", "/p/a-cidata.iso"),
            ("disk", "/elsewhere/x"),
            ("disk", "/p/../etc/passwd"),
        ],
    );
    let other = domain("b", &[("disk", "/p/shared")]);
    let gone = |disks| volumes_to_delete(&machine, std::slice::from_ref(&other), "/p", disks);
    assert_eq!(gone(true), ["own", "a-cidata.iso"]);
    assert_eq!(gone(false), ["a-cidata.iso"]);
}
