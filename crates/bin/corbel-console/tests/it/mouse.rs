//! A mouse, on terminals that have one and on those that have none.

use std::time::Duration;

use corbel_agent::fake::FakeSystem;

use crate::node::Node;
use crate::terminal::Terminal;

/// The left button in the second column of the last row.
const CLICK: &str = "\x1b[<0;2;24M\x1b[<0;2;24m";

#[test]
fn a_click_on_a_key_does_that_key_and_the_mouse_is_given_back() {
    let node = Node::start(FakeSystem::live(Duration::ZERO));
    let mut terminal = Terminal::named(&node, "--unlocked", "xterm-256color");
    terminal.expect(&["Enter menu", "running"]);
    assert!(terminal.tells_mouse());
    terminal.press(CLICK).expect(&["Enter open", "Esc status"]);
    terminal.leave();
    assert!(!terminal.tells_mouse());
}

#[test]
fn a_serial_line_is_not_asked_for_a_mouse() {
    let node = Node::start(FakeSystem::live(Duration::ZERO));
    let mut terminal = Terminal::open(&node, "--unlocked");
    terminal.expect(&["Enter menu", "running"]);
    assert!(!terminal.tells_mouse());
}
