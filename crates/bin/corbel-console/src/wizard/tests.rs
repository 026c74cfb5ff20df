//! What the tests of the pages share, and what may never happen on any of them.

use corbel_node_api::{DiskTarget, InstalledSystem, OperationKind, OperationState, OperationStep, Plan, StepState};
use proptest::prelude::*;

use super::request::Request;
use super::*;
use crate::screen::tests::node;
use crate::state::Key;

mod keyboard;
mod walk;

pub(crate) fn disk(path: &str, size: u64, contents: &str, target: DiskTarget, reason: Option<&str>) -> Disk {
    Disk {
        path: path.into(),
        model: Some("SAMSUNG MZ7LH480".into()),
        serial: Some(format!("S45PNA0M{}", path.trim_start_matches("/dev/").to_uppercase())),
        wwn: Some("0x5002538e4034d1a2".into()),
        bus: Some("ata".into()),
        size,
        sector_size: 512,
        rotational: Some(false),
        removable: false,
        read_only: false,
        contents: contents.into(),
        live_medium: false,
        installed: None,
        target,
        reason: reason.map(str::to_owned),
        data_target: target,
        data_reason: reason.map(str::to_owned),
    }
}

/// Two free disks, one of other storage, one too small, and the medium.
pub(crate) fn disks() -> Vec<Disk> {
    let group = "it belongs to the volume group \"customers\", which is not Corbel's";
    vec![
        disk("/dev/sda", 480 << 30, "It is empty.", DiskTarget::Usable, None),
        disk(
            "/dev/sdb",
            960 << 30,
            "A file system ext4, \"backup\".",
            DiskTarget::Usable,
            None,
        ),
        disk(
            "/dev/sdc",
            960 << 30,
            "LVM: the volume group \"customers\".",
            DiskTarget::WhenNamed,
            Some(group),
        ),
        Disk {
            data_target: DiskTarget::Usable,
            data_reason: None,
            ..disk(
                "/dev/sdd",
                4 << 30,
                "It is empty.",
                DiskTarget::Refused,
                Some("it has 4 GiB, and a node needs 8 GB"),
            )
        },
        Disk {
            live_medium: true,
            removable: true,
            bus: Some("usb".into()),
            model: Some("USB STICK".into()),
            ..disk(
                "/dev/sde",
                16 << 30,
                "The medium of this system.",
                DiskTarget::Refused,
                Some("this system runs from it"),
            )
        },
    ]
}

/// The same with a Corbel on the first.
pub(crate) fn disks_with(version: Option<&str>) -> Vec<Disk> {
    let mut disks = disks();
    disks[0].contents = "Corbel and its VM storage.".into();
    disks[0].installed = Some(InstalledSystem {
        version: version.map(str::to_owned),
        trial: None,
        vm_storage: true,
        admin_password_set: true,
    });
    disks
}

pub(crate) fn plan() -> Plan {
    Plan {
        erases: vec!["/dev/sda: all that it carries".into()],
        keeps: vec![],
        steps: vec![
            "/dev/sda: new partition table".into(),
            "/dev/sda: write the system to slot a".into(),
        ],
        warnings: vec![],
    }
}

pub(crate) fn work(state: OperationState) -> OperationInfo {
    let step = |id: &str, title: &str, state| OperationStep {
        id: id.into(),
        title: title.into(),
        state,
        done: Some(200 << 20),
        total: Some(512 << 20),
        unit: Some("bytes".into()),
        note: None,
    };
    OperationInfo {
        id: 7,
        kind: OperationKind::Install,
        state,
        title: "Install Corbel".into(),
        elapsed_seconds: 83,
        steps_total: Some(5),
        steps: vec![
            step("partition", "Partition and format", StepState::Done),
            step("write", "Write the system", StepState::Running),
        ],
        warnings: vec![],
        message: None,
    }
}

pub(crate) fn wizard(wanted: Wanted, disks: Vec<Disk>) -> Wizard {
    let mut wizard = Wizard::new(wanted);
    assert_eq!(wizard.learn(&node()), Some(Exit::Ask(Ask::Disks)));
    assert_eq!(wizard.learn(&node()), None, "they are asked for once");
    wizard.answer(Answer::Disks(Ok(disks)));
    wizard
}

