//! Walks through the pages, forward and backward.

use corbel_node_api::{InstallMode, InstalledSystem, OperationState};

use super::*;

use Key::{Char, Down, Enter, Esc, Right, Tab};

#[test]
fn an_installation_forward_and_every_page_backward() {
    let mut wizard = wizard(Wanted::Install, disks());
    let mut pages = vec![wizard.page];
    for keys in [
        vec![Enter],
        vec![Enter],
        vec![Enter],
        vec![Enter],
        vec![Enter],
        vec![Right, Enter],
    ] {
        press(&mut wizard, &keys);
        pages.push(wizard.page);
    }
    let forward = [
        Page::Welcome,
        Page::Keyboard,
        Page::Boot,
        Page::Data,
        Page::Sizes,
        Page::Confirm,
        Page::Password,
    ];
    assert_eq!(pages, forward);
    for page in forward.iter().rev().skip(1) {
        press(&mut wizard, &[Esc]);
        assert_eq!(wizard.page, *page);
    }
    press(&mut wizard, &[Esc]);
    assert_eq!(wizard.page, Page::Welcome);
    // And once more to the end; what was chosen is still chosen.
    press(&mut wizard, &[Enter, Enter, Enter, Enter, Enter, Right, Enter]);
    press(&mut wizard, &text("plum-Tr3e"));
    press(&mut wizard, &[Enter]);
    press(&mut wizard, &text("plum-Tr3e"));
    let Some(Exit::Write(write)) = press(&mut wizard, &[Enter]) else {
        panic!("{wizard:?}");
    };
    let Request::Install(request) = write.request() else {
        panic!("{write:?}");
    };
    assert_eq!(request.boot.path.as_deref(), Some("/dev/sda"));
    assert_eq!(request.admin_password.as_deref(), Some("plum-Tr3e"));
    assert!(!request.dry_run && request.keep_data && request.data.is_empty());
    assert_eq!(request.keyboard.as_deref(), Some("us"));
    assert_eq!(request.sizes, corbel_node_api::InstallSizes::default());
    assert_eq!(wizard.key(Enter), None, "what was sent is sent once");
    wizard.answer(Answer::Begun(Ok(work(OperationState::Running))));
    assert_eq!(wizard.page, Page::Progress);
    assert_eq!(wizard.texts.get(Field::Password), "", "it is forgotten when it is used");
    wizard.work(work(OperationState::Done));
    assert_eq!(wizard.page, Page::Done);
    assert_eq!(press(&mut wizard, &[Enter]), Some(Exit::Ask(Ask::Reboot)));
}

#[test]
fn enter_alone_never_gets_past_confirm() {
    let mut wizard = wizard(Wanted::Install, disks());
    for _ in 0..100 {
        let exit = press(&mut wizard, &[Enter]);
        assert!(!matches!(exit, Some(Exit::Write(_))));
        assert_ne!(wizard.page, Page::Password);
    }
}

#[test]
fn a_refused_disk_cannot_be_chosen_and_a_foreign_one_takes_two_keys() {
    let mut wizard = wizard(Wanted::Install, disks());
    press(&mut wizard, &[Enter, Enter, Down, Down, Down, Enter]);
    assert_eq!(wizard.page, Page::Boot);
    assert_eq!(
        wizard.error.as_deref(),
        Some("/dev/sdd cannot be used: it has 4 GiB, and a node needs 8 GB")
    );
    press(&mut wizard, &[Key::Up, Enter]);
    assert_eq!(wizard.page, Page::Boot);
    assert!(wizard.error.as_deref().is_some_and(|e| e.contains("\"customers\"")));
    press(&mut wizard, &[Enter]);
    assert_eq!((wizard.page, wizard.boot.as_deref()), (Page::Data, Some("/dev/sdc")));
    // The boot device is no data device.
    press(&mut wizard, &[Down, Down, Char(' ')]);
    assert!(wizard.data.is_empty() && wizard.error.is_some());
    press(&mut wizard, &[Key::Up, Char(' '), Enter]);
    assert_eq!(
        (wizard.page, wizard.data.as_slice()),
        (Page::Sizes, &["/dev/sdb".to_owned()][..])
    );
}

