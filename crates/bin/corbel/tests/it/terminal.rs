//! The program in a terminal, which util-linux's script(1) provides: questions, colours.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use crate::node::{Node, PATIENCE};

/// A shell in a terminal that runs `line` and writes down the terminal's settings before and after.
#[allow(clippy::disallowed_methods)] // As in `program`: it is fed and watched while it runs.
pub(crate) fn in_terminal(node: &Node, line: &str) -> Child {
    let program = env!("CARGO_BIN_EXE_corbel");
    let script = format!(
        "stty -a >before; {}; echo status $?; stty -a >after",
        line.replace("corbel ", &format!("{program} "))
    );
    let mut command = Command::new("script");
    command
        .args(["-qfec", &script, "/dev/null"])
        .current_dir(node.dir.path());
    command
        .env("CORBEL_SOCKET", node.path("api.sock"))
        .env("SHELL", "/bin/sh");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("script starts")
}

/// Everything up to and with `text`.
pub(crate) fn read_until(from: &mut impl Read, text: &str) -> String {
    let begun = std::time::Instant::now();
    let mut all = Vec::new();
    let mut byte = [0];
    while !all.ends_with(text.as_bytes()) {
        assert!(begun.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&all));
        assert_eq!(
            from.read(&mut byte).expect("read"),
            1,
            "{}",
            String::from_utf8_lossy(&all)
        );
        all.push(byte[0]);
    }
    String::from_utf8_lossy(&all).into_owned()
}

pub(crate) fn rest(mut child: Child) -> String {
    let mut all = String::new();
    child
        .stdout
        .take()
        .expect("piped")
        .read_to_string(&mut all)
        .expect("text");
    child.wait().expect("it ends");
    all
}

/// Waits for the question, answers it, and returns what came then.
fn answer(node: &Node, line: &str, answer: &str) -> String {
    let mut terminal = in_terminal(node, line);
    read_until(terminal.stdout.as_mut().expect("piped"), "Type yes to go on: ");
    let mut keys = terminal.stdin.take().expect("piped");
    keys.write_all(answer.as_bytes()).expect("typed");
    rest(terminal)
}

#[test]
fn deleting_asks_first() {
    let node = Node::start();
    let told = answer(&node, "corbel vm delete build", "no\n");
    assert!(
        told.contains("not done: the answer was not yes") && told.contains("status 1"),
        "{told}"
    );
    node.corbel("vm show build").expect(0);
    // Ctrl-C is heard while the question stands.
    let told = answer(&node, "corbel vm delete build", "\x03");
    assert!(told.contains("interrupted"), "{told}");
    node.corbel("vm show build").expect(0);
    let told = answer(&node, "corbel vm delete build", "yes\n");
    assert!(told.contains("build is deleted") && told.contains("status 0"), "{told}");
    node.corbel("vm show build").expect(3);
}

#[test]
fn trusting_asks_first() {
    let node = Node::start();
    let line = format!("HOME={} corbel node trust {}", node.dir.path().display(), node.address);
    let told = answer(&node, &line, "yes\n");
    assert!(
        told.contains("is trusted with certificate") && told.contains("status 0"),
        "{told}"
    );
    assert!(node.path(".config/corbel/nodes.toml").exists());
}

#[test]
fn colours_are_for_terminals_and_can_be_switched_off() {
    let node = Node::start();
    let mut shown = in_terminal(&node, "unset NO_COLOR; TERM=xterm corbel vm list");
    drop(shown.stdin.take());
    let coloured = rest(shown);
    assert!(
        coloured.contains("\x1b[1mNAME") && coloured.contains("\x1b[32mdb"),
        "{coloured:?}"
    );
    for switch in ["NO_COLOR=1 TERM=xterm", "TERM=dumb"] {
        let mut shown = in_terminal(&node, &format!("unset NO_COLOR; {switch} corbel vm list"));
        drop(shown.stdin.take());
        let plain = rest(shown);
        assert!(plain.contains("running") && !plain.contains('\x1b'), "{plain:?}");
    }
}

#[test]
fn a_table_fits_the_terminal() {
    let node = Node::start();
    let mut shown = in_terminal(&node, "stty cols 40; TERM=dumb corbel volume list");
    drop(shown.stdin.take());
    let shown = rest(shown);
    assert!(shown.contains("build.qcow2"), "{shown}");
    assert!(
        shown.lines().all(|line| line.trim_end().chars().count() <= 40),
        "{shown}"
    );
}
