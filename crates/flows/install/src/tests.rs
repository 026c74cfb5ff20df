use std::sync::Mutex;

use corbel_disk::RawDisk as _;
use corbel_layout::disk::{Role, find_data, find_layout};
use corbel_layout::grub::bios;
use corbel_layout::signature::Signature;
use corbel_layout::{ReadAt, gpt};
use corbel_model::install::{DeviceMatch, InstallRequest, Mode, UninstallRequest};
use corbel_plan::install::{
    Disk, DiskPartition, Firmware, InstallPlan, Installed, Observed, ReleaseFacts, plan_install, plan_uninstall,
};
use corbel_progress::Event;
use corbel_release::release::{KeySet, Policy};
use corbel_sys::{Cancel, write_atomic};
use corbel_upgrade::Release;
use sha2::{Digest, Sha256};

use crate::fake::{FakeMachine, MARK};
use crate::{BootImages, InstallError, System, install, uninstall};

const DISK: &str = "/dev/vda";
const BYTES: u64 = 8_000_000_000 / 4096 * 4096;
const DATA: &[u8] = b"the disk of a machine";
const DOCUMENT: &str = "version = 1\n";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A UKI with the two sections that GRUB names.
fn kernel() -> Vec<u8> {
    let mut kernel = vec![0; 4096];
    kernel[..2].copy_from_slice(b"MZ");
    kernel[60] = 128;
    kernel[128..132].copy_from_slice(b"PE\0\0");
    (kernel[134], kernel[148]) = (2, 16);
    for (n, (name, offset)) in [(".linux", 1024u32), (".initrd", 2048)].into_iter().enumerate() {
        let header = &mut kernel[168 + 40 * n..208 + 40 * n];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[8..12].copy_from_slice(&700u32.to_le_bytes());
        header[16..20].copy_from_slice(&1024u32.to_le_bytes());
        header[20..24].copy_from_slice(&offset.to_le_bytes());
    }
    kernel
}

struct Image {
    root: Vec<u8>,
    release: Release,
    boot: Vec<u8>,
    core: Vec<u8>,
}

fn image(version: &str) -> Image {
    let root = version.repeat(5_000).into_bytes();
    let kernel = kernel();
    let part = |name: &str, bytes: &[u8]| serde_json::json!({ "name": name, "bytes": bytes.len(), "sha256": hex(&Sha256::digest(bytes)) });
    let manifest = serde_json::json!({
        "format": 1, "name": "corbel", "version": version, "architecture": "amd64", "epoch": 1000,
        "root_hash": "ab".repeat(32), "words": format!("corbel.root={} quiet", "ab".repeat(32)),
        "parts": [part("root.img", &root), part("corbel.efi", &kernel)],
    });
    let folder = tempfile::tempdir().expect("a folder");
    write_atomic(
        &folder.path().join("release.json"),
        manifest.to_string().as_bytes(),
        0o644,
    )
    .expect("written");
    write_atomic(&folder.path().join("corbel.efi"), &kernel, 0o644).expect("written");
    let policy = Policy {
        allow_unsigned: true,
        ..Policy::strict(2000, "corbel", "amd64")
    };
    let source = std::sync::Arc::new(root.clone());
    let release = Release::open_folder(folder.path(), source, &KeySet::new(), &policy).expect("a release");
    let mut boot = vec![0xb0; 512];
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    Image {
        root,
        release,
        boot,
        core: vec![0xc0; 30_000],
    }
}

impl Image {
    fn system(&self) -> System<'_> {
        System {
            release: &self.release,
            images: BootImages {
                boot: &self.boot,
                core: &self.core,
                systemd_boot: b"systemd-boot",
            },
        }
    }
}