#[test]
fn what_is_found_decides_what_is_offered() {
    let first = |version: Option<&str>, wanted| {
        let wizard = wizard(wanted, disks_with(version));
        wizard.choices()[0]
    };
    let upgrade = |downgrade| Choice::Do(Task::Upgrade { downgrade });
    // The node of the tests is 0.1.0.
    assert_eq!(first(Some("0.0.9"), Wanted::Install), upgrade(false));
    assert_eq!(first(Some("0.2.0"), Wanted::Install), upgrade(true));
    assert_eq!(first(Some("0.1.0"), Wanted::Install), Choice::Do(Task::Reinstall));
    assert_eq!(first(Some("1.0.0"), Wanted::Install), Choice::Do(Task::Uninstall));
    assert_eq!(first(None, Wanted::Install), Choice::Do(Task::Reinstall));
    assert_eq!(first(Some("0.0.9"), Wanted::Reinstall), Choice::Do(Task::Reinstall));
    assert_eq!(first(Some("0.0.9"), Wanted::Uninstall), Choice::Do(Task::Uninstall));
    let other_major = wizard(Wanted::Reinstall, disks_with(Some("1.0.0")));
    assert!(!other_major.choices().contains(&Choice::Do(Task::Reinstall)));
}

#[test]
fn of_several_systems_one_is_named() {
    let mut disks = disks_with(Some("0.0.9"));
    disks[1].installed = Some(InstalledSystem {
        version: Some("0.1.0".into()),
        trial: None,
        vm_storage: false,
        admin_password_set: false,
    });
    let mut wizard = wizard(Wanted::Install, disks);
    assert_eq!(wizard.choices()[0], Choice::System);
    press(&mut wizard, &[Enter, Down, Enter]);
    assert_eq!(
        (wizard.page, wizard.choices()[0]),
        (Page::Welcome, Choice::Do(Task::Reinstall))
    );
    press(&mut wizard, &[Enter, Enter]);
    assert_eq!((wizard.page, wizard.row), (Page::Boot, 1));
    let Some(Exit::Ask(Ask::Plan(request, _))) = press(&mut wizard, &[Enter, Enter, Enter]) else {
        panic!("{wizard:?}");
    };
    let Request::Install(request) = *request else { panic!() };
    assert_eq!((request.mode, request.dry_run), (InstallMode::Reinstall, true));
    assert_eq!(request.boot.path.as_deref(), Some("/dev/sdb"));
}

#[test]
fn an_upgrade_asks_for_the_password_of_the_installed_system() {
    let mut wizard = wizard(Wanted::Install, disks_with(Some("0.0.9")));
    press(&mut wizard, &[Enter, Right, Enter]);
    assert_eq!(
        (wizard.page, wizard.focus),
        (Page::Password, Focus::Field(Field::Current))
    );
    press(&mut wizard, &[Enter]);
    assert!(wizard.error.is_some());
    press(&mut wizard, &text("secret"));
    let Some(Exit::Write(write)) = press(&mut wizard, &[Enter]) else {
        panic!("{wizard:?}");
    };
    let Request::Upgrade(request) = write.request() else {
        panic!()
    };
    assert!(request.medium && !request.allow_downgrade);
    assert_eq!(request.current_password.as_deref(), Some("secret"));
    assert!(
        !format!("{wizard:?} {write:?}").contains("\"secret\""),
        "no password in a log"
    );
    wizard.answer(Answer::Begun(Err(Failure {
        field: Some("current_password".into()),
        message: "current_password: is not the password of admin there".into(),
    })));
    assert_eq!(wizard.error.as_deref(), Some("is not the password of admin there"));
    assert_eq!(wizard.page, Page::Password);
    assert!(matches!(press(&mut wizard, &[Enter]), Some(Exit::Write(_))));
}

#[test]
fn the_plan_of_an_upgrade_says_what_is_checked() {
    let planned = |signed| {
        let mut node = node();
        node.boot.medium_signed = signed;
        let mut wizard = Wizard::new(Wanted::Install);
        wizard.learn(&node);
        wizard.answer(Answer::Disks(Ok(disks_with(Some("0.0.9")))));
        press(&mut wizard, &[Enter]);
        assert_eq!(wizard.page, Page::Confirm);
        let plan = wizard.shown.unwrap().plan;
        (plan.steps[0].contains("signature"), plan.warnings)
    };
    assert_eq!(planned(Some(true)), (true, vec![]));
    let (checks, warnings) = planned(Some(false));
    assert!(
        !checks && warnings[0].starts_with("This medium is not signed"),
        "{warnings:?}"
    );
    assert_eq!(planned(None), (false, vec![]));
}

