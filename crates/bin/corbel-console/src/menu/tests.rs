//! The menu as a whole: who gets in, what every page looks like, and what no key may do.

use corbel_node_api::{
    BootSource, Config, ConfigApplied, ConfigPlan, ConfigStep, Link, LinkList, LogEntry, LogPage, PendingConfig,
    Service, ServiceList, VmState,
};

use super::*;
use crate::screen::as_text;
use crate::screen::tests::{node, vm};
use crate::state::{Action, Event, View};
use crate::wizard::Failure;
use crate::wizard::tests::disks;

const DOCUMENT: &str = "version = 1\nhostname = \"sim\"\n\n[[network.interface]]\nmatch = \"eno1\"\ndhcp4 = true\n";

/// An installed node with a password, as somebody comes to its screen.
fn arrived() -> State {
    let mut state = State::default();
    let mut node = node();
    node.boot.source = BootSource::Installed;
    node.admin_password_set = Some(true);
    state.on(Event::Node(Box::new(node)));
    let machines = (0..30).map(|n| {
        vm(
            &format!("vm-{n:02}"),
            if n % 3 == 0 { VmState::Running } else { VmState::Off },
        )
    });
    state.on(Event::Vms(machines.collect()));
    state
}

fn config() -> Config {
    Config {
        generation: 4,
        document: DOCUMENT.into(),
        password_set: true,
        kept: true,
        ..Config::default()
    }
}

/// In the menu, with everything that the node has to say.
fn inside() -> State {
    let mut state = arrived();
    let ticket = asks_to_enter(&mut state);
    for reply in [
        Reply::Unlock(ticket, Ok(())),
        Reply::Schema(Ok(corbel_model::seed::schema().to_string())),
        Reply::Config(Ok(config())),
    ] {
        state.on(Event::Reply(reply));
    }
    assert_eq!(state.view, View::Menu);
    state
}

/// From the status screen, a password is typed; gives the number of the question whether it is right.
fn asks_to_enter(state: &mut State) -> u64 {
    let Some(Action::Call(Call::Unlock(ticket, typed))) = press(state, &[Key::Enter, Key::Char('p'), Key::Enter])
    else {
        panic!("{:?}", state.view);
    };
    assert_eq!(typed.0, "p");
    ticket
}

fn press(state: &mut State, keys: &[Key]) -> Option<Action> {
    let mut last = None;
    for key in keys {
        crate::screen::fit_to(state, 80, 24);
        last = state.on(Event::Key(*key));
    }
    last
}

/// On the page of this title, with the keys.
fn on_page(title: &str) -> State {
    let mut state = inside();
    let place = state
        .menu
        .places(true)
        .into_iter()
        .find(|place| state.menu.title(*place) == title);
    state.menu.go(place.expect(title));
    for reply in [
        Reply::Disks(Ok(disks())),
        Reply::Links(Ok(links())),
        Reply::Services(Ok(services())),
        Reply::Logs(Ok(logs())),
        Reply::Multipath(Ok(reach::multipath())),
        Reply::Iscsi(Ok(reach::iscsi())),
        Reply::Iommu(Ok(reach::iommu())),
        Reply::Plugins(Ok(Default::default())),
        Reply::Security(Ok(support::security())),
        Reply::Bundles(Ok(support::bundles())),
    ] {
        state.on(Event::Reply(reply));
    }
    press(&mut state, &[Key::Enter]);
    state
}

mod entries;
mod hostile;
mod machines;
mod reach;
mod support;

fn links() -> LinkList {
    let link = |name: &str, carrier, master: Option<&str>| Link {
        name: name.into(),
        carrier,
        mac: Some("52:54:00:12:34:56".into()),
        speed_mbit: carrier.then_some(10_000),
        duplex: carrier.then(|| "full".into()),
        mtu: Some(1500),
        driver: Some("ixgbe".into()),
        physical: true,
        master: master.map(str::to_owned),
        neighbour: carrier.then(|| "rack1-top ge-0/0/7".into()),
        received: 5 << 30,
        sent: 7 << 20,
        errors: 0,
    };
    LinkList {
        links: vec![link("eno1", true, Some("bond0")), link("eno2", false, None)],
    }
}

