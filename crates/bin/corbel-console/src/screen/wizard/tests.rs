//! Every page of the installer as text, at the smallest size and at a large one, and no size that breaks one.

use corbel_model::install::Action as Wanted;
use corbel_node_api::{OperationState, StepState};
use proptest::prelude::*;

use crate::screen::as_text;
use crate::screen::tests::node;
use crate::state::{Event, Installer, Key, State};
use crate::wizard::tests::{disks, disks_with, plan, press, text, work};
use crate::wizard::{Answer, Failure};

use Key::{Char, Down, Enter, Right};

fn at(wanted: Wanted, found: Vec<corbel_node_api::Disk>, keys: &[Key]) -> State {
    let mut state = State::new(Some(Installer::Word(wanted)));
    state.on(Event::Node(Box::new(node())));
    state.on(Event::Answer(Answer::Disks(Ok(found))));
    press(state.wizard.as_mut().expect("it is shown"), keys);
    state
}

fn install(keys: &[Key]) -> State {
    at(Wanted::Install, disks(), keys)
}

/// All pages, and the states of them that look different.
fn pages() -> Vec<(&'static str, State)> {
    let confirm = [Enter; 5];
    let to_password: Vec<Key> = confirm.into_iter().chain([Right, Enter]).collect();
    let password = |typed: &str, repeat: &str| {
        let mut keys = to_password.clone();
        keys.extend(text(typed));
        keys.push(Enter);
        keys.extend(text(repeat));
        install(&keys)
    };
    let search = |typed: &str| {
        let mut keys = vec![Enter];
        keys.extend(text(typed));
        install(&keys)
    };
    // A layout that is not the one of this screen is told beside the password.
    let mut keys = vec![Enter];
    keys.extend(text("german"));
    keys.extend(confirm[1..].iter().chain(&[Right, Enter]));
    let other_layout = install(&keys);
    let ended = |state: OperationState, message: &str| {
        let mut now = work(state);
        now.message = Some(message.into());
        let end = if state == OperationState::Done {
            StepState::Done
        } else {
            StepState::Failed
        };
        now.steps[1].state = end;
        now.warnings = vec!["the boot entry could not be written to the firmware: it is full".into()];
        let mut shown = install(&[]);
        shown.on(Event::Operation(Some(now)));
        shown
    };
    let mut working = install(&[]);
    working.on(Event::Operation(Some(work(OperationState::Running))));
    let mut stopping = working.clone();
    stopping.on(Event::Key(Key::Esc));
    let mut refused = install(&[Enter, Enter, Enter, Enter]);
    let wizard = refused.wizard.as_mut().expect("it is shown");
    wizard.key(Enter);
    wizard.answer(Answer::Plan(
        1,
        Err(Failure {
            field: Some("sizes.root".into()),
            message: "sizes.root: 12 MiB is too little: at least 256 MiB are needed".into(),
        }),
    ));
    let mut losing = install(&confirm);
    let wizard = losing.wizard.as_mut().expect("it is shown");
    let mut long = plan();
    long.erases.insert(
        0,
        "/dev/sda4 (470 GiB): VM storage of Corbel with the disks of its VMs".into(),
    );
    long.warnings
        .push("/dev/sda has sectors of 4096 bytes: it does not start by BIOS".into());
    long.steps.extend((0..24).map(|n| format!("/dev/sda: step number {n}")));
    press(wizard, &[Key::Esc]);
    if let Some(crate::wizard::Exit::Ask(crate::wizard::Ask::Plan(_, ticket))) = wizard.key(Enter) {
        wizard.answer(Answer::Plan(ticket, Ok(long)));
    }
    let mut warned = install(&[]);
    let mut told = node();
    told.warnings = vec![
        "storage_init: \"sda\" is neither a path such as /dev/sda nor a bus: nothing is installed unattended, and so on to the end".into(),
        "dns=x: \"x\" is not an IP address".into(),
    ];
    warned.on(Event::Node(Box::new(told)));
    let with = |version: &str, wanted, keys: &[Key]| at(wanted, disks_with(Some(version)), keys);
    let mut several = disks_with(Some("0.0.9"));
    let system = several[0].installed.clone();
    several[1].installed = system;
    vec![
        ("reading", State::new(Some(Installer::Word(Wanted::Install)))),
        ("welcome", install(&[])),
        ("welcome-upgrade", with("0.0.9", Wanted::Install, &[])),
        ("welcome-downgrade", with("0.9.0", Wanted::Install, &[])),
        ("welcome-same", with("0.1.0", Wanted::Install, &[])),
        ("welcome-major", with("1.4.0", Wanted::Install, &[])),
        ("welcome-damaged", at(Wanted::Reinstall, disks_with(None), &[])),
        ("welcome-several", at(Wanted::Install, several.clone(), &[])),
        ("welcome-warning", warned),
        ("hardware", install(&[Down, Enter])),
        ("system", at(Wanted::Install, several, &[Enter])),
        ("keyboard", install(&[Enter])),
        ("keyboard-search", search("swi")),
        ("keyboard-none", search("klingon")),
        ("boot", install(&[Enter, Enter])),
        ("boot-refused", install(&[Enter, Enter, Down, Down, Down, Enter])),
        ("boot-foreign", install(&[Enter, Enter, Down, Down, Enter])),
        ("data", install(&[Enter, Enter, Enter, Down, Char(' ')])),
        ("sizes", install(&[Enter, Enter, Enter, Enter])),
        ("sizes-refused", refused),
        (
            "reinstall-sizes",
            with("0.1.0", Wanted::Install, &[Enter, Enter, Enter, Enter]),
        ),
        ("confirm", install(&confirm)),
        ("confirm-storage", losing),
        ("password", password("plum-Tr3e", "plum-T")),
        ("password-weak", password("password1", "x")),
        ("password-layout", other_layout),
        ("upgrade-confirm", with("0.0.9", Wanted::Install, &[Enter])),
        (
            "upgrade-password",
            with("0.0.9", Wanted::Install, &[Enter, Right, Enter]),
        ),
        ("removal", with("0.1.0", Wanted::Uninstall, &[Enter])),
        ("progress", working),
        ("progress-stop", stopping),
        ("done", ended(OperationState::Done, "Corbel is installed")),
        (
            "failed",
            ended(
                OperationState::Failed,
                "writing to /dev/sda failed: Input/output error (os error 5)",
            ),
        ),
    ]
}

