//! The page of the keyboard: what is found by typing, and what the installation then asks for.

use super::*;

use Key::{Char, Down, Enter, Esc};

/// The keyboard that the installation would ask for.
fn asked_keyboard(wizard: &mut Wizard) -> Option<String> {
    while wizard.page != Page::Sizes {
        press(wizard, &[Enter]);
    }
    let Some(Exit::Ask(Ask::Plan(request, _))) = wizard.key(Enter) else {
        panic!("{wizard:?}");
    };
    let Request::Install(request) = *request else { panic!() };
    request.keyboard
}

#[test]
fn a_layout_is_found_by_typing_and_stays_chosen() {
    let mut wizard = wizard(Wanted::Install, disks());
    press(&mut wizard, &[Enter]);
    assert_eq!(wizard.layouts()[wizard.row].name, "us", "it begins where keys are now");
    press(&mut wizard, &text("SWISS g"));
    assert_eq!(
        wizard.layouts().iter().map(|row| row.name).collect::<Vec<_>>(),
        ["sg-latin1"]
    );
    press(&mut wizard, &[Key::Clear]);
    assert_eq!(wizard.layouts()[wizard.row].name, "sg-latin1", "the cursor stays on it");
    press(&mut wizard, &text("ES"));
    assert_eq!(wizard.layouts()[wizard.row].name, "es", "a whole name is meant");
    press(&mut wizard, &[Key::Clear]);
    press(&mut wizard, &text("nodead"));
    press(&mut wizard, &[Char('x'), Enter]);
    assert_eq!(wizard.page, Page::Keyboard);
    assert!(wizard.error.as_deref().is_some_and(|e| e.starts_with("No layout")));
    let exit = press(&mut wizard, &[Key::Backspace, Enter]);
    assert_eq!((wizard.page, wizard.keyboard()), (Page::Boot, "de-latin1-nodeadkeys"));
    let at_once = Ask::Keyboard("de-latin1-nodeadkeys".into());
    assert_eq!(exit, Some(Exit::Ask(at_once)), "the password is typed with it");
    let no_such = Failure {
        field: None,
        message: "layout: there is no such keymap".into(),
    };
    wizard.answer(Answer::Keyboard("de-latin1-nodeadkeys".into(), Err(no_such)));
    assert_eq!(wizard.keyboard_here(), "us");
    assert!(wizard.error.is_some() && wizard.page == Page::Boot);
    wizard.answer(Answer::Keyboard("de-latin1-nodeadkeys".into(), Ok(())));
    assert_eq!(wizard.keyboard_here(), "de-latin1-nodeadkeys");
    press(&mut wizard, &[Esc]);
    assert_eq!((wizard.page, wizard.search.as_str()), (Page::Keyboard, ""));
    assert_eq!(wizard.layouts()[wizard.row].name, "de-latin1-nodeadkeys");
    // What the node says of itself in between does not move the cursor.
    press(&mut wizard, &[Down]);
    wizard.learn(&node());
    press(&mut wizard, &[Key::Up, Enter]);
    assert_eq!(asked_keyboard(&mut wizard).as_deref(), Some("de-latin1-nodeadkeys"));
}

#[test]
fn the_layout_of_this_boot_stays_when_nobody_chooses_another() {
    for (given, rows) in [("trq", 0), ("emacs2", 1)] {
        let mut wizard = wizard(Wanted::Install, disks());
        let before = wizard.layouts().len();
        let mut told = node();
        told.keyboard = Some(given.into());
        wizard.learn(&told);
        assert_eq!(wizard.layouts().len(), before + rows, "{given}");
        assert_eq!(asked_keyboard(&mut wizard).as_deref(), Some(given));
    }
}
