//! An open entry of a list stays the same one when the document becomes another.

use super::*;

fn interfaces(names: &[&str]) -> String {
    let tables = names
        .iter()
        .map(|name| format!("\n[[network.interface]]\nmatch = \"{name}\"\n"));
    format!("version = 1\n{}", tables.collect::<String>())
}

/// What the node has now.
fn saved(generation: u64, names: &[&str]) -> Event {
    Event::Reply(Reply::Config(Ok(Config {
        generation,
        document: interfaces(names),
        ..config()
    })))
}

/// The number of the entry that is open.
fn open(state: &State) -> Option<&Step> {
    state.menu.form.as_ref()?.level().path.last()
}

#[test]
fn an_open_entry_stays_open_when_somebody_else_saves() {
    let mut state = on_page("Interfaces");
    press(&mut state, &[Key::Enter]);
    assert_eq!(open(&state), Some(&Step::At(0)));
    state.on(saved(5, &["eno0", "eno1"]));
    assert_eq!(open(&state), Some(&Step::At(1)));
    assert!(as_text(&state, 80, 24).contains("Interfaces: eno1"));
    // It is the first again, and then it is gone; what was being typed goes with it.
    state.on(saved(6, &["eno1", "eno2"]));
    assert_eq!(open(&state), Some(&Step::At(0)));
    press(&mut state, &[Key::Enter]);
    assert!(state.menu.is_typing());
    state.on(saved(7, &["eno2"]));
    assert!(!state.menu.is_typing());
    let shown = as_text(&state, 80, 24);
    assert!(
        !shown.contains("Interfaces: ") && shown.contains("[ add an entry ]"),
        "{shown}"
    );
}

#[test]
fn an_open_entry_stays_open_when_what_was_typed_is_forgotten() {
    let mut state = on_page("Interfaces");
    state.on(saved(5, &["eno0", "eno1"]));
    press(&mut state, &[Key::Home, Key::Char('d'), Key::Char('y'), Key::Enter]);
    assert_eq!(open(&state), Some(&Step::At(0)));
    assert!(as_text(&state, 80, 24).contains("Interfaces: eno1"));
    press(&mut state, &[Key::Char('r')]);
    assert_eq!(open(&state), Some(&Step::At(1)));
    assert!(as_text(&state, 80, 24).contains("Interfaces: eno1"));
}

#[test]
fn a_question_whether_to_remove_an_entry_ends_with_its_document() {
    let mut state = on_page("Interfaces");
    press(&mut state, &[Key::Char('d')]);
    // The node's word on a draft is no other document.
    state.on(Event::Reply(Reply::Plan(0, Ok(plan(false)))));
    assert!(as_text(&state, 80, 24).contains("Remove eno1?"));
    state.on(saved(5, &["eno0", "eno1"]));
    assert!(!as_text(&state, 80, 24).contains("Remove"));
    press(&mut state, &[Key::Char('y')]);
    assert!(!state.menu.config.is_changed());
}
