//! Keys on the page of machines act on the one that is on the screen, whatever the list and the answers do meanwhile.

use corbel_node_api::{BootFirmware, VmDetail};

use super::*;

/// On the page, with these machines, all off.
fn among(names: &[&str]) -> State {
    let mut state = on_page("Virtual machines");
    let machines = names.iter().map(|name| vm(name, VmState::Off));
    state.on(Event::Vms(machines.collect()));
    state
}

fn detail(name: &str) -> Event {
    let vm = vm(name, VmState::Off);
    let detail = VmDetail {
        name: vm.name,
        uuid: vm.uuid,
        state: vm.state,
        cpus: vm.cpus,
        memory: vm.memory,
        persistent: vm.persistent,
        autostart: vm.autostart,
        firmware: BootFirmware::Bios,
        disks: vec![],
        nics: vec![],
        accelerator: "kvm".into(),
        pid: None,
    };
    Event::Reply(Reply::Detail(Box::new(Ok(detail))))
}

/// Goes to a machine by these keys, and looks at it.
fn looks_at(state: &mut State, name: &str, keys: &[Key]) {
    press(state, keys);
    let asked = press(state, &[Key::Enter]);
    assert_eq!(asked, Some(Action::Call(Call::Detail(name.into()))));
    state.on(detail(name));
    assert!(
        as_text(state, 80, 24).contains("Firmware"),
        "{}",
        as_text(state, 80, 24)
    );
}

fn starts(name: &str) -> Option<Action> {
    Some(Action::Call(Call::Act(VmAct::Start, name.into())))
}

#[test]
fn a_search_closes_the_details() {
    let mut state = among(&["db1", "db2", "web"]);
    looks_at(&mut state, "web", &[Key::End]);
    press(
        &mut state,
        &[Key::Char('/'), Key::Char('d'), Key::Char('b'), Key::Enter],
    );
    let shown = as_text(&state, 80, 24);
    assert!(
        shown.contains("Virtual machines with \"db\": 2") && shown.contains("> db2"),
        "{shown}"
    );
    assert_eq!(press(&mut state, &[Key::Char('s')]), starts("db2"));
}

#[test]
fn the_neighbour_of_a_machine_that_is_gone_is_not_meant() {
    let mut state = among(&["db", "web", "zoo"]);
    looks_at(&mut state, "web", &[Key::Down]);
    assert_eq!(press(&mut state, &[Key::Char('s')]), starts("web"));
    state.on(Event::Vm {
        name: "web".into(),
        vm: None,
    });
    assert_eq!(press(&mut state, &[Key::Char('s')]), None);
    assert!(as_text(&state, 80, 24).contains("web is not there any more"));
    // Nor is it in the list, until somebody has seen it.
    press(&mut state, &[Key::Esc]);
    assert_eq!(press(&mut state, &[Key::Char('s')]), None);
    let shown = as_text(&state, 80, 24);
    assert!(
        shown.contains("web is not there any more: this is zoo") && shown.contains("> zoo"),
        "{shown}"
    );
    assert_eq!(press(&mut state, &[Key::Char('s')]), starts("zoo"));
}

#[test]
fn details_that_come_after_another_key_are_not_shown() {
    let mut state = among(&["a", "b"]);
    press(&mut state, &[Key::Enter, Key::Down]);
    state.on(detail("a"));
    assert_eq!(state.menu.vms.detail, None);
    assert_eq!(press(&mut state, &[Key::Char('s')]), starts("b"));
    // Of two questions the last one counts.
    press(&mut state, &[Key::Home, Key::Enter, Key::Down, Key::Enter]);
    state.on(detail("b"));
    state.on(detail("a"));
    let shown = state.menu.vms.detail.as_ref().map(|detail| detail.name.as_str());
    assert_eq!(shown, Some("b"));
}