/// The machine as an installer would see it.
fn observed(machine: &FakeMachine, version: &str, installed: Option<&str>) -> Observed {
    let disk = machine.open(DISK);
    let table = gpt::read_primary(&disk)
        .or_else(|_| gpt::read_backup(&disk, BYTES))
        .ok();
    let partitions = table.iter().flat_map(|table| &table.partitions).map(|partition| {
        let mut start = vec![0; MARK.len()];
        disk.read_at(partition.offset, &mut start).expect("within the disk");
        let signatures = match start == MARK || start == DATA[..MARK.len()] {
            true => vec![Signature::FileSystem {
                name: "ext4",
                label: None,
            }],
            false => Vec::new(),
        };
        DiskPartition {
            number: partition.number,
            name: partition.name.clone(),
            path: format!("{DISK}{}", partition.number),
            bytes: partition.length,
            signatures,
        }
    });
    Observed {
        disks: vec![Disk {
            name: "vda".into(),
            path: DISK.into(),
            bytes: BYTES,
            sector: 512,
            partitions: partitions.collect(),
            installed: installed.map(|version| Installed {
                trial: None,
                version: Some(version.into()),
            }),
            table: table.clone(),
            ..Disk::default()
        }],
        firmware: Firmware::Uefi,
        release: ReleaseFacts {
            version: version.into(),
            ..ReleaseFacts::default()
        },
        ..Observed::default()
    }
}

fn plan(machine: &FakeMachine, version: &str, mode: Mode, seed: u8) -> InstallPlan {
    let request = InstallRequest {
        mode,
        boot: DeviceMatch::path(DISK),
        document: Some(DOCUMENT.into()),
        words: vec!["console=ttyS0".into()],
        ..InstallRequest::default()
    };
    let installed = (mode == Mode::Reinstall).then_some("1.0.0");
    plan_install(&request, &observed(machine, version, installed), [seed; 32]).expect("a plan")
}

fn silent(_: Event) {}

fn run(machine: &FakeMachine, plan: &InstallPlan, image: &Image) -> Result<(), InstallError> {
    install(plan, &image.system(), machine, &silent, &Cancel::new())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// No firmware starts anything from it.
    Nothing,
    /// It starts, and everything is there.
    Whole,
    /// It starts, and something is missing: what must never be.
    Half,
}

/// What the disk would do under the firmware that finds most on it.
fn judge(machine: &FakeMachine, images: &[&Image]) -> Verdict {
    let disk = machine.open(DISK);
    let mut sector0 = [0; 512];
    disk.read_at(0, &mut sector0).expect("a first sector");
    let by_bios = bios::core_sector(&sector0).is_some();
    let table = gpt::read_primary(&disk).or_else(|_| gpt::read_backup(&disk, BYTES));
    let layout = table.ok().and_then(|table| find_layout(&table.partitions));
    let marked = |offset: u64| {
        let mut start = vec![0; MARK.len()];
        disk.read_at(offset, &mut start).expect("within the disk");
        start == MARK
    };
    let world = machine.lock().clone();
    let has_esp = layout.as_ref().is_some_and(|layout| marked(layout.esp.offset));
    let by_uefi = has_esp && world.esp.contains_key("EFI/BOOT/BOOTX64.EFI");
    if !by_bios && !by_uefi {
        return Verdict::Nothing;
    }
    let Some(layout) = layout else { return Verdict::Half };
    let whole = images.iter().any(|image| {
        let mut root = vec![0; image.root.len()];
        disk.read_at(layout.root_a.offset, &mut root).expect("a slot");
        root == image.root
    });
    let files = [
        "corbel/a/corbel.efi",
        "corbel/a/grub.cfg",
        "corbel/grub.cfg",
        "corbel/grubenv",
        "loader/loader.conf",
        "loader/entries/corbel-a.conf",
    ];
    let boot_files = has_esp && files.iter().all(|file| world.esp.contains_key(*file));
    let configured = marked(layout.config.offset) && world.config.get("node.toml").is_some_and(|text| text == DOCUMENT);
    match whole && boot_files && configured {
        true => Verdict::Whole,
        false => Verdict::Half,
    }
}

