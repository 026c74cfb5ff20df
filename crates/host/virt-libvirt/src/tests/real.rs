//! Against a libvirtd with QEMU, where there is one: `CORBEL_TEST_LIBVIRT` is its URI and `CORBEL_TEST_POOL` a directory
//! that has the same path here and there. Left out unless asked for (`--run-ignored only`), so that nobody takes them for
//! passed where nothing ran; the end-to-end tests cover a node.

use std::time::{Duration, Instant};

use corbel_model::vm::{CloudInit, DirectBoot, DiskBus, DiskFormat, DiskKind, DiskSpec, Firmware, VmState};
use corbel_model::{ByteSize, VolumeName};
use corbel_virt::conformance::{Abilities, conformance, sample_spec, wait_for};
use corbel_virt::{Hypervisor, VmChange};

use super::LIMIT;
use crate::{Libvirt, ffi};

fn real() -> Libvirt {
    let libvirt = Libvirt::connect(&std::env::var("CORBEL_TEST_LIBVIRT").expect("CORBEL_TEST_LIBVIRT")).unwrap();
    assert!(libvirt.wait_ready(LIMIT));
    let pool = std::env::var("CORBEL_TEST_POOL").unwrap_or("/data/images".into());
    libvirt.ensure_defaults(&pool, &"default".parse().unwrap()).unwrap();
    libvirt
}

#[test]
#[ignore = "needs a libvirtd with QEMU: CORBEL_TEST_LIBVIRT"]
fn a_real_libvirt_keeps_the_rules() {
    let libvirt = real();
    assert!(libvirt.version().unwrap().starts_with("QEMU "));
    let more = std::env::var("CORBEL_TEST_POOL").unwrap_or("/data/images".into()) + "-more";
    libvirt.ensure_pool("conf-more", &more).unwrap();
    conformance(
        &libvirt,
        &Abilities {
            uploads: true,
            console: true,
            domain_type: "qemu",
        },
    );
}

/// `CORBEL_TEST_KERNEL` and `CORBEL_TEST_INITRD` are files of a guest that says `ready` and echoes what it hears.
#[test]
#[ignore = "needs a libvirtd with QEMU: CORBEL_TEST_LIBVIRT"]
fn a_guest_talks_over_its_console() {
    let file = |name| std::env::var(name).expect(name);
    let (kernel, initrd) = (file("CORBEL_TEST_KERNEL"), file("CORBEL_TEST_INITRD"));
    let libvirt = real();
    let upload = |name: &str, file: &str| -> VolumeName {
        let name = name.parse().unwrap();
        let content = std::fs::read(file).unwrap();
        let mut chunks = content.chunks(100_000).map(|chunk| Ok(chunk.to_vec()));
        let made = libvirt
            .upload_volume(&name, ByteSize(content.len() as u64), &mut chunks)
            .unwrap();
        assert_eq!(std::fs::read(made.path).unwrap(), content);
        name
    };
    let mut spec = sample_spec("talk");
    let command_line = "console=ttyS0 quiet panic=-1".to_owned();
    let kernel = upload("talk-kernel", &kernel);
    spec.direct_boot = Some(DirectBoot {
        kernel,
        initrd: Some(upload("talk-initrd", &initrd)),
        command_line,
    });
    libvirt.create_vm(&spec).unwrap();
    assert!(libvirt.delete_volume(&"talk-kernel".parse().unwrap()).is_err());
    let mut events = libvirt.events();
    libvirt.start_vm("talk").unwrap();
    let mut console = libvirt.open_console("talk").unwrap();
    assert!(libvirt.open_console("talk").is_err());
    let mut heard = Vec::new();
    let mut hear = |wanted: &str, console: &mut corbel_virt::Console| {
        while !String::from_utf8_lossy(&heard).contains(wanted) {
            heard.extend(console.output.blocking_recv().unwrap());
        }
        heard.clear();
    };
    hear("ready", &mut console);
    let long = "x".repeat(3000);
    for word in ["hello", long.as_str()] {
        console.input.blocking_send(format!("{word}\n").into_bytes()).unwrap();
        hear(&format!("echo:{word}"), &mut console);
    }
    // Hung up, and free for the next client.
    drop(console);
    let until = Instant::now() + LIMIT;
    let mut console = loop {
        match libvirt.open_console("talk") {
            Ok(console) => break console,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
    };
    console.input.blocking_send(b"again\n".to_vec()).unwrap();
    hear("echo:again", &mut console);
    let detail = libvirt.show_vm("talk").unwrap();
    assert_eq!(detail.summary.state, VmState::Running);
    let stats = libvirt.vm_stats("talk").unwrap();
    assert!(stats.cpu_time_ns > 0 && stats.memory_rss.is_some(), "{stats:?}");
    // A connection that breaks takes its consoles along, and leaves the guest alone.
    let link = libvirt.keeper.get().unwrap();
    libvirt.keeper.lost(&link, "the test broke it");
    drop(link);
    while console.output.blocking_recv().is_some() {}
    assert!(libvirt.wait_ready(LIMIT));
    let mut console = libvirt.open_console("talk").unwrap();
    libvirt.force_off_vm("talk").unwrap();
    while console.output.blocking_recv().is_some() {}
    wait_for(&mut events, "talk", VmChange::Stopped);
    libvirt.delete_vm("talk", true).unwrap();
    for volume in ["talk-kernel", "talk-initrd"] {
        libvirt.delete_volume(&volume.parse().unwrap()).unwrap();
    }
}

/// The promise, 1.5, is measured by the project's bench; here it is held with room for a busy machine and a debug build.
#[test]
#[ignore = "needs a libvirtd with QEMU: CORBEL_TEST_LIBVIRT"]
fn a_thousand_machines_cost_little_more_than_one_bulk_call() {
    let libvirt = real();
    let domain = |i: u32| {
        format!("<domain type='qemu'><name>many-{i:04}</name><memory>65536</memory><os><type>hvm</type></os></domain>")
    };
    for i in 0..1000 {
        libvirt.define_xml(&domain(i)).unwrap();
    }
    libvirt.set_autostart("many-0500", true).unwrap();
    let link = libvirt.keeper.get().unwrap();
    let time = |work: &mut dyn FnMut()| {
        let best = (0..20).map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        });
        best.min().unwrap_or(Duration::MAX)
    };
    let list = time(&mut || assert!(libvirt.list_vms().unwrap().iter().filter(|vm| vm.autostart).count() == 1));
    let bulk = time(&mut || {
        let mut count = 0;
        ffi::all_stats(link.connection(), ffi::Which::ALL, ffi::Groups::LIST, |_| count += 1).unwrap();
        assert!(count >= 1000);
    });
    for i in 0..1000 {
        libvirt.delete_vm(&format!("many-{i:04}"), false).unwrap();
    }
    let ratio = list.as_secs_f64() / bulk.as_secs_f64();
    assert!(ratio < 2.0, "list {list:?}, one bulk call {bulk:?}: {ratio:.2}");
    eprintln!("list {list:?}, one bulk call {bulk:?}: {ratio:.2}");
}