/// Types the keys and answers every plan; gives what came out last.
pub(crate) fn press(wizard: &mut Wizard, keys: &[Key]) -> Option<Exit> {
    let mut last = None;
    for key in keys {
        last = wizard.key(*key);
        if let Some(Exit::Ask(Ask::Plan(_, ticket))) = &last {
            wizard.answer(Answer::Plan(*ticket, Ok(plan())));
        }
    }
    last
}

pub(crate) fn text(text: &str) -> Vec<Key> {
    text.chars().map(Key::Char).collect()
}

use Key::{Char, Down, Enter, Esc, Right, Tab};

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        4 => Just(Enter),
        2 => Just(Tab),
        1 => Just(Key::BackTab),
        2 => Just(Down),
        1 => Just(Key::Up),
        1 => Just(Key::Left),
        3 => Just(Right),
        1 => Just(Esc),
        1 => Just(Char(' ')),
        1 => Just(Key::Backspace),
        1 => Just(Key::Clear),
        1 => Just(Key::PageDown),
        3 => any::<char>().prop_map(Char),
        1 => Just(Char('a')),
    ]
}

/// From the first page to a write, where nothing is installed.
const ROAD: [Key; 25] = {
    let mut road = [Char('x'); 25];
    let mut at = 0;
    while at < 5 {
        road[at] = Enter;
        at += 1;
    }
    (road[5], road[6], road[15], road[24]) = (Right, Enter, Enter, Enter);
    // Eight characters are enough for a password, and the second field takes the same.
    road
};

#[test]
fn the_road_of_the_property_leads_to_a_write() {
    let mut wizard = wizard(Wanted::Install, disks());
    assert!(matches!(press(&mut wizard, &ROAD), Some(Exit::Write(_))), "{wizard:?}");
}

proptest! {
    #[test]
    fn no_keys_break_it_and_no_write_comes_without_confirm(
        known in 0..=ROAD.len(),
        random in proptest::collection::vec(any_key(), 0..200),
        with in prop_oneof![Just(None), Just(Some("0.0.9")), Just(Some("0.1.0")), Just(Some("1.0.0"))],
        wanted in prop_oneof![Just(Wanted::Install), Just(Wanted::Reinstall), Just(Wanted::Uninstall)],
        refuses in any::<bool>(),
    ) {
        let found = with.map_or_else(disks, |version| disks_with(Some(version)));
        let mut wizard = wizard(wanted, found);
        let mut confirmed = None;
        // As far on a road that leads to a write as chance says, then on without one.
        for key in ROAD[..known].iter().copied().chain(random) {
            let (page, focus) = (wizard.page, wizard.focus);
            let asked = wizard.request();
            let exit = wizard.key(key);
            if page == Page::Confirm && focus == Focus::Button(Button::Go) && key == Enter {
                confirmed = asked;
            } else if page != Page::Password {
                confirmed = None;
            }
            match exit {
                Some(Exit::Write(write)) => {
                    let disks_of = |request: &Request| match request {
                        Request::Install(r) => (Some(r.boot.clone()), r.data.clone(), r.keep_data),
                        Request::Uninstall(r) => (r.boot.clone(), Vec::new(), r.keep_data),
                        Request::Upgrade(r) => (r.boot.clone(), Vec::new(), true),
                    };
                    let confirmed = confirmed.take().map(|request| disks_of(&request));
                    prop_assert_eq!(Some(disks_of(write.request())), confirmed);
                    wizard.answer(Answer::Begun(Err(Failure { field: None, message: "no".into() })));
                    break;
                }
                Some(Exit::Ask(Ask::Plan(request, ticket))) => {
                    let dry = match *request {
                        Request::Install(r) => r.dry_run,
                        Request::Uninstall(r) => r.dry_run,
                        Request::Upgrade(_) => false,
                    };
                    prop_assert!(dry);
                    let no = Failure { field: Some("sizes.root".into()), message: "no".into() };
                    wizard.answer(Answer::Plan(ticket, if refuses { Err(no) } else { Ok(plan()) }));
                }
                _ => {}
            }
        }
    }
}