fn installed(image: &Image) -> FakeMachine {
    let machine = FakeMachine::default().with_disk(DISK, BYTES);
    run(&machine, &plan(&machine, "1.0.0", Mode::Install, 1), image).expect("installed");
    machine
}

/// A guest's disk in the data partition; its file system is taken for granted.
fn with_guest(machine: &FakeMachine) -> u64 {
    let table = gpt::read_primary(&machine.open(DISK)).expect("a table");
    let offset = find_data(&table.partitions).expect("a data partition").offset;
    machine.open(DISK).write_at(offset, DATA).expect("written");
    offset
}

fn guest_is_there(machine: &FakeMachine, offset: u64) -> bool {
    let disk = machine.open(DISK);
    let table = gpt::read_primary(&disk).or_else(|_| gpt::read_backup(&disk, BYTES));
    let found = table
        .ok()
        .and_then(|table| find_data(&table.partitions).map(|data| data.offset));
    let mut bytes = vec![0; DATA.len()];
    disk.read_at(offset, &mut bytes).expect("within the disk");
    found == Some(offset) && bytes == DATA
}

#[test]
fn an_installed_disk_starts_under_both_firmwares() {
    let image = image("1.0.0");
    let machine = installed(&image);
    assert_eq!(judge(&machine, &[&image]), Verdict::Whole);
    let disk = machine.open(DISK);
    let (front, behind) = (
        gpt::read_primary(&disk).expect("a table"),
        gpt::read_backup(&disk, BYTES).expect("its copy"),
    );
    assert_eq!(front, behind);
    let mut sector0 = [0; 512];
    disk.read_at(0, &mut sector0).expect("a first sector");
    let bios = front
        .partitions
        .iter()
        .find(|p| p.name == Role::Bios.name())
        .expect("GRUB's partition");
    assert_eq!(bios::core_sector(&sector0), Some(bios.offset / 512));
    let world = machine.lock();
    assert_eq!(world.entries[0].guid, front.partitions[0].id.0);
    let data = find_data(&front.partitions).expect("a data partition").id;
    assert_eq!(
        world.config["data-partitions"],
        format!("{data} /data\n"),
        "the boot does as the plan said"
    );
    let entry = String::from_utf8_lossy(&world.esp["loader/entries/corbel-a.conf"]).into_owned();
    assert!(entry.contains("corbel.slot=a console=ttyS0"), "{entry}");
}

#[test]
fn power_that_goes_at_any_write_leaves_nothing_that_starts_or_a_whole_system() {
    let image = image("1.0.0");
    let empty = FakeMachine::default().with_disk(DISK, BYTES);
    let plan = plan(&empty, "1.0.0", Mode::Install, 1);
    let total = installed(&image).writes();
    assert!(total > 50, "{total} writes");
    let mut whole = 0;
    for cut in 0..total {
        let machine = empty.fork();
        machine.cut_after(cut);
        run(&machine, &plan, &image).expect_err("the power is gone");
        match judge(&machine, &[&image]) {
            Verdict::Half => panic!("after {cut} of {total} writes half a system starts"),
            Verdict::Whole => whole += 1,
            Verdict::Nothing => {}
        }
        machine.restore();
        run(&machine, &plan, &image).expect("a second time");
        assert_eq!(judge(&machine, &[&image]), Verdict::Whole);
    }
    assert!(whole < 10, "the disk starts at {whole} cuts: the loaders come last");
}

