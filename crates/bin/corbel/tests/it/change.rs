//! What changes a node.

use std::io::{BufRead, BufReader};

use insta::assert_snapshot;
use serde_json::json;

use crate::node::Node;
use crate::program::{self, run_with_input};

#[test]
fn a_machine_lives_and_goes() {
    let node = Node::start();
    let mut told = String::new();
    for line in [
        "vm create --name new --cpus 2 --memory 768M --disk new.qcow2,size=5G --network nat:default --uefi --start",
        "vm show new",
        "vm reboot new",
        "vm shutdown new --wait",
        "vm start new",
        "vm autostart new on",
        "vm force-off new",
        "vm autostart new off",
        "vm delete new --volumes --yes",
        "vm show new",
    ] {
        told.push_str(&format!("$ corbel {line}\n{}\n\n", node.corbel(line)));
    }
    // Names that are given by chance.
    let told = told.lines().map(|line| match line {
        line if line.starts_with("UUID ") => "UUID         [UUID]".to_owned(),
        line if line.contains("52:54:00") => "Networks     [MAC]  network default".to_owned(),
        line => line.to_owned(),
    });
    assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn files_are_persisted_on_an_installed_node_alone() {
    let node = Node::installed();
    let mut told = String::new();
    for line in [
        "persist",
        "persist /etc/motd /etc/issue",
        "persist",
        "persist /usr/bin/mine",
        "persist --diff /etc/motd",
        "persist --diff /etc/none",
        "persist /etc/motd --json",
        "unpersist /etc/motd",
        "unpersist /etc/motd",
        "unpersist",
    ] {
        told.push_str(&format!("$ corbel {line}\n{}\n\n", node.corbel(line)));
    }
    let live = Node::start();
    told.push_str(&format!(
        "$ corbel persist /etc/motd (stateless)\n{}",
        live.corbel("persist /etc/motd")
    ));
    assert_snapshot!(told);
}

#[test]
fn the_screens_keys_change_at_once() {
    let node = Node::start();
    let told: Vec<_> = ["de-latin1", "of our own", "../us", "klingon"]
        .map(|layout| {
            let ran = node.tidy(program::run(&mut node.command(&["node", "keyboard", layout])));
            format!("$ corbel node keyboard {layout:?}\n{ran}")
        })
        .into();
    assert_snapshot!(told.join("\n\n"));
}

#[test]
fn a_machine_comes_from_a_file_or_from_xml() {
    let node = Node::start();
    let toml = node.file(
        "a.toml",
        "name = 'a'\nmemory = '64 MiB'\n[[networks]]\nnat = 'default'\n",
    );
    let created = node
        .corbel(&format!("vm create --json --file {}", toml.display()))
        .expect(0)
        .json();
    assert_eq!(
        (&created["name"], &created["memory"], &created["state"]),
        (&json!("a"), &json!(64 << 20), &json!("off"))
    );

    let spec = br#"{"name": "b", "memory": 67108864}"#;
    run_with_input(&mut node.command(&["vm", "create", "--file", "-", "--start"]), spec).expect(0);
    assert_eq!(node.corbel("vm show b --json").expect(0).json()["state"], "running");

    let xml = node.corbel("vm xml a").expect(0).out.replace(">a<", ">c<");
    let xml: Vec<_> = xml
        .lines()
        .filter(|line| !line.contains("<uuid>") && !line.contains("<mac "))
        .collect();
    run_with_input(
        &mut node.command(&["vm", "create", "--xml", "-"]),
        xml.join("\n").as_bytes(),
    )
    .expect(0);
    assert_eq!(node.corbel("vm show c --json").expect(0).json()["state"], "off");

    let typo = node.file("typo.toml", "name = 'd'\nmemory = '64 MiB'\ncpu = 2\n");
    assert_snapshot!(node.corbel(&format!("vm create --file {}", typo.display())));
    let typo = node.file(
        "typo.json",
        r#"{"name": "d", "memory": "64 MiB", "disks": [{"volume": "v", "sise": 1}]}"#,
    );
    assert_snapshot!(node.corbel(&format!("vm create --file {}", typo.display())));
}

#[test]
fn nothing_is_deleted_without_a_yes() {
    let node = Node::start();
    assert_snapshot!(node.corbel("vm delete build"), @r"
    2> error: nobody can be asked (Delete machine build?): give --yes
    status 2
    ");
    node.corbel("vm show build").expect(0);
    node.corbel("volume delete web.qcow2").expect(2);
}

#[test]
fn a_guest_that_ignores_the_request_is_waited_for_in_vain() {
    let node = Node::start();
    node.fake.guests_obey(false);
    assert_snapshot!(node.corbel("vm shutdown web --wait --timeout 1"), @r"
    2> error: web is not off after 1 s: the guest may ignore the request
    2> hint: to take the power away, run: corbel vm force-off web
    status 1
    ");
}

#[test]
fn events_are_followed_until_ctrl_c() {
    let node = Node::start();
    let mut child = program::spawn(&mut node.command(&["node", "events", "--json"]));
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut next =
        || -> serde_json::Value { serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON") };
    let hello = next();
    assert_eq!(
        (&hello["type"], &hello["vms"].as_array().map(Vec::len)),
        (&json!("hello"), &Some(3))
    );
    node.corbel("vm start build").expect(0);
    let started = next();
    assert_eq!(
        (
            &started["type"],
            &started["name"],
            &started["change"],
            &started["vm"]["state"]
        ),
        (&json!("vm"), &json!("build"), &json!("started"), &json!("running"))
    );
    interrupt(&child);
    let ran = program::ended(child.wait_with_output().expect("it ends"));
    assert_eq!((ran.status, ran.err.contains("\"interrupted\"")), (130, true), "{ran}");
}

#[test]
fn a_node_that_stops_ends_the_events() {
    let node = Node::start();
    let mut child = program::spawn(&mut node.command(&["vm", "events", "web"]));
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // The lines stay open to the end: closing them would end the program too.
    let reader = std::thread::spawn(move || (lines.next().expect("a line").expect("text"), lines));
    while !reader.is_finished() {
        // Whether the listener is there yet cannot be seen from outside, so the event is repeated.
        node.corbel("vm autostart db on").expect(0);
        node.corbel("vm reboot web").expect(0);
    }
    let (line, _lines) = reader.join().expect("read");
    assert!(line.ends_with("web rebooted, now running"), "{line}");
    drop(node);
    let ran = program::ended(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.status, 6, "{ran}");
}

/// As Ctrl-C does.
pub(crate) fn interrupt(child: &std::process::Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
}