fn services() -> ServiceList {
    let service = |name: &str, active: &str, state: &str| Service {
        name: name.into(),
        description: format!("What {name} does"),
        active: active.into(),
        state: state.into(),
    };
    ServiceList {
        services: vec![
            service("corbel-hooks-boot.service", "failed", "failed"),
            service("libvirtd.service", "active", "running"),
        ],
    }
}

fn logs() -> LogPage {
    let entry = |priority, source: &str, message: &str| LogEntry {
        seconds: 1_790_000_000,
        priority,
        source: source.into(),
        message: message.into(),
    };
    LogPage {
        entries: vec![
            entry(
                3,
                "kernel",
                "ata1: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x6 frozen",
            ),
            entry(6, "corbel-node", "serving"),
        ],
        searched: 2,
    }
}

fn plan(network: bool) -> ConfigApplied {
    let step = |text: &str| ConfigStep {
        kind: "write".into(),
        text: text.into(),
    };
    ConfigApplied {
        generation: 4,
        plan: ConfigPlan {
            steps: vec![
                step("write /etc/systemd/network/10-corbel-02-eno1.network"),
                step("have the network read its files"),
            ],
            network,
            warnings: vec!["eno1: no cable is seen".into()],
        },
        pending: None,
    }
}

/// A save whose plan is on the screen.
fn asks_to_save() -> State {
    let mut state = on_page("Name and time");
    press(
        &mut state,
        &[Key::Enter, Key::Clear, Key::Char('b'), Key::Enter, Key::Char('s')],
    );
    let Some(Save::Asking(ticket)) = state.menu.config.save else {
        panic!("{:?}", state.menu.config);
    };
    state.on(Event::Reply(Reply::Plan(ticket, Ok(plan(true)))));
    state
}

fn waits() -> State {
    let mut state = asks_to_save();
    press(&mut state, &[Key::Enter]);
    let pending = PendingConfig {
        seconds_left: 118,
        by: "the console".into(),
        document: String::new(),
    };
    let mut applied = plan(true);
    applied.pending = Some(pending);
    state.on(Event::Reply(Reply::Apply(Ok(applied))));
    state
}

#[test]
fn pages() {
    let mut all = vec![("lock".to_owned(), arrived())];
    press(&mut all[0].1, &[Key::Enter]);
    let state = inside();
    for place in state
        .menu
        .places(true)
        .into_iter()
        .filter(|place| *place != Place::Lock)
    {
        let title = state.menu.title(place);
        all.push((title.to_lowercase().replace(' ', "-"), on_page(&title)));
    }
    let mut new = on_page("Virtual machines");
    press(&mut new, &[Key::Char('n')]);
    all.push(("new-machine".into(), new));
    let mut entry = on_page("Interfaces");
    press(&mut entry, &[Key::Enter]);
    all.push(("one-interface".into(), entry));
    let mut help = on_page("Name and time");
    press(&mut help, &[Key::Help]);
    all.push(("help".into(), help));
    all.push(("save".into(), asks_to_save()));
    all.push(("waits".into(), waits()));
    let mut away = on_page("Services");
    away.on(Event::Away("cannot connect to /run/corbel/api.sock".into()));
    all.push(("node-away".into(), away));
    for (name, mut state) in all {
        for (columns, rows) in [(80, 24), (200, 50)] {
            crate::screen::fit_to(&mut state, columns, rows);
            insta::assert_snapshot!(format!("{name}-{columns}x{rows}"), as_text(&state, columns, rows));
        }
    }
}

#[test]
fn without_the_password_nobody_gets_in() {
    let mut state = arrived();
    let ticket = asks_to_enter(&mut state);
    let wrong = Failure {
        field: None,
        message: "that is not the password of admin".into(),
    };
    state.on(Event::Reply(Reply::Unlock(ticket, Err(wrong))));
    assert!(matches!(&state.view, View::Lock(lock) if lock.problem.is_some()));
    // An answer that comes after the question was left opens nothing.
    press(&mut state, &[Key::Esc]);
    let ticket = asks_to_enter(&mut state);
    press(&mut state, &[Key::Esc]);
    state.on(Event::Reply(Reply::Unlock(ticket, Ok(()))));
    assert_eq!(state.view, View::Status);
}

