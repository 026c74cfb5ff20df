use corbel_model::vm::{
    CloudInit, DirectBoot, DiskBus, DiskFormat, DiskKind, DiskSpec, Firmware, NicSource, NicSpec, OnReboot, VmSpec,
};
use corbel_model::{ByteSize, NetworkName, VmName, VolumeName};
use proptest::prelude::*;

use super::*;
use crate::conformance::sample_spec;

fn pools() -> PoolPaths {
    let pools = [("default", "/data/images"), ("data2", "/data2/images")];
    pools.map(|(name, path)| (name.to_owned(), path.to_owned())).into()
}

fn place(host: HostTraits, pools: &PoolPaths) -> Placement<'_> {
    Placement {
        host,
        pools,
        seed: None,
    }
}

#[test]
fn a_domain_has_what_a_server_guest_needs_and_no_more() {
    let mut spec = sample_spec("web");
    spec.firmware = Firmware::Uefi;
    let (pools, seed) = (pools(), "web-cidata.iso".parse().unwrap());
    let kvm = place(HostTraits::default(), &pools);
    let xml = render_domain(
        &spec,
        &Placement {
            seed: Some(&seed),
            ..kvm
        },
    )
    .unwrap();
    for part in [
        "<domain type='kvm'>",
        "<os firmware='efi'>",
        "machine='q35'",
        "<cpu mode='host-passthrough'",
        "discard='unmap'",
        "<source file='/data/images/web.qcow2'/>",
        "<source file='/data/images/web-cidata.iso'/>\n      <target dev='sda' bus='sata'/>",
        "<source network='default'/>",
        "<serial type='pty'>",
        "<console type='pty'>",
        "org.qemu.guest_agent.0",
        "<rng model='virtio'>",
        "<memballoon model='virtio'>",
    ] {
        assert!(xml.contains(part), "{part} is missing in\n{xml}");
    }
    for part in ["<graphics", "<video", "<sound", "<input"] {
        assert!(!xml.contains(part), "{part} is in\n{xml}");
    }
    let tcg = HostTraits {
        accelerator: Accelerator::Emulated,
        graphics: true,
    };
    let xml = render_domain(&spec, &place(tcg, &pools)).unwrap();
    assert!(
        xml.contains("<domain type='qemu'>") && xml.contains("mode='maximum'"),
        "{xml}"
    );
    assert!(
        xml.contains("<graphics type='vnc' autoport='yes' listen='127.0.0.1'/>"),
        "{xml}"
    );
}

#[test]
fn a_kernel_is_booted_directly_and_its_words_survive() {
    let mut spec = sample_spec("tiny");
    let words = "console=ttyS0 a='<&>\"' ünïcode";
    spec.direct_boot = Some(DirectBoot {
        kernel: "k".parse().unwrap(),
        initrd: None,
        command_line: words.to_owned(),
    });
    let xml = render_domain(&spec, &place(HostTraits::default(), &pools())).unwrap();
    let doc = roxmltree::Document::parse(&xml).unwrap();
    let cmdline = doc.descendants().find(|node| node.has_tag_name("cmdline")).unwrap();
    assert_eq!(cmdline.text(), Some(words));
    assert_eq!(parse_domain(&xml).unwrap().kernel.as_deref(), Some("/data/images/k"));
    spec.direct_boot.as_mut().unwrap().command_line = "a\0b".into();
    let error = render_domain(&spec, &place(HostTraits::default(), &pools())).unwrap_err();
    assert_eq!(
        error.to_string(),
        r"direct_boot.command_line: holds '\0': use printable characters in one line"
    );
}

#[track_caller]
fn refused(xml: &str, sentence: &str) {
    let error = parse_domain(xml).unwrap_err().to_string();
    assert!(error.starts_with(sentence), "{error}");
    assert!(error.len() < 400 && !error.contains('\n'), "{error}");
}

#[test]
fn an_error_names_the_line_and_the_element() {
    refused(
        "<domain type='kvm'>\n<name>a</name>\n</domain>",
        "xml: line 1, <domain>: has no <memory>",
    );
    refused(
        "<domain type='kvm'><name>a</name>\n<memory unit='KiB'>much</memory></domain>",
        "xml: line 2, <memory>: \"much\" is not a whole number",
    );
    refused(
        "<domain type='x'><name>\n</name><memory>1</memory></domain>",
        "xml: line 1, <name>: is empty",
    );
    refused(
        "<domain type='x'><name>a</name><memory>1</memory><vcpu>0</vcpu></domain>",
        "xml: line 1, <vcpu>: \"0\" is not a number of CPUs",
    );
    refused(
        "<domain><name>a</name><memory>1</memory></domain>",
        "xml: line 1, <domain>: has no attribute type",
    );
    refused(
        "<pool/>",
        "xml: begins with <pool>: a document that begins with <domain> is wanted",
    );
    refused("", "xml: is not well formed");
    refused("<domain>\n<name></domain>", "xml: is not well formed");
}

