use super::*;
use crate::screen::tests::{node, vm};
use corbel_node_api::VmState;

#[test]
fn machines_stay_sorted_and_vanish() {
    let mut state = State::default();
    state.on(Event::Vms(vec![vm("b", VmState::Off), vm("a", VmState::Off)]));
    state.on(Event::Vm {
        name: "aa".into(),
        vm: Some(vm("aa", VmState::Running)),
    });
    state.on(Event::Vm {
        name: "b".into(),
        vm: None,
    });
    assert_eq!(
        state.vms.iter().map(|vm| vm.name.as_str()).collect::<Vec<_>>(),
        ["a", "aa"]
    );
}

#[test]
fn scrolling_ends_with_the_list_and_follows_when_it_shrinks() {
    let mut state = State {
        page: 3,
        ..State::default()
    };
    state.on(Event::Vms(
        (0..10).map(|n| vm(&format!("vm{n}"), VmState::Off)).collect(),
    ));
    state.on(Event::Key(Key::End));
    assert_eq!(state.scroll, 7);
    state.on(Event::Key(Key::PageUp));
    state.on(Event::Key(Key::Up));
    assert_eq!(state.scroll, 3);
    state.on(Event::Vms(vec![vm("a", VmState::Off)]));
    assert_eq!(state.scroll, 0);
}

#[test]
fn a_daemon_that_goes_leaves_what_it_said() {
    let mut state = State::default();
    state.on(Event::Away("no such file".into()));
    assert_eq!(state.daemon, Daemon::Starting, "a node that boots is not broken");
    for _ in 0..PATIENCE {
        state.on(Event::Away("no such file".into()));
    }
    assert_eq!(state.daemon, Daemon::Away("no such file".into()), "patience ends");
    state.on(Event::Node(Box::new(node())));
    state.on(Event::Away("connection refused".into()));
    assert_eq!(state.daemon, Daemon::Away("connection refused".into()));
    assert!(state.node.is_some());
    state.on(Event::Node(Box::new(node())));
    assert_eq!(state.daemon, Daemon::Here);
}

#[test]
fn without_a_password_nobody_is_sent_to_login() {
    let mut state = State::default();
    let mut node = node();
    node.admin_password_set = Some(false);
    state.on(Event::Node(Box::new(node.clone())));
    assert_eq!(state.on(Event::Key(Key::Char('l'))), None);
    assert_eq!(state.hint, Some(NO_PASSWORD));
    node.admin_password_set = Some(true);
    state.on(Event::Node(Box::new(node)));
    assert_eq!(state.on(Event::Key(Key::Char('l'))), Some(Action::Login));
    assert_eq!(state.hint, None);
}

#[test]
fn keys_that_leave_are_actions() {
    let mut state = State::default();
    for (key, action) in [
        (Key::Char('l'), Action::Login),
        (Key::Char('q'), Action::Quit),
        (Key::Quit, Action::Quit),
        (Key::Repaint, Action::Repaint),
    ] {
        assert_eq!(state.on(Event::Key(key)), Some(action));
    }
}
