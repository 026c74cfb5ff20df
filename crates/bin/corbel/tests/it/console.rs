//! The serial console, as a pipe and in a terminal.

use std::io::Write;

use insta::assert_snapshot;

use crate::node::Node;
use crate::program::{self, run_with_input};
use crate::terminal::{in_terminal, read_until, rest};

#[test]
fn a_pipe_waits_for_a_text() {
    let node = Node::start();
    let ran = node.corbel("vm console web --until login: --timeout 20").expect(0);
    assert!(
        ran.out.contains("Corbel fake guest web") && ran.out.contains("login:"),
        "{ran:?}"
    );
    assert_eq!(ran.err, "");
    let mut command = node.command(&["vm", "console", "web", "--until", "hello guest", "--timeout", "20"]);
    run_with_input(&mut command, b"hello guest").expect(0);
}

#[test]
fn waiting_in_vain_has_an_end() {
    let node = Node::start();
    assert_snapshot!(node.corbel("vm console web --until never --timeout 1").err, @r#"error: web did not print "never" within 1 s"#);
    node.corbel("vm console web --timeout 1").expect(0);

    let mut child = program::spawn(&mut node.command(&["vm", "console", "web", "--until", "never"]));
    read_until(child.stdout.as_mut().expect("piped"), "login:");
    node.corbel("vm force-off web").expect(0);
    let ran = program::ended(child.wait_with_output().expect("it ends")).expect(1);
    assert_snapshot!(ran.err, @r#"error: the console of web ended before it printed "never" (the console ended)"#);
}

#[test]
fn a_console_has_one_client() {
    let node = Node::start();
    let mut child = program::spawn(&mut node.command(&["vm", "console", "web"]));
    read_until(child.stdout.as_mut().expect("piped"), "login:");
    let second = node.corbel("vm console web").expect(4);
    assert!(second.err.contains("console open elsewhere"), "{second}");
    crate::change::interrupt(&child);
    program::ended(child.wait_with_output().expect("it ends")).expect(130);
}

#[test]
fn the_terminal_is_put_back_after_ctrl_bracket() {
    let node = Node::start();
    let mut terminal = in_terminal(&node, "corbel vm console web");
    let output = terminal.stdout.as_mut().expect("piped");
    let shown = read_until(output, "login:");
    assert!(shown.contains("Connected to web. Leave with Ctrl-]."), "{shown}");
    let mut keys = terminal.stdin.take().expect("piped");
    // Ctrl-C goes to the guest: the console stays.
    keys.write_all(b"\x03abc").expect("typed");
    read_until(output, "abc");
    keys.write_all(b"\x1d").expect("typed");
    let rest = rest(terminal);
    assert!(
        rest.contains("Left the console of web.") && rest.contains("status 0"),
        "{rest}"
    );
    same_settings(&node);
}

#[test]
fn the_terminal_is_put_back_after_a_signal_and_an_end() {
    let node = Node::start();
    let mut terminal = in_terminal(&node, "corbel vm console web </dev/tty & echo $! >pid; wait $!");
    read_until(terminal.stdout.as_mut().expect("piped"), "login:");
    let pid: i32 = std::fs::read_to_string(node.path("pid"))
        .expect("written")
        .trim()
        .parse()
        .expect("a number");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let shown = rest(terminal);
    assert!(shown.contains("status 130"), "{shown}");
    same_settings(&node);

    let mut terminal = in_terminal(&node, "corbel vm console db");
    read_until(terminal.stdout.as_mut().expect("piped"), "login:");
    node.corbel("vm force-off db").expect(0);
    let shown = rest(terminal);
    assert!(
        shown.contains("The console of db has ended") && shown.contains("status 0"),
        "{shown}"
    );
    same_settings(&node);
}

fn same_settings(node: &Node) {
    let settings = |name| std::fs::read_to_string(node.path(name)).expect(name);
    assert!(settings("before").contains("icanon"));
    assert_eq!(settings("before"), settings("after"));
}
