//! Installing, upgrading, going down: what is said before anything is erased, what is asked, what is shown while it goes on.

use std::io::{BufRead as _, BufReader};

use corbel_agent::{FailedVersion, Restart};
use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::node::Node;
use crate::program::{self, run_with_input};

#[test]
fn disks_say_what_they_carry_and_whether_they_will_do() {
    let node = Node::start();
    assert_snapshot!(node.corbel("disk list").expect(0));
    let disks = node.corbel("disk list --json").expect(0).json();
    assert_eq!(disks["disks"][1]["target"], "when-named");
}

#[test]
fn an_installation_says_first_what_it_erases_and_asks() {
    let node = Node::start();
    let planned = node.corbel("install --device /dev/sdb --dry-run").expect(0);
    assert!(
        planned.out.contains("This will be ERASED:\n  everything on /dev/sdb"),
        "{planned}"
    );
    let plan = node
        .corbel("install --device /dev/sdb --dry-run --json")
        .expect(0)
        .json();
    assert!(
        plan["erases"][0]
            .as_str()
            .is_some_and(|text| text.contains("customers"))
    );
    // Nobody is there to say yes.
    let refused = node.corbel("install --device /dev/sdb").expect(2);
    assert!(
        refused.err.contains("customers") && refused.err.contains("give --yes"),
        "{refused}"
    );
    assert!(node.system.installed_document().is_none());

    let password = node.file("password", "correct horse\n");
    let line = format!(
        "install --device /dev/sdb --hostname node-7 --admin-password-file {} --yes --reboot",
        password.display()
    );
    let ran = node.corbel(&line).expect(0);
    for step in [
        "Partition and format: done",
        "Write the system: done",
        "Corbel is installed",
    ] {
        assert!(ran.err.contains(step), "{step}\n{ran}");
    }
    let document = node.system.installed_document().expect("it was given one");
    assert!(document.contains("node-7") && document.contains("$6$"), "{document}");
    assert_eq!(node.system.restarts(), [Restart::Firmware]);
    let again = node.corbel("install --device /dev/sdb --yes").expect(4);
    assert!(again.err.contains("carries Corbel already"), "{again}");
}

#[test]
fn an_installation_is_refused_by_field() {
    let node = Node::start();
    for (line, status, part) in [
        ("install --device sda --yes", 2, "invalid value 'sda'"),
        ("install --device /dev/sdd --yes", 4, "this system runs from it"),
        ("install --size swap --yes", 2, "give PART=SIZE"),
        ("install --size home=1G --yes", 2, "home is no part"),
        ("install --auto --yes", 2, "cannot be used with"),
        ("install --hostname a_b. --yes", 4, "hostname"),
        ("uninstall --yes", 4, "no disk of this machine carries Corbel"),
        ("uninstall --keep-data --wipe-data", 2, "cannot be used with"),
    ] {
        let ran = node.corbel(line).expect(status);
        assert!(ran.err.contains(part), "{line}\n{ran}");
    }
    let file = node.file("answers.toml", "version = 1\n[install]\nbot = '/dev/sda'\n");
    let ran = node
        .corbel(&format!("install --answers {} --yes", file.display()))
        .expect(4);
    assert!(ran.err.contains("line 3") && ran.err.contains("bot"), "{ran}");
    let file = node.file("none.toml", "version = 1\n");
    let ran = node
        .corbel(&format!("install --answers {} --yes", file.display()))
        .expect(4);
    assert!(ran.err.contains("has no table [install]"), "{ran}");
}

#[test]
fn answers_come_from_a_file_and_options_win() {
    let node = Node::start();
    let file = node.file(
        "answers.toml",
        "version = 1\nhostname = 'node-8'\n[install]\nboot = '/dev/sda'\nkeep_data = false\n",
    );
    let ran = node.corbel(&format!("install --answers {} --device /dev/sdb --yes", file.display()));
    assert!(ran.expect(0).err.contains("everything on /dev/sdb"));
    let document = node.system.installed_document().expect("it was given one");
    assert!(document.contains("node-8"), "{document}");
    let planned = node.corbel("uninstall --wipe-data --dry-run").expect(0);
    assert!(planned.out.contains("  the VM storage on /dev/sdb"), "{planned}");
    let ran = node.corbel("uninstall --yes").expect(0);
    assert!(ran.err.contains("the disk carries no Corbel any more"), "{ran}");
}