#[test]
fn a_reinstallation_that_is_cut_off_never_loses_the_data() {
    let (old, new) = (image("1.0.0"), image("1.1.0"));
    let before = installed(&old);
    let offset = with_guest(&before);
    let plan = plan(&before, "1.1.0", Mode::Reinstall, 2);
    assert!(!plan.kept.is_empty());
    let start = before.writes();
    let whole = before.fork();
    run(&whole, &plan, &new).expect("reinstalled");
    assert!(guest_is_there(&whole, offset));
    assert_eq!(judge(&whole, &[&new]), Verdict::Whole);
    for cut in 0..whole.writes() - start {
        let machine = before.fork();
        machine.cut_after(cut);
        run(&machine, &plan, &new).expect_err("the power is gone");
        assert!(guest_is_there(&machine, offset), "after {cut} writes");
        assert_ne!(judge(&machine, &[&old, &new]), Verdict::Half, "after {cut} writes");
        machine.restore();
        run(&machine, &plan, &new).expect("a second time");
        assert!(guest_is_there(&machine, offset));
    }
}

#[test]
fn a_removed_system_leaves_no_trace_or_only_the_data() {
    let image = image("1.0.0");
    for wipe_data in [false, true] {
        let before = installed(&image);
        let offset = with_guest(&before);
        let request = UninstallRequest {
            wipe_data,
            ..UninstallRequest::default()
        };
        let plan = plan_uninstall(&request, &observed(&before, "1.0.0", Some("1.0.0"))).expect("a plan");
        let start = before.writes();
        let done = before.fork();
        uninstall(&plan, &done, &silent, &Cancel::new()).expect("removed");
        assert_eq!(judge(&done, &[&image]), Verdict::Nothing);
        assert!(done.lock().entries.is_empty());
        let disk = done.open(DISK);
        if wipe_data {
            assert!(gpt::read_primary(&disk).is_err() && gpt::read_backup(&disk, BYTES).is_err());
            let mut front = vec![0xff; 1 << 20];
            disk.read_at(0, &mut front).expect("a front");
            assert!(front.iter().all(|byte| *byte == 0));
        } else {
            assert!(guest_is_there(&done, offset));
            assert_eq!(gpt::read_primary(&disk).expect("a table").partitions.len(), 1);
        }
        for cut in 0..done.writes() - start {
            let machine = before.fork();
            machine.cut_after(cut);
            uninstall(&plan, &machine, &silent, &Cancel::new()).expect_err("the power is gone");
            assert!(wipe_data || guest_is_there(&machine, offset), "after {cut} writes");
            machine.restore();
            // The disk is recognised until the end, or there is nothing left to remove.
            if let Ok(again) = plan_uninstall(&request, &observed(&machine, "1.0.0", None)) {
                uninstall(&again, &machine, &silent, &Cancel::new()).expect("removed");
            }
            assert_eq!(judge(&machine, &[&image]), Verdict::Nothing, "after {cut} writes");
        }
    }
}

#[test]
fn a_cancel_stops_between_steps_and_every_step_is_told() {
    let image = image("1.0.0");
    let machine = FakeMachine::default().with_disk(DISK, BYTES);
    let plan = plan(&machine, "1.0.0", Mode::Install, 1);
    let cancel = Cancel::new();
    let events = Mutex::new(Vec::new());
    let stop = |event: Event| {
        if matches!(&event, Event::StepStarted { step, .. } if step == "write-config") {
            cancel.cancel();
        }
        events.lock().expect("events").push(event);
    };
    assert!(matches!(
        install(&plan, &image.system(), &machine, &stop, &cancel),
        Err(InstallError::Cancelled)
    ));
    assert_eq!(judge(&machine, &[&image]), Verdict::Nothing);
    let events = events.lock().expect("events");
    assert!(matches!(events.first(), Some(Event::Begin { .. })));
    assert!(matches!(events.last(), Some(Event::End { ok: false, .. })));
}

#[test]
fn another_disk_than_the_planned_one_is_not_touched() {
    let image = image("1.0.0");
    let machine = FakeMachine::default().with_disk(DISK, BYTES);
    let plan = plan(&machine, "1.0.0", Mode::Install, 1);
    let other = FakeMachine::default().with_disk(DISK, 2 * BYTES);
    let error = run(&other, &plan, &image).expect_err("another disk");
    assert!(matches!(error, InstallError::Changed { .. }), "{error}");
    assert_eq!(other.writes(), 0);
}