#[test]
fn hostile_documents_are_refused_in_one_sentence() {
    refused(&"<a>".repeat(300_000), "xml: nests elements more than 64 deep");
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><domain>&b;</domain>";
    refused(bomb, "xml: has a document type declaration");
    refused("<domain>&external;</domain>", "xml: is not well formed");
    let attributes: String = (0..80_000).map(|i| format!(" a{i}=''")).collect();
    refused(
        &format!("<domain{attributes}/>"),
        "xml: has an element with more than 256 attributes",
    );
    refused(&format!("<domain a='{}'/>", "x".repeat(MAX_XML)), "xml: has 1048");
    refused(
        &format!("<domain a='{}'/>", "x".repeat(1_000_000)),
        "xml: line 1, <domain>: has no <name>",
    );
    refused(&format!("<{}/>", "x".repeat(100_000)), "xml: begins with <xxxx");
    refused(
        &format!("<domain><{}></domain>", "x".repeat(100_000)),
        "xml: is not well formed",
    );
}

#[test]
fn units_are_libvirts() {
    let memory = |xml: &str| {
        parse_domain(&format!("<domain type='t'><name>a</name>{xml}</domain>")).map(|domain| domain.memory.bytes())
    };
    assert_eq!(memory("<memory>4</memory>"), Ok(4096));
    assert_eq!(memory("<memory unit='bytes'> 4 </memory>"), Ok(4));
    assert_eq!(memory("<memory unit='MB'>4</memory>"), Ok(4_000_000));
    assert_eq!(memory("<memory unit='G'>1</memory>"), Ok(1 << 30));
    assert!(memory("<memory unit='TiB'>99999999999</memory>").is_err());
}

#[test]
fn disks_of_others_are_read() {
    let xml = "<domain type='kvm'><name>a</name><memory>1</memory><vcpu current='2'>4</vcpu>
      <os><type>hvm</type><loader type='pflash'>x</loader></os><devices>
      <disk type='volume'><source pool='default' volume='v'/><target dev='vda'/></disk>
      <disk type='block'><source dev='/dev/sdb'/><target dev='vdb'/><readonly/></disk>
      <disk device='cdrom'><target dev='sda'/></disk><disk device='floppy'/>
      <interface type='direct'><mac address='52:54:00:00:00:01'/><source dev='eth0' mode='bridge'/></interface>
      </devices></domain>";
    let domain = parse_domain(xml).unwrap();
    assert_eq!(
        (domain.cpus, domain.firmware, domain.disks.len()),
        (2, Firmware::Uefi, 3)
    );
    assert!(domain.uses("/p/v", "v") && !domain.uses("/p/w", "w") && domain.uses("/dev/sdb", "sdb"));
    assert_eq!(domain.nics[0].source.as_deref(), Some("eth0"));
}

#[test]
fn pools_volumes_and_networks_are_read_back() {
    assert_eq!(
        parse_pool_path(&render_pool("default", "/data/a & b")),
        Ok("/data/a & b".into())
    );
    let volume = parse_volume(&render_volume("a.img", ByteSize(5), "qcow2")).unwrap();
    assert_eq!((volume.capacity, volume.format.as_str()), (ByteSize(5), "qcow2"));
    let network = parse_network(&render_nat_network(&"default".parse().unwrap())).unwrap();
    assert_eq!(
        (network.mode.as_str(), network.bridge.as_deref()),
        ("nat", Some("virbr0"))
    );
}

fn volume_name() -> impl Strategy<Value = VolumeName> {
    "(data2/)?[a-zA-Z0-9][a-zA-Z0-9._+-]{0,40}".prop_map(|name| name.parse().unwrap())
}

prop_compose! {
    fn disk()(
        volume in volume_name(), size in proptest::option::of(1_u64..1 << 40), raw: bool, bus in 0..3, cdrom: bool,
        read_only: bool,
    ) -> DiskSpec {
        DiskSpec {
            volume, create: size.map(ByteSize),
            format: if raw { DiskFormat::Raw } else { DiskFormat::Qcow2 },
            bus: [DiskBus::Virtio, DiskBus::Scsi, DiskBus::Sata][bus as usize],
            kind: if cdrom { DiskKind::Cdrom } else { DiskKind::Disk },
            read_only,
        }
    }
}

