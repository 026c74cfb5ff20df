//! What clicks do on several pages.

use crate::menu::{List, Place};
use crate::screen::tests::{fresh, vm};
use crate::screen::{as_text, fit_to};
use crate::state::{Action, Event, Mouse, MouseAct, State, View};
use corbel_node_api::VmState;

fn machines(count: usize) -> State {
    let mut state = fresh();
    state.trusted = true;
    let vms = (0..count).map(|n| vm(&format!("guest-{n:03}"), VmState::Running));
    state.on(Event::Vms(vms.collect()));
    fit_to(&mut state, 80, 24);
    state
}

fn mouse(state: &mut State, act: MouseAct, column: usize, row: usize) -> Option<Action> {
    fit_to(state, 80, 24);
    let side = |n: usize| u16::try_from(n).expect("on the screen");
    state.on(Event::Mouse(Mouse {
        act,
        column: side(column),
        row: side(row),
    }))
}

/// A click on this text, wherever it stands.
fn click(state: &mut State, text: &str) -> Option<Action> {
    let shown = as_text(state, 80, 24);
    let found = shown
        .lines()
        .enumerate()
        .find_map(|(row, line)| Some((row, line.find(text)?)));
    let (row, column) = found.unwrap_or_else(|| panic!("{text:?} is not on the screen:\n{shown}"));
    mouse(state, MouseAct::Click, column, row)
}

#[test]
fn keys_of_the_last_line_menu_and_rows_are_clicked() {
    let mut state = machines(40);
    click(&mut state, "Enter menu");
    assert_eq!(state.view, View::Menu);
    click(&mut state, "guest-003");
    assert!(state.menu.inside);
    assert!(
        as_text(&state, 80, 24).contains("> guest-003"),
        "{}",
        as_text(&state, 80, 24)
    );
    click(&mut state, "guest-001");
    assert!(as_text(&state, 80, 24).contains("> guest-001"));
    click(&mut state, "Services");
    assert_eq!(
        (state.menu.place, state.menu.inside),
        (Place::List(List::Services), false)
    );
    click(&mut state, "Power");
    click(&mut state, "Power");
    assert_eq!((state.menu.place, state.menu.inside), (Place::Power, true));
    click(&mut state, "Esc");
    assert!(!state.menu.inside);
    click(&mut state, "Esc status");
    assert_eq!(state.view, View::Status);
    assert_eq!(click(&mut state, "Ctrl-L"), Some(Action::Repaint));
}

#[test]
fn the_wheel_scrolls_what_is_shown() {
    let mut state = machines(40);
    mouse(&mut state, MouseAct::WheelDown, 5, 15);
    assert_eq!(state.scroll, 3);
    mouse(&mut state, MouseAct::WheelUp, 5, 15);
    assert_eq!(state.scroll, 0);
}

#[test]
fn no_place_breaks_it_and_the_installer_takes_no_click() {
    for row in 0..30 {
        for column in 0..90 {
            let mut state = machines(3);
            mouse(&mut state, MouseAct::Click, column, row);
            state.view = View::Menu;
            mouse(&mut state, MouseAct::Click, column, row);
        }
    }
    let mut state = State::new(Some(crate::state::Installer::Asked));
    let before = as_text(&state, 80, 24);
    for row in 0..24 {
        assert_eq!(mouse(&mut state, MouseAct::Click, 3, row), None);
    }
    assert_eq!(as_text(&state, 80, 24), before);
}
