//! Changes over a node in a folder: done, refused, broken at each step, not confirmed in time.

mod kernel_dump;
mod performance;
mod services;
mod tls;

use super::note::NOTE;
use super::*;
use crate::fake::FakeNode;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada";
const HASH: &str = "$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC";
const STATIC: &str = "[[network.interface]]\nmatch = \"eno1\"\naddresses = [\"192.0.2.10/24\"]\n";

fn node(document: &str) -> (FakeNode, Engine) {
    let node = FakeNode::installed(&format!("version = 1\n{document}")).expect("a folder");
    (node.clone(), Engine::new(node))
}

fn asked(document: &str) -> Request {
    Request {
        text: format!("version = 1\n{document}"),
        by: "admin".into(),
        why: "a test".into(),
        ..Request::default()
    }
}

fn with_countdown(document: &str) -> Request {
    Request {
        countdown: Some(Duration::from_secs(60)),
        ..asked(document)
    }
}

#[test]
fn a_change_is_done_saved_and_not_done_twice() {
    let (node, engine) = node("hostname = \"a\"\n");
    let document = format!(
        "hostname = \"b\"\nkeyboard = \"de-latin1\"\ntimezone = \"Europe/Berlin\"\n[admin]\nssh_keys = [\"{KEY}\"]\npassword_hash = \"{HASH}\"\n[ssh]\nport = 2222\n"
    );
    let dry = engine
        .apply(Request {
            dry_run: true,
            ..asked(&document)
        })
        .expect("planned");
    assert_eq!((dry.generation, node.ran().len()), (1, 0));
    let applied = engine.apply(asked(&document)).expect("applied");
    assert_eq!((applied.generation, applied.pending.is_none()), (2, true));
    assert_eq!(applied.change, dry.change);
    let commands = [
        "systemctl reload nftables.service",
        "systemctl reload-or-restart ssh.service",
        "systemctl restart collectd.service",
        "systemctl restart corbel-keyboard.service",
    ];
    assert_eq!(node.ran(), commands);
    assert_eq!(node.text("/etc/hostname").as_deref(), Some("b\n"));
    assert!(node.text("/etc/shadow").expect("there").contains(HASH));
    let view = engine.view().expect("a view");
    assert!(view.password_set && !view.text.contains(HASH) && view.text.contains("hostname = \"b\""));
    // The document that is shown is the one that can be given back.
    let again = engine
        .apply(Request {
            text: view.text,
            base: Some(2),
            ..asked("")
        })
        .expect("applied");
    assert_eq!(again.change.steps, []);
    assert!(
        node.text("/etc/shadow").expect("there").contains(HASH),
        "the password stays"
    );
    let before = node.etc();
    node.reboot();
    assert_eq!(node.etc(), before, "a boot makes the same of it");
    let report = node.text(crate::REPORT_FILE).expect("a report");
    assert!(report.contains("\"hostname\": \"b\""));
}

#[test]
fn who_comes_second_is_told_so() {
    let (_, engine) = node("");
    let first = Request {
        base: Some(1),
        ..asked("hostname = \"one\"\n")
    };
    engine.apply(first.clone()).expect("the first one");
    let error = engine.apply(first).expect_err("stale");
    assert!(matches!(error, ConfigError::Stale { given: 1, now: 2 }), "{error}");
}

#[test]
fn what_cannot_be_meant_changes_nothing() {
    let (node, engine) = node("");
    let before = node.etc();
    for (document, said) in [
        (
            "hostnam = \"a\"\n",
            "line 2, column 1 (hostnam): unknown field `hostnam`",
        ),
        (
            "[[network.interface]]\nmatch = \"eno1\"\ngateways = [\"192.0.2.1\"]\naddresses = [\"198.51.100.1/24\"]\n",
            "network.interface[eno1].gateways: 192.0.2.1 is not on the wire",
        ),
        (
            "[[network.vlan]]\nid = 4\nparent = \"eno7\"\n",
            "network.vlan[4].parent: eno7 is neither described here nor on this machine, which has eno1, eno2",
        ),
    ] {
        let error = engine.apply(asked(document)).expect_err("refused").to_string();
        assert!(error.starts_with(said), "{error}");
    }
    assert_eq!((node.etc(), node.ran().len()), (before, 0));
    let error = engine.rollback(9, asked("")).expect_err("no such");
    assert!(matches!(error, ConfigError::NoGeneration(9)));
}