prop_compose! {
    fn nic()(name in "[a-z][a-z0-9]{0,14}", bridge: bool, last: Option<u8>) -> NicSpec {
        let name: NetworkName = name.parse().unwrap();
        let source = if bridge { NicSource::Bridge(name) } else { NicSource::Nat(name) };
        NicSpec { source, mac: last.map(|last| format!("52:54:00:AB:cd:{last:02x}")) }
    }
}

prop_compose! {
    fn spec()(
        name in "[a-zA-Z0-9][a-zA-Z0-9._+-]{0,62}", cpus in 1_u16..=255, mib in 16_u64..1 << 20, uefi: bool,
        disks in proptest::collection::vec(disk(), 0..24), networks in proptest::collection::vec(nic(), 0..4),
        boot in proptest::option::of((volume_name(), proptest::option::of(volume_name()), "\\PC{0,80}")),
        cloud: bool, autostart: bool, save: bool,
    ) -> VmSpec {
        let name: VmName = name.parse().unwrap();
        let boot = boot.map(|(kernel, initrd, command_line)| DirectBoot { kernel, initrd, command_line });
        VmSpec {
            name, cpus, memory: ByteSize::mib(mib), firmware: if uefi { Firmware::Uefi } else { Firmware::Bios },
            disks, networks, direct_boot: boot, cloud_init: cloud.then(CloudInit::default), autostart,
            on_reboot: if save { OnReboot::Save } else { OnReboot::ShutDown },
        }
    }
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back(spec in spec(), pool in "/\\PC{0,30}") {
        let pool = pool.trim().trim_end_matches('/');
        let pools = [("default".to_owned(), pool.to_owned()), ("data2".to_owned(), format!("{pool}2"))].into();
        let seed = "s.iso".parse().unwrap();
        let place = Placement { host: HostTraits::default(), pools: &pools, seed: Some(&seed) };
        let rendered = render_domain(&spec, &place);
        let Ok(xml) = rendered else {
            prop_assert!(spec.direct_boot.is_some());
            return Ok(());
        };
        let read = parse_domain(&xml).unwrap();
        prop_assert_eq!(on_reboot(&xml), spec.on_reboot);
        prop_assert_eq!(read.name, spec.name.as_str());
        prop_assert_eq!((read.cpus, read.memory, read.firmware), (u32::from(spec.cpus), spec.memory, spec.firmware));
        prop_assert_eq!(read.disks.len(), spec.disks.len() + 1);
        let mut targets: Vec<_> = read.disks.iter().map(|disk| disk.disk.target.clone()).collect();
        targets.sort();
        targets.dedup();
        prop_assert_eq!(targets.len(), read.disks.len());
        for (read, wanted) in read.disks.iter().zip(&spec.disks) {
            let path = format!("{}/{}", pools[wanted.volume.pool()], wanted.volume.file());
            prop_assert_eq!(read.disk.source.as_deref(), Some(path.as_str()));
            prop_assert_eq!(read.disk.kind, wanted.kind);
            prop_assert_eq!(read.disk.read_only, wanted.read_only || wanted.kind == DiskKind::Cdrom);
        }
        for (read, wanted) in read.nics.iter().zip(&spec.networks) {
            let (NicSource::Nat(name) | NicSource::Bridge(name)) = &wanted.source;
            prop_assert_eq!(read.source.as_deref(), Some(name.as_str()));
            prop_assert_eq!(&read.mac, &wanted.mac.clone().unwrap_or_default().to_ascii_lowercase());
        }
    }

    #[test]
    fn any_text_is_answered(text in "(<[a-z/!?\\[-]{0,9}[ a-z='\"]{0,9}>?|\\PC){0,40}") {
        let _ = parse_domain(&text);
        let _ = on_reboot(&text);
        let _ = parse_volume(&text);
        let _ = parse_network(&text);
        let _ = parse_pool_path(&text);
    }

    #[test]
    fn a_damaged_document_is_answered(cut in 0_usize..3000, with in "\\PC{0,3}") {
        let mut xml = render_domain(&sample_spec("a"), &place(HostTraits::default(), &pools())).unwrap();
        let at = cut.min(xml.len());
        xml.replace_range(at..(at + 3).min(xml.len()), &with);
        let _ = parse_domain(&xml);
    }
}
