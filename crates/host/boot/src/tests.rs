//! Boot files over a fake partition and a real folder, with the power cut after every write.

use corbel_layout::slot::Slot;
use corbel_plan::slots::{Firmware, Records, Running, choose_bios, choose_uefi};
use corbel_release::release::{KERNEL_PART, ROOT_PART, Release, ReleasePart};

use super::*;

/// A UKI by its headers: two sections that begin at sectors.
fn uki(fill: u8) -> Vec<u8> {
    let mut pe = vec![fill; 4096];
    pe[..400].fill(0);
    pe[..2].copy_from_slice(b"MZ");
    pe[60] = 128;
    pe[128..132].copy_from_slice(b"PE\0\0");
    (pe[134], pe[148]) = (2, 16);
    for (n, (name, offset)) in [(".linux", 1024u32), (".initrd", 2048)].into_iter().enumerate() {
        let header = &mut pe[168 + 40 * n..208 + 40 * n];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[8..12].copy_from_slice(&700u32.to_le_bytes());
        header[16..20].copy_from_slice(&1024u32.to_le_bytes());
        header[20..24].copy_from_slice(&offset.to_le_bytes());
    }
    pe
}

struct System {
    title: String,
    words: String,
    kernel: Vec<u8>,
    release: Vec<u8>,
}

impl System {
    fn new(version: &str, slot: Slot) -> Self {
        let root_hash = format!("{:02x}", version.as_bytes()[0]).repeat(32);
        let part = |name: &str| ReleasePart {
            name: name.to_owned(),
            bytes: 1,
            sha256: "cd".repeat(32),
        };
        let release = Release {
            format: 1,
            name: "corbel".to_owned(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            epoch: 0,
            expires: None,
            words: format!("corbel.root={root_hash} quiet"),
            root_hash,
            parts: vec![part(ROOT_PART), part(KERNEL_PART)],
        };
        Self {
            title: format!("Corbel {version}"),
            words: entry_words(&release, slot, " console=ttyS0"),
            kernel: uki(version.as_bytes()[0]),
            release: serde_json::to_vec(&release).expect("json"),
        }
    }
    fn content(&self) -> Content<'_> {
        Content {
            title: &self.title,
            words: &self.words,
            kernel: &self.kernel,
            release: &self.release,
        }
    }
}

const A: Running = Running {
    slot: Slot::A,
    firmware: Firmware::Uefi,
};

fn install(esp: &dyn Esp) {
    let loaders = Loaders {
        systemd_boot: b"loader",
    };
    install_loaders(esp, &loaders).expect("loaders");
    install_system(esp, &System::new("1.0", Slot::A).content()).expect("a system");
}

fn upgrade(esp: &dyn Esp) -> Result<(), BootError> {
    let system = System::new("2.0", Slot::B);
    disarm(esp, A)?;
    write_slot(esp, Slot::B, &system.content())?;
    arm(esp, Slot::B, Some(&system.content()))
}

fn chosen(esp: &dyn Esp) -> [Slot; 2] {
    let state = read_state(esp).expect("readable");
    let Records { entries, env } = &state.records;
    let bios = choose_bios(*env, [0, 1].map(|slot| state.slots[slot].menu)).expect("GRUB starts a slot");
    let uefi = choose_uefi(entries).expect("systemd-boot starts a slot");
    [bios.slot, uefi.entry.name.slot]
}

#[test]
fn a_new_disk_starts_its_system_on_both_firmwares() {
    let esp = FakeEsp::new();
    install(&esp);
    assert_eq!(chosen(&esp), [Slot::A, Slot::A]);
    let files = esp.files();
    let text = |path: &str| String::from_utf8(files[path].clone()).expect("text");
    assert!(text("loader/entries/corbel-a.conf").contains("quiet corbel.slot=a console=ttyS0\n"));
    assert!(text("corbel/a/grub.cfg").contains("linux (uki)2+2 corbel.root="));
    assert_eq!(files["EFI/BOOT/BOOTX64.EFI"], b"loader");
    let state = read_state(&esp).expect("readable");
    assert_eq!(state.problems, Vec::<String>::new());
    assert_eq!(state.slot(Slot::A).release.as_ref().expect("known").version, "1.0");
}

