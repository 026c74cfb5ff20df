//! Logs, figures and the firewall: done, taken back, and their passwords apart.

use super::*;

const PASSWORD: &str = "s3cr#t-of-node1";
const COLLECTD: &str = "/etc/collectd/collectd.conf.d/10-corbel.conf";
const SYSLOG: &str = "/etc/rsyslog.d/10-corbel.conf";
const ENCRYPTED: &str =
    "[monitoring.collectd]\nserver = \"figures.example.org\"\nsecurity = \"encrypt\"\nuser = \"node1\"\n";

fn certificate() -> String {
    let body = "MIIB".to_owned() + &"A".repeat(60) + "\n" + &"A".repeat(32);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

#[test]
fn what_was_set_is_done_and_a_boot_makes_the_same() {
    let (node, engine) = node("");
    let document = format!(
        "[logging.journal]\nmax_size = \"1 GiB\"\n[[logging.remote]]\nserver = \"logs.example.org\"\nprotocol = \"tls\"\nca = \"\"\"\n{}\"\"\"\n\
         [monitoring.collectd]\nserver = \"figures.example.org\"\n",
        certificate()
    );
    let applied = engine.apply(asked(&document)).expect("applied");
    assert!(!applied.change.network, "nobody is cut off by it");
    let commands = [
        "systemctl restart systemd-journald.service",
        "systemctl restart rsyslog.service",
        "systemctl restart collectd.service",
    ];
    assert_eq!(node.ran(), commands);
    assert_eq!(node.text("/etc/corbel/syslog/10-corbel-ca-1.pem"), Some(certificate()));
    let before = node.etc();
    node.reboot();
    assert_eq!(node.etc(), before);
    // And back to nothing, with no certificate left behind.
    engine.rollback(1, asked("")).expect("rolled back");
    let commands = [
        "systemctl restart systemd-journald.service",
        "systemctl stop rsyslog.service",
        "systemctl restart collectd.service",
    ];
    assert_eq!(node.ran(), commands);
    assert!(
        node.etc()
            .keys()
            .all(|path| !path.contains("syslog") || !path.ends_with("conf") && !path.ends_with("pem"))
    );
}

#[test]
fn a_service_that_refuses_its_file_takes_everything_back() {
    for broken in [
        "systemctl restart rsyslog",
        "systemctl restart collectd",
        SYSLOG,
        "systemctl reload nftables",
    ] {
        let (node, engine) = node("[monitoring.collectd]\nserver = \"old.example.org\"\n");
        let before = node.etc();
        node.break_what_begins(broken);
        let document = "[monitoring.collectd]\nserver = \"new.example.org\"\n[[logging.remote]]\nserver = \"logs\"\n[firewall.ssh]\nsources = []\n";
        let error = engine.apply(asked(document)).expect_err(broken).to_string();
        assert!(
            error.contains("failed, and the whole change was taken back"),
            "{broken}: {error}"
        );
        assert_eq!(node.etc(), before, "{broken}");
    }
}

#[test]
fn who_is_let_in_waits_to_be_confirmed() {
    let (node, engine) = node("");
    let before = node.etc();
    let document = "[firewall.api]\nsources = [\"198.51.100.0/24\"]\n";
    let applied = engine.apply(with_countdown(document)).expect("applied");
    assert!(applied.change.network && applied.pending.is_some());
    assert_eq!(node.ran(), ["systemctl reload nftables.service"]);
    node.pass(Duration::from_secs(60));
    assert!(engine.tick().expect("taken back"));
    assert_eq!(node.ran(), ["systemctl reload nftables.service"]);
    assert_eq!(node.etc(), before);
}

#[test]
fn a_password_is_kept_apart_and_never_shown() {
    let (node, engine) = node("");
    let error = engine.apply(asked(ENCRYPTED)).expect_err("no password").to_string();
    assert!(error.starts_with("monitoring.collectd.password: is not set"), "{error}");
    let applied = engine
        .apply(asked(&format!("{ENCRYPTED}password = \"{PASSWORD}\"\n")))
        .expect("applied");
    assert!(!format!("{applied:?}").contains(PASSWORD));
    assert!(
        node.text(COLLECTD).expect("written").contains(PASSWORD),
        "collectd reckons with it"
    );
    let view = engine.view().expect("a view");
    assert!(view.text.contains("encrypt") && !format!("{view:?}").contains(PASSWORD));
    assert!(!engine.text(2).expect("kept").contains(PASSWORD));
    // The document that is shown can be given back, waits with a network and is confirmed: the password stays.
    let again = format!("{}{STATIC}", view.text.trim_start_matches("version = 1\n"));
    engine.apply(with_countdown(&again)).expect("applied");
    assert!(node.text(COLLECTD).expect("written").contains(PASSWORD));
    engine.confirm().expect("confirmed");
    node.reboot();
    assert!(node.text(COLLECTD).expect("written").contains(PASSWORD));
    let report = node.text(crate::REPORT_FILE).expect("a report");
    assert!(!report.contains(PASSWORD), "{report}");
    // Whoever switches it off and on again needs not say it once more.
    engine.apply(asked("")).expect("off");
    assert_eq!(node.text(COLLECTD), None);
    engine.apply(asked(ENCRYPTED)).expect("on");
    assert!(node.text(COLLECTD).expect("written").contains(PASSWORD));
}