#[test]
fn an_upgrade_comes_from_a_file_a_url_or_a_pipe() {
    let node = Node::installed();
    let iso = node.file("corbel.iso", "release 0.2.0\n");
    let ran = node.corbel(&format!("upgrade {} --reboot", iso.display())).expect(0);
    assert!(ran.err.contains("Corbel 0.2.0 is started next"), "{ran}");
    assert_snapshot!("status-after-upgrade", node.corbel("node status").expect(0));
    let ran = node.corbel("rollback --reboot --fast").expect(0);
    assert!(ran.err.contains("Corbel 0.1.0"), "{ran}");
    assert_eq!(node.system.restarts(), [Restart::Firmware, Restart::Fast]);
    let ran = node
        .corbel("upgrade https://images.example.net/corbel-0.3.0.iso")
        .expect(0);
    assert!(ran.err.contains("starts with the next reboot"), "{ran}");
    assert_snapshot!("status-before-reboot", node.corbel("node status").expect(0));
    let ran = run_with_input(&mut node.command(&["upgrade", "-", "--json"]), b"release 0.4.0\n").expect(0);
    let events: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(events[0]["event"], "begin");
    assert_eq!(events.last().expect("events")["ok"], true);
}

#[test]
fn an_upgrade_that_cannot_be_says_why() {
    let node = Node::installed();
    let iso = node.file("corbel.iso", "something else\n");
    let ran = node.corbel(&format!("upgrade {}", iso.display())).expect(1);
    assert!(ran.err.contains("error: this is no image of Corbel"), "{ran}");
    node.system.fail_next("input/output error");
    let ran = node.corbel("upgrade --medium --reboot").expect(1);
    assert!(ran.err.contains("Write the system: FAILED"), "{ran}");
    assert!(
        ran.err
            .contains("error: writing to /dev/sda failed: input/output error"),
        "{ran}"
    );
    assert!(node.system.restarts().is_empty());
    for line in ["upgrade", "upgrade a.iso --medium", "upgrade --medium --fast"] {
        node.corbel(line).expect(2);
    }
    node.corbel("upgrade /no/such.iso").expect(1);
    node.system.set_failed(Some(FailedVersion {
        version: "0.2.0".to_owned(),
        reason: "its network did not come up".to_owned(),
    }));
    let status = node.corbel("node status").expect(0);
    let sentence = "Version 0.2.0 did not become healthy: its network did not come up";
    assert!(status.out.contains(sentence), "{status}");
    assert!(status.out.contains("failed: it is not started any more"), "{status}");
    assert!(!status.out.contains("Boot records"), "{status}");
    let refused = node.corbel("rollback").expect(1);
    let sentence = "slot b holds version 0.2.0, which failed on this node: its network did not come up";
    assert!(refused.err.contains(sentence), "{refused}");
    node.system.set_problems(&["corbel/grubenv is not there"]);
    let status = node.corbel("node status").expect(0);
    assert!(
        status.out.contains("Boot records: corbel/grubenv is not there"),
        "{status}"
    );
    let live = Node::start();
    let ran = live.corbel("node status").expect(0);
    assert!(ran.err.contains("This node is not installed"), "{ran}");
}

#[test]
fn ctrl_c_asks_the_node_to_stop() {
    let node = Node::installed();
    node.system.hold(true);
    let mut child = program::spawn(&mut node.command(&["upgrade", "--medium", "--reboot"]));
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut until = |part: &str| {
        lines
            .by_ref()
            .map(|line| line.expect("text"))
            .find(|line| line.contains(part))
            .unwrap_or_else(|| panic!("{part} was never said"))
    };
    until("Write the system");
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).expect("it runs");
    until("asking the node to stop");
    until("the node has stopped as asked");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(node.system.restarts().is_empty());
    // The node is free again.
    node.system.hold(false);
    node.corbel("upgrade --medium").expect(0);
}

#[test]
fn going_down_is_asked_for_unless_it_was_said() {
    let node = Node::installed();
    let refused = node.corbel("node reboot").expect(2);
    assert!(refused.err.contains("Machines that run (2)"), "{refused}");
    let ran = node.corbel("node poweroff --yes --deadline 5").expect(0);
    assert!(ran.err.contains("Stop the machines: done"), "{ran}");
    assert_eq!(node.system.restarts(), [Restart::PowerOff]);
    node.corbel("node reboot --yes --deadline 9999").expect(4);
    node.system.never_fast("the kernel of slot a cannot be taken apart");
    let ran = node.corbel("node reboot --fast --yes").expect(0);
    let sentence =
        "warning: a fast reboot is not possible, the node reboots through its firmware: the kernel of slot a";
    assert!(ran.err.contains(sentence), "{ran}");
    assert_eq!(node.system.restarts()[1], Restart::Firmware);
}