/// QEMU itself says whether it likes the document.
#[test]
#[ignore = "needs a libvirtd with QEMU: CORBEL_TEST_LIBVIRT"]
fn every_shape_of_machine_starts() {
    let libvirt = real();
    let shape = |name: &str, firmware, disks: &[(&str, DiskBus, DiskKind, DiskFormat)]| {
        let mut spec = sample_spec(name);
        spec.firmware = firmware;
        spec.disks = disks
            .iter()
            .map(|(volume, bus, kind, format)| DiskSpec {
                volume: volume.parse().unwrap(),
                create: Some(ByteSize::mib(1)),
                format: *format,
                bus: *bus,
                kind: *kind,
                read_only: *bus == DiskBus::Scsi,
            })
            .collect();
        spec.cloud_init = Some(CloudInit {
            user_data: "#cloud-config\n".into(),
            ..CloudInit::default()
        });
        spec.autostart = true;
        spec
    };
    let (disk, cdrom) = (DiskKind::Disk, DiskKind::Cdrom);
    let (raw, qcow2) = (DiskFormat::Raw, DiskFormat::Qcow2);
    let mixed = [
        ("shape-a", DiskBus::Virtio, disk, qcow2),
        ("shape-b", DiskBus::Virtio, disk, raw),
        ("shape-c", DiskBus::Scsi, disk, qcow2),
        ("shape-d", DiskBus::Sata, disk, raw),
        ("shape-e", DiskBus::Virtio, cdrom, raw),
    ];
    let names: Vec<_> = (0..24).map(|i| format!("shape-{i}")).collect();
    let many = |bus| {
        names
            .iter()
            .map(|name| (name.as_str(), bus, disk, qcow2))
            .collect::<Vec<_>>()
    };
    let shapes = [
        shape("shape-uefi", Firmware::Uefi, &mixed),
        shape("shape-virtio", Firmware::Bios, &many(DiskBus::Virtio)),
        shape("shape-sata", Firmware::Bios, &many(DiskBus::Sata)),
        shape("shape-none", Firmware::Bios, &[]),
    ];
    for spec in shapes {
        let name = spec.name.as_str();
        let made = libvirt.create_vm(&spec).unwrap();
        assert!(made.autostart);
        libvirt.start_vm(name).unwrap();
        let detail = libvirt.show_vm(name).unwrap();
        assert_eq!(
            (detail.firmware, detail.disks.len()),
            (spec.firmware, spec.disks.len() + 1)
        );
        libvirt.shutdown_vm(name).unwrap();
        libvirt.reboot_vm(name).unwrap();
        libvirt.force_off_vm(name).unwrap();
        libvirt.delete_vm(name, true).unwrap();
    }
    libvirt.delete_volume(&"shape-e".parse().unwrap()).unwrap();
    let left = libvirt.list_volumes().unwrap();
    assert!(!left.iter().any(|volume| volume.name.starts_with("shape-")), "{left:?}");
}