#[test]
fn every_page() {
    for (name, state) in pages() {
        for (columns, rows) in [(80, 24), (200, 50)] {
            insta::assert_snapshot!(format!("{name}-{columns}x{rows}"), as_text(&state, columns, rows));
        }
    }
}

#[test]
fn what_can_be_pressed_is_on_the_screen_of_80x24() {
    for (name, state) in pages() {
        let shown = as_text(&state, 80, 24);
        let row = shown.lines().nth(22).expect("the row of buttons");
        let wizard = state.wizard.as_ref().expect("it is shown");
        let buttons = wizard
            .items()
            .into_iter()
            .filter(|item| matches!(item, crate::wizard::Focus::Button(_)));
        assert_eq!(row.matches('[').count(), buttons.count(), "{name}:\n{shown}");
        assert!(
            !shown.contains("plum") && !shown.contains("password1"),
            "{name}:\n{shown}"
        );
    }
}

proptest! {
    // Each case draws all pages.
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_size_and_no_text_break_a_page(columns in 1_u16..220, rows in 1_u16..70, text in "\\PC{0,200}", scroll: usize) {
        for (_, mut state) in pages() {
            if let Some(wizard) = &mut state.wizard {
                wizard.scroll = scroll;
                wizard.row = scroll;
                wizard.error = Some(text.clone());
                for disk in wizard.disks.iter_mut().flatten() {
                    disk.contents.clone_from(&text);
                    disk.path.clone_from(&text);
                }
            }
            let shown = as_text(&state, columns, rows);
            prop_assert_eq!(shown.lines().count(), usize::from(rows));
            prop_assert!(shown.is_ascii());
        }
    }
}