/// Who comes by while a password is still being checked does not get in by it.
#[test]
fn an_answer_opens_only_the_lock_screen_that_asked() {
    let mut state = arrived();
    let first = asks_to_enter(&mut state);
    press(&mut state, &[Key::Esc, Key::Enter]);
    state.on(Event::Reply(Reply::Unlock(first, Ok(()))));
    assert!(matches!(state.view, View::Lock(_)), "{:?}", state.view);
    press(&mut state, &[Key::Esc]);
    let second = asks_to_enter(&mut state);
    state.on(Event::Reply(Reply::Unlock(first, Ok(()))));
    assert!(matches!(&state.view, View::Lock(lock) if lock.asked == Some(second)));
    state.on(Event::Reply(Reply::Unlock(second, Ok(()))));
    assert_eq!(state.view, View::Menu);
}

#[test]
fn an_open_screen_locks_itself() {
    let mut state = inside();
    for _ in 0..900 {
        state.on(Event::Tick);
    }
    assert_eq!(state.view, View::Status);
    press(&mut state, &[Key::Enter]);
    assert!(matches!(state.view, View::Lock(_)), "{:?}", state.view);
}

#[test]
fn a_menu_that_was_left_open_behind_the_status_locks_itself_too() {
    let mut state = inside();
    press(&mut state, &[Key::Esc]);
    assert_eq!(state.view, View::Status);
    for _ in 0..900 {
        state.on(Event::Tick);
    }
    press(&mut state, &[Key::Enter]);
    assert!(matches!(state.view, View::Lock(_)), "{:?}", state.view);
}

#[test]
fn a_machines_console_counts_as_a_key_unless_nobody_typed_there() {
    for (idle, locked) in [(false, false), (true, true)] {
        let mut state = inside();
        for _ in 0..899 {
            state.on(Event::Tick);
        }
        state.on(Event::Back { reason: None, idle });
        state.on(Event::Tick);
        assert_eq!(state.view == View::Status, locked);
    }
}

#[test]
fn a_machine_that_was_made_and_did_not_start_is_not_made_again() {
    let mut state = on_page("Virtual machines");
    press(&mut state, &[Key::Char('n')]);
    let failure = Failure {
        field: None,
        message: "no room".into(),
    };
    state.on(Event::Reply(Reply::Create(Ok(Err(failure)))));
    assert_eq!(state.menu.vms.create, None);
    assert!(as_text(&state, 80, 24).contains("did not start: no room"));
}

#[test]
fn the_status_tells_that_the_network_waits() {
    let mut state = waits();
    state.view = View::Status;
    let text = as_text(&state, 80, 24);
    assert!(text.contains("goes back in 118 s: Enter opens the menu"), "{text}");
}

#[test]
fn power_asks_first_and_counts_the_machines() {
    let mut state = on_page("Power");
    assert_eq!(press(&mut state, &[Key::Enter]), None);
    assert!(
        as_text(&state, 80, 24).contains("10 virtual machines run."),
        "{}",
        as_text(&state, 80, 24)
    );
    assert_eq!(press(&mut state, &[Key::Char('n')]), None);
    assert_eq!(
        press(&mut state, &[Key::Enter, Key::Char('y')]),
        Some(Action::Call(Call::Reboot))
    );
}

#[test]
fn the_countdown_is_on_every_page_and_two_keys_end_it() {
    for (key, call) in [('k', Call::Keep), ('u', Call::Undo)] {
        let mut state = waits();
        state.menu.go(Place::Power);
        assert!(as_text(&state, 80, 24).contains("118 s"), "{}", as_text(&state, 80, 24));
        assert_eq!(press(&mut state, &[Key::Char(key)]), Some(Action::Call(call)));
    }
}

#[test]
fn the_place_of_dumps_is_tried_from_its_page() {
    let mut state = on_page("Kernel dump");
    let action = press(&mut state, &[Key::Char('t')]);
    assert!(matches!(action, Some(Action::Call(Call::TestDump))), "{action:?}");
    state.on(Event::Reply(Reply::TestDump(Ok("this node".into()))));
    let said = state.menu.config.notice.clone();
    assert_eq!(
        said.as_deref(),
        Some("Dumps of the kernel can be written to this node.")
    );
}