#[test]
fn an_uninstallation_says_what_stays() {
    let mut wizard = wizard(Wanted::Uninstall, disks_with(Some("0.1.0")));
    press(&mut wizard, &[Enter]);
    assert_eq!(wizard.page, Page::Removal);
    let Some(Exit::Write(write)) = press(&mut wizard, &[Char(' '), Enter, Right, Enter]) else {
        panic!("{wizard:?}");
    };
    let Request::Uninstall(request) = write.request() else {
        panic!()
    };
    assert!(!request.keep_data && !request.dry_run);
}

#[test]
fn a_refusal_stands_on_the_page_of_its_field() {
    for (field, page, focus) in [
        ("keyboard", Page::Keyboard, Focus::Layouts),
        ("boot", Page::Boot, Focus::Disks),
        ("data[0].path", Page::Data, Focus::Disks),
        ("sizes.log", Page::Sizes, Focus::Field(Field::Log)),
        ("wipe_fakeraid", Page::Boot, Focus::Disks),
    ] {
        let mut wizard = wizard(Wanted::Install, disks());
        press(&mut wizard, &[Enter, Enter, Enter, Enter]);
        let Some(Exit::Ask(Ask::Plan(_, ticket))) = wizard.key(Enter) else {
            panic!("{wizard:?}");
        };
        wizard.answer(Answer::Plan(
            ticket,
            Err(Failure {
                field: Some(field.into()),
                message: format!("{field}: is wrong"),
            }),
        ));
        assert_eq!((wizard.page, wizard.focus), (page, focus), "{field}");
        assert_eq!(wizard.error.as_deref(), Some("is wrong"));
        if field == "wipe_fakeraid" {
            press(&mut wizard, &[Tab, Char(' ')]);
            assert!(wizard.wipe_fakeraid);
        }
    }
}

#[test]
fn a_disk_with_fake_raid_is_taken_when_that_may_be_erased() {
    let mut found = disks();
    found[0].target = DiskTarget::Refused;
    found[0].reason = Some("/dev/sda carries metadata of a RAID firmware (isw): say wipe_fakeraid to erase it".into());
    let mut wizard = wizard(Wanted::Install, found);
    press(&mut wizard, &[Enter, Enter, Key::Up, Enter]);
    assert_eq!((wizard.page, wizard.row), (Page::Boot, 0));
    press(&mut wizard, &[Tab, Char(' '), Key::BackTab, Enter]);
    assert_eq!(wizard.page, Page::Boot, "it takes the key twice");
    press(&mut wizard, &[Enter]);
    assert_eq!((wizard.page, wizard.boot.as_deref()), (Page::Data, Some("/dev/sda")));
    press(&mut wizard, &[Enter]);
    let Some(Exit::Ask(Ask::Plan(request, _))) = wizard.key(Enter) else {
        panic!("{wizard:?}");
    };
    let Request::Install(request) = *request else { panic!() };
    assert!(request.wipe_fakeraid);
}

#[test]
fn what_is_made_anew_stays_on_its_disk() {
    let mut wizard = wizard(Wanted::Reinstall, disks_with(Some("0.1.0")));
    press(&mut wizard, &[Enter, Enter]);
    assert_eq!((wizard.page, wizard.row), (Page::Boot, 0));
    press(&mut wizard, &[Down, Enter]);
    assert!(
        wizard
            .error
            .as_deref()
            .is_some_and(|e| e.contains("made anew is on /dev/sda"))
    );
    assert_eq!(wizard.page, Page::Boot);
}

#[test]
fn a_plan_that_comes_too_late_is_not_shown() {
    let mut wizard = wizard(Wanted::Install, disks());
    press(&mut wizard, &[Enter, Enter, Enter, Enter]);
    let Some(Exit::Ask(Ask::Plan(_, ticket))) = wizard.key(Enter) else {
        panic!("{wizard:?}");
    };
    wizard.key(Esc);
    wizard.answer(Answer::Plan(ticket, Ok(plan())));
    assert_eq!(wizard.page, Page::Sizes);
}