/// The kernel takes a VLAN away with what it lies over, and networkctl then knows of no such device.
#[test]
fn a_vlan_goes_before_the_bond_under_it() {
    let (node, engine) = node(STATIC);
    let stacked = format!(
        "{STATIC}[[network.bond]]\nname = \"bond0\"\nmembers = [\"eno2\"]\n[[network.vlan]]\nid = 42\nparent = \"bond0\"\n\
         [[network.bridge]]\nname = \"br42\"\nports = [\"bond0.42\"]\n"
    );
    engine.apply(asked(&stacked)).expect("made");
    let devices = |node: &FakeNode| {
        let mut deleted = node.ran();
        deleted.retain(|command| command.starts_with("networkctl delete"));
        deleted
    };
    assert_eq!(devices(&node), Vec::<String>::new());
    engine.apply(asked(STATIC)).expect("taken away");
    assert_eq!(devices(&node)[0], "networkctl delete bond0.42");
}

#[test]
fn a_vlan_in_a_vlan_goes_before_it_and_one_that_moves_is_made_anew() {
    let vlans = |lower: &str| {
        format!("{STATIC}[[network.vlan]]\nid = 10\n{lower}[[network.vlan]]\nid = 20\nparent = \"eno2.10\"\n")
    };
    let (node, engine) = node(STATIC);
    engine.apply(asked(&vlans("parent = \"eno2\"\n"))).expect("made");
    engine.apply(asked(STATIC)).expect("taken away");
    let deleted = |node: &FakeNode| {
        let mut deleted = node.ran();
        deleted.retain(|command| command.starts_with("networkctl delete"));
        deleted
    };
    let both = ["networkctl delete eno2.10.20", "networkctl delete eno2.10"];
    assert_eq!(deleted(&node), both);
    // By their addresses, both cards give the VLAN the same name.
    let over = |card: u8| format!("{STATIC}[[network.vlan]]\nid = 42\nparent = \"52:54:00:00:00:0{card}\"\n");
    engine.apply(asked(&over(1))).expect("made");
    engine.apply(asked(&over(2))).expect("moved");
    assert_eq!(
        deleted(&node).last().map(String::as_str),
        Some("networkctl delete vlan42")
    );
}

#[test]
fn the_first_password_goes_with_the_change_that_brought_it() {
    let (node, engine) = node("");
    let before = node.text("/etc/shadow");
    let document = format!("[admin]\npassword_hash = \"{HASH}\"\n{STATIC}");
    engine.apply(with_countdown(&document)).expect("applied");
    assert!(node.text("/etc/shadow").expect("there").contains(HASH));
    engine.undo().expect("undone");
    assert_eq!(node.text("/etc/shadow"), before, "there was none");
}

#[test]
fn a_step_that_fails_takes_everything_back() {
    let document = format!(
        "hostname = \"b\"\nkeyboard = \"de-latin1\"\nntp = []\ntimezone = \"UTC\"\n[admin]\npassword_hash = \"{HASH}\"\nssh_keys = [\"{KEY}\"]\n{STATIC}"
    );
    for broken in [
        "/etc/hosts",
        "/etc/corbel/keyboard",
        "/etc/systemd/network/10-corbel-01-eno1.network",
        "hostname",
        "networkctl reload",
        "systemctl reload-or-restart ssh",
        "systemctl restart systemd-timesyncd",
        "systemctl restart corbel-keyboard",
        "/config",
    ] {
        let (node, engine) = node("hostname = \"a\"\n[admin]\npassword_login = false\n");
        let before = node.etc();
        node.break_what_begins(broken);
        let outcome = engine.apply(asked(&document));
        node.mend();
        if broken == "/config" {
            outcome.expect("the store does not go that way");
            continue;
        }
        let error = outcome.expect_err(broken).to_string();
        assert!(
            error.contains("failed, and the whole change was taken back"),
            "{broken}: {error}"
        );
        assert_eq!(node.etc(), before, "{broken}");
        assert_eq!(engine.view().expect("a view").generation, 1, "{broken}");
        // Nothing waits: the next one can come.
        engine.apply(asked("hostname = \"c\"\n")).expect(broken);
    }
}