#[test]
fn an_upgrade_is_tried_blessed_and_rolled_back_to() {
    let esp = FakeEsp::new();
    install(&esp);
    upgrade(&esp).expect("upgraded");
    assert_eq!(chosen(&esp), [Slot::B, Slot::B]);
    let trial = Running { slot: Slot::B, ..A };
    bless(&esp, trial).expect("blessed");
    assert_eq!(chosen(&esp), [Slot::B, Slot::B]);
    let state = read_state(&esp).expect("readable");
    assert_eq!(state.records.agreed_good(), Some(Slot::B));
    assert!(
        state.records.was_healthy(Slot::A),
        "the old system stays to roll back to"
    );
    arm(&esp, Slot::A, None).expect("armed as it is");
    assert_eq!(chosen(&esp), [Slot::A, Slot::A]);
    let files = esp.files();
    assert!(
        String::from_utf8_lossy(&files["loader/entries/corbel-a+3.conf"]).contains("title Corbel 1.0\nversion 3\n")
    );
}

#[test]
fn a_cut_after_any_write_starts_a_whole_system() {
    let first = FakeEsp::new();
    install(&first);
    let all = {
        let esp = first.fork();
        upgrade(&esp).expect("upgraded");
        esp.writes()
    };
    assert!(all >= 6, "{all} writes");
    for cut in 0..all {
        let esp = first.fork();
        esp.cut_after(cut);
        upgrade(&esp).expect_err("the power was cut");
        let state = read_state(&esp).expect("readable");
        for slot in chosen(&esp) {
            let whole = state.slot(slot).kernel && state.slot(slot).release.is_some() && state.slot(slot).menu;
            assert!(whole, "cut after {cut} writes");
        }
        esp.restore();
        upgrade(&esp).expect("begun again");
        assert_eq!(chosen(&esp), [Slot::B, Slot::B], "cut after {cut} writes");
    }
}

#[test]
fn a_cut_while_blessing_keeps_the_healthy_system_or_its_trial() {
    let armed = FakeEsp::new();
    install(&armed);
    upgrade(&armed).expect("upgraded");
    for cut in 0..3 {
        let esp = armed.fork();
        esp.cut_after(cut);
        bless(&esp, Running { slot: Slot::B, ..A }).expect_err("the power was cut");
        assert_eq!(chosen(&esp), [Slot::B, Slot::B], "cut after {cut} writes");
    }
}

#[test]
fn the_good_slot_is_not_disarmed_from_the_spare() {
    let esp = FakeEsp::new();
    install(&esp);
    let refused = disarm(&esp, Running { slot: Slot::B, ..A }).expect_err("b runs");
    assert!(matches!(refused, BootError::Refused(_)), "{refused}");
    assert!(matches!(
        arm(&esp, Slot::B, None),
        Err(BootError::NoWords { slot: Slot::B })
    ));
}

#[test]
fn a_mounted_folder_behaves_as_the_fake_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (real, fake) = (MountedEsp::new(folder.path()), FakeEsp::new());
    for esp in [&real as &dyn Esp, &fake] {
        install(esp);
        upgrade(esp).expect("upgraded");
        bless(esp, Running { slot: Slot::B, ..A }).expect("blessed");
    }
    assert_eq!(read_state(&real).expect("read"), read_state(&fake).expect("read"));
    assert_eq!(
        real.list("loader/entries").expect("list"),
        ["corbel-a.conf", "corbel-b.conf", "rescue-a.conf", "rescue-b.conf"]
    );
    assert!(matches!(
        real.overwrite("corbel/grubenv", b"short"),
        Err(EspError::Length { .. })
    ));
}

#[test]
fn the_firmwares_list_gets_one_entry_and_loses_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = EfiVariables::new(folder.path());
    let drive = |guid| HardDrive {
        number: 1,
        first: 2048,
        blocks: 4096,
        guid: [guid; 16],
    };
    assert_eq!(variables.add(&drive(1)).expect("added"), 0);
    assert_eq!(variables.add(&drive(2)).expect("a second disk"), 1);
    assert_eq!(variables.add(&drive(1)).expect("renewed"), 0);
    let order = || std::fs::read(folder.path().join("BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c")).ok();
    assert_eq!(order(), Some(vec![7, 0, 0, 0, 0, 0, 1, 0]));
    assert_eq!(variables.remove(Some([2; 16])).expect("removed"), [1]);
    assert_eq!(order(), Some(vec![7, 0, 0, 0, 0, 0]));
    assert_eq!(variables.remove(None).expect("removed"), [0]);
    assert_eq!(order(), None);
    variables.forget_default().expect("nothing to forget");
}