#[test]
fn sizes_are_counted_while_they_are_typed() {
    let mut wizard = wizard(Wanted::Install, disks());
    press(&mut wizard, &[Enter, Enter, Enter, Enter]);
    let gib = 1_u64 << 30;
    let room = wizard.room().expect("sizes");
    assert_eq!(room.left, 0, "the rest is data");
    assert_eq!(room.data + room.system, 480 * gib);
    // 500 GiB of logs do not fit.
    press(&mut wizard, &[Tab, Tab, Tab, Key::Clear]);
    press(&mut wizard, &text("500 GiB"));
    assert!(wizard.room().expect("sizes").left < 0);
    assert_eq!(press(&mut wizard, &[Enter]), None);
    assert!(
        wizard.error.as_deref().is_some_and(|e| e.contains("too small")),
        "{:?}",
        wizard.error
    );
    press(&mut wizard, &[Key::Clear, Char('x'), Enter]);
    assert!(wizard.error.as_deref().is_some_and(|e| e.contains("is not a size")));
    assert_eq!(wizard.page, Page::Sizes);
}

#[test]
fn passwords_must_be_long_enough_and_the_same() {
    let mut wizard = wizard(Wanted::Install, disks());
    press(&mut wizard, &[Enter, Enter, Enter, Enter, Enter, Right, Enter]);
    for (password, repeat, error) in [("short", "short", "too short"), ("plum-Tr3e", "plum-Tr3f", "differ")] {
        wizard.focus = Focus::Field(Field::Password);
        press(&mut wizard, &[Key::Clear]);
        press(&mut wizard, &text(password));
        press(&mut wizard, &[Enter, Key::Clear]);
        press(&mut wizard, &text(repeat));
        assert_eq!(press(&mut wizard, &[Enter]), None);
        assert!(
            wizard.error.as_deref().is_some_and(|e| e.contains(error)),
            "{:?}",
            wizard.error
        );
    }
    // A password that the boot was given is kept by saying nothing.
    wizard.password_given = true;
    for field in [Field::Password, Field::Repeat] {
        wizard.focus = Focus::Field(field);
        press(&mut wizard, &[Key::Clear]);
    }
    let Some(Exit::Write(write)) = press(&mut wizard, &[Enter]) else {
        panic!("{wizard:?}");
    };
    let Request::Install(request) = write.request() else {
        panic!()
    };
    assert_eq!(request.admin_password, None);
}

#[test]
fn work_of_another_console_is_followed_and_stopped_with_a_question() {
    let mut wizard = wizard(Wanted::Install, disks());
    press(&mut wizard, &[Enter, Enter, Enter]);
    wizard.work(work(OperationState::Running));
    assert_eq!(wizard.page, Page::Progress);
    press(&mut wizard, &[Esc]);
    assert!(wizard.asks_stop && wizard.focus == Focus::Button(Button::Continue));
    assert_eq!(press(&mut wizard, &[Enter]), None);
    assert_eq!(press(&mut wizard, &[Enter, Right, Enter]), Some(Exit::Ask(Ask::Cancel)));
    wizard.work(work(OperationState::Cancelling));
    assert!(wizard.items().is_empty(), "it is asked once");
    wizard.work(work(OperationState::Cancelled));
    assert_eq!(wizard.page, Page::Failed);
    assert_eq!(press(&mut wizard, &[Enter]), Some(Exit::Ask(Ask::Disks)));
    wizard.work(work(OperationState::Cancelled));
    assert_eq!(wizard.page, Page::Welcome, "what was read is not shown again");
}

#[test]
fn work_that_the_node_forgot_leads_back_too() {
    let mut wizard = wizard(Wanted::Install, disks());
    wizard.work_is_lost();
    assert_eq!(wizard.page, Page::Welcome, "there was none");
    wizard.work(work(OperationState::Running));
    wizard.work_is_lost();
    assert_eq!(wizard.page, Page::Progress, "an old answer may come late");
    wizard.work_is_lost();
    assert_eq!(
        (wizard.page, wizard.focus),
        (Page::Failed, Focus::Button(Button::Start))
    );
    press(&mut wizard, &[Enter]);
    assert_eq!(wizard.page, Page::Welcome);
}