#[test]
fn an_address_that_does_not_come_takes_everything_back() {
    let (node, engine) = node("");
    let before = node.etc();
    node.deafen();
    let error = engine.apply(asked(STATIC)).expect_err("no address");
    let ConfigError::Step { source, left: None, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(source.to_string(), "192.0.2.10 is not on eno1");
    assert_eq!(node.etc(), before);
}

#[test]
fn a_network_that_nobody_confirms_is_taken_back_in_time() {
    let (node, engine) = node("");
    let before = node.etc();
    let applied = engine.apply(with_countdown(STATIC)).expect("applied");
    assert_eq!(
        (applied.generation, applied.pending.map(|p| p.seconds_left)),
        (1, Some(60))
    );
    assert_ne!(node.etc(), before);
    let error = engine.apply(asked("hostname = \"c\"\n")).expect_err("waits");
    assert!(matches!(error, ConfigError::Waiting));
    assert!(!engine.tick().expect("not yet"));
    node.pass(Duration::from_secs(59));
    assert!(!engine.tick().expect("not yet"));
    assert_eq!(engine.view().expect("a view").pending.map(|p| p.seconds_left), Some(1));
    node.pass(Duration::from_secs(1));
    assert!(engine.tick().expect("taken back"));
    assert_eq!(node.etc(), before);
    assert_eq!(engine.view().expect("a view").generation, 1);
    assert!(matches!(engine.confirm(), Err(ConfigError::NothingWaits)));
}

#[test]
fn a_network_that_is_confirmed_stays_and_one_that_is_undone_does_not() {
    let (node, engine) = node("");
    let before = node.etc();
    engine.apply(with_countdown(STATIC)).expect("applied");
    engine.undo().expect("undone");
    assert_eq!(node.etc(), before);
    engine.apply(with_countdown(STATIC)).expect("applied");
    assert_eq!(engine.confirm().expect("confirmed"), 2);
    let after = node.etc();
    node.pass(Duration::from_secs(3600));
    assert!(!engine.tick().expect("nothing waits"));
    node.reboot();
    assert_eq!(node.etc(), after);
    // The way back is a change like any other.
    let back = engine.rollback(1, asked("")).expect("rolled back");
    assert_eq!((back.generation, node.etc()), (3, before));
}

#[test]
fn a_reboot_and_a_daemon_that_dies_take_back_what_was_not_confirmed() {
    let (node, engine) = node("");
    let before = node.etc();
    engine.apply(with_countdown(STATIC)).expect("applied");
    node.reboot();
    assert_eq!(node.etc(), before);
    engine.apply(with_countdown(STATIC)).expect("applied");
    // The countdown goes on in the daemon's successor.
    let next = Engine::new(node.clone());
    assert!(!next.recover().expect("still waits"));
    node.pass(Duration::from_secs(60));
    assert!(next.tick().expect("taken back"));
    assert_eq!(node.etc(), before);
    // One that died in the middle of it left a note that says so.
    engine.apply(with_countdown(STATIC)).expect("applied");
    let note = node.text(NOTE).expect("a note");
    let text = note.replace("\"until\":", "\"until\":0,\"x\":");
    write_note_text(&node, &text);
    assert!(next.recover().expect("taken back"));
    assert_eq!(node.etc(), before);
}

fn write_note_text(node: &FakeNode, text: &str) {
    use crate::Facilities as _;
    node.write(NOTE, text.as_bytes(), 0o600).expect("written");
}

#[test]
fn the_note_of_what_waits_is_for_root_alone() {
    let (node, engine) = node("");
    let document = format!("[admin]\npassword_hash = \"{HASH}\"\n{STATIC}");
    engine.apply(with_countdown(&document)).expect("applied");
    let view = engine.view().expect("a view");
    assert!(!format!("{view:?}").contains(HASH));
    assert!(node.text(NOTE).expect("a note").contains(HASH), "confirming needs it");
    engine.confirm().expect("confirmed");
    assert_eq!(node.text(NOTE), None);
    assert!(engine.view().expect("a view").password_set);
}

#[test]
fn a_node_without_a_disk_keeps_nothing() {
    let engine = Engine::new(FakeNode::stateless().expect("a folder"));
    assert!(matches!(engine.apply(asked("")), Err(ConfigError::NotInstalled)));
    let view = engine.view().expect("a view");
    assert!(!view.kept && view.text.starts_with("version = 1\n"), "{view:?}");
}

#[test]
fn a_countdown_has_its_bounds() {
    let (_, engine) = node("");
    for seconds in [0, 9, 3601] {
        let request = Request {
            countdown: Some(Duration::from_secs(seconds)),
            ..asked(STATIC)
        };
        assert!(
            matches!(engine.apply(request), Err(ConfigError::Countdown(_))),
            "{seconds}"
        );
    }
}
