//! Keys and clicks that nobody means: whatever comes, there is a whole screen of plain characters, and a secret that is typed is not on it.

use proptest::prelude::*;

use super::*;
use crate::state::{Mouse, MouseAct};

fn any_key() -> impl Strategy<Value = Key> {
    prop_oneof![
        any::<char>().prop_map(Key::Char),
        prop::sample::select(vec![
            's', 'x', 'f', 'n', 'c', 'a', 'd', 'r', 'k', 'u', 'y', '/', ' ', '?'
        ])
        .prop_map(Key::Char),
        prop::sample::select(vec![
            Key::Enter,
            Key::Esc,
            Key::Tab,
            Key::BackTab,
            Key::Backspace,
            Key::Up,
            Key::Down,
            Key::Left,
            Key::Right,
            Key::PageUp,
            Key::PageDown,
            Key::Home,
            Key::End,
            Key::Help,
            Key::Clear,
        ]),
    ]
}

/// On the screen and beside it.
fn any_mouse() -> impl Strategy<Value = Mouse> {
    let act = prop::sample::select(vec![MouseAct::Click, MouseAct::WheelUp, MouseAct::WheelDown]);
    let place = prop_oneof![4 => 0_u16..220, 1 => any::<u16>()];
    let row = prop_oneof![4 => 0_u16..70, 1 => any::<u16>()];
    (act, place, row).prop_map(|(act, column, row)| Mouse { act, column, row })
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => any_key().prop_map(Event::Key),
        2 => any_mouse().prop_map(Event::Mouse),
        1 => Just(Event::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_key_and_no_click_breaks_the_menu(
        events in prop::collection::vec(any_event(), 0..60),
        columns in 1_u16..210,
        rows in 1_u16..60,
    ) {
        let mut state = inside();
        for event in events {
            crate::screen::fit_to(&mut state, columns, rows);
            state.on(event);
            let shown = as_text(&state, columns, rows);
            prop_assert_eq!(shown.lines().count(), usize::from(rows));
            prop_assert!(shown.is_ascii());
        }
    }

    /// Whoever may only click never gets behind the lock.
    #[test]
    fn no_click_opens_the_lock(mice in prop::collection::vec(any_mouse(), 0..60)) {
        let mut state = arrived();
        for mouse in mice {
            crate::screen::fit_to(&mut state, 80, 24);
            let action = state.on(Event::Mouse(mouse));
            prop_assert!(!matches!(action, Some(Action::Call(_))), "{action:?}");
            prop_assert!(state.view != View::Menu);
        }
    }
}
