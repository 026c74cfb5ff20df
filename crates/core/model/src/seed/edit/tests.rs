//! Values in texts that people wrote.

use proptest::prelude::*;

use super::*;
use crate::seed::parse;

const TEXT: &str = "# mine\nversion = 1\nhostname = \"old\" # the rack\n\n[admin]\npassword_hash = \"$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC\"\n\n\
[[network.interface]]\nmatch = \"bond0.42\"\nmtu = 9000\n";

#[test]
fn one_value_changes_and_comments_stay() {
    let text = set(TEXT, "hostname", "new").expect("set");
    assert_eq!(text, TEXT.replace("\"old\"", "\"new\""));
    let text = set(&text, "ssh.port", "2222").expect("set");
    let text = set(&text, "network.interface[bond0.42].addresses", "[\"192.0.2.1/24\"]").expect("set");
    let text = set(&text, "network.interface[eno2].dhcp4", "true").expect("set");
    let text = set(&text, "network.vlan[42].parent", "bond0").expect("set");
    let text = set(&text, "timezone", "Europe/Berlin").expect("set");
    let seed = parse(&text).expect(&text);
    assert_eq!(seed.ssh_port.map(|port| port.number()), Some(2222));
    assert_eq!(seed.network.interfaces.len(), 2);
    assert_eq!(seed.network.interfaces[0].addressing.addresses.len(), 1);
    assert_eq!(seed.network.vlans[0].id.number(), 42);
    assert_eq!(seed.timezone.expect("set").as_str(), "Europe/Berlin");
    assert!(text.starts_with("# mine\n") && text.contains("# the rack"), "{text}");
}

#[test]
fn values_are_shown_and_the_hash_is_not() {
    let at = |path: &str| value_at(TEXT, path).expect(path);
    assert_eq!(at("hostname").as_deref(), Some("\"old\""));
    assert_eq!(at("network.interface[bond0.42].mtu").as_deref(), Some("9000"));
    assert_eq!(at("network.interface[0].mtu").as_deref(), Some("9000"));
    assert_eq!(at("network.interface[eno9].mtu"), None);
    assert_eq!(at("admin.password_hash"), None);
    assert_eq!(at("ntp"), None);
    for bad in ["", "a..b", "a[", "a]b", "a b", "a[x]y"] {
        assert!(matches!(value_at(TEXT, bad), Err(EditError::Path(_))), "{bad}");
    }
}

#[test]
fn what_is_taken_out_is_gone_and_what_is_not_there_is_told() {
    let text = unset(TEXT, "network.interface[bond0.42]").expect("there");
    assert!(parse(&text).expect("a document").network.interfaces.is_empty());
    assert!(!unset(TEXT, "hostname").expect("there").contains("old"));
    assert!(matches!(unset(TEXT, "ntp"), Err(EditError::Absent { .. })));
    assert!(matches!(set(TEXT, "hostname.x", "1"), Err(EditError::NoTable { .. })));
}

#[test]
fn what_is_secret_is_kept_apart() {
    let (text, secrets) = take_secrets(TEXT).expect("toml");
    assert!(secrets.admin_password.is_some() && !text.contains("password_hash") && !text.contains("[admin]"));
    assert_eq!(take_secrets(&text).expect("toml"), (text.clone(), Secrets::default()));
    for broken in [
        "version = 1\n[admin]\npassword_hash = \"x\"\n",
        "version = 1\n[monitoring.collectd]\npassword = \"a b\"\n",
        "version = 1\nmonitoring = { collectd = { password = 7 } }\n",
    ] {
        assert_eq!(
            take_secrets(broken).expect("toml"),
            (broken.to_owned(), Secrets::default())
        );
        let (shown, had) = without_secrets(broken).expect("toml");
        assert!(
            had.len() == 1 && !shown.contains("password") && !shown.contains("monitoring"),
            "{shown}"
        );
    }
    let path = "monitoring.collectd.password";
    let number = set("version = 1\n[monitoring.collectd]\nserver = \"a\"\n", path, "1234").expect("set");
    let (text, secrets) = take_secrets(&number).expect("toml");
    assert_eq!(secrets.collectd_password.expect("taken").expose(), "1234");
    assert!(text.contains("server") && !text.contains("1234"), "{text}");
    assert_eq!(value_at(&number, path).expect("read"), None);
}

#[test]
fn each_target_has_a_password_of_its_own() {
    const ONE: &str = "iqn.2004-10.org.example:one";
    let at = |key: &str| format!("storage_access.iscsi.target[{ONE}].{key}");
    let text = set(TEXT, &at("portals"), "[\"192.0.2.5\"]").expect("set");
    let text = set(&text, &at("chap_user"), "node1").expect("set");
    let text = set(&text, &at("chap_password"), "123456789012").expect("set");
    assert_eq!(value_at(&text, &at("chap_password")).expect("read"), None);
    assert!(value_at(&text, &at("portals")).expect("read").is_some());
    let (shown, had) = without_secrets(&text).expect("toml");
    assert_eq!(had, ["admin.password_hash", &at("chap_password")]);
    let (kept, secrets) = take_secrets(&text).expect("toml");
    assert!(!shown.contains("123456789012"), "{shown}");
    assert!(!kept.contains("123456789012") && kept.contains("chap_user"), "{kept}");
    assert_eq!(secrets.iscsi_passwords[ONE].expose(), "123456789012");
    // As it may be written on one line, too; a password of nobody is none.
    let inline = "version = 1\n[storage_access.iscsi]\ntarget = [{ name = \"a\", chap_password = \"secret\" }, { chap_password = 7 }]\n";
    let (shown, had) = without_secrets(inline).expect("toml");
    assert!(had.len() == 2 && !shown.contains("password"), "{shown}");
    let mut seed = parse(&kept).expect(&kept);
    seed.fill_secrets(&secrets);
    assert!(!seed.storage_access.iscsi.targets[0].lacks_password());
}

#[test]
fn an_entry_may_be_named_by_its_server() {
    let text = set(TEXT, "logging.remote[logs.example.org].protocol", "tcp").expect("set");
    assert_eq!(parse(&text).expect(&text).logging.remote[0].port, 514);
    let text = set(&text, "logging.remote[logs.example.org].port", "1514").expect("set");
    assert_eq!(parse(&text).expect(&text).logging.remote[0].port, 1514);
}

proptest! {
    #[test]
    fn no_path_and_no_value_panics(path in "[a-z\\[\\]0-9.]{0,20}", value in "\\PC{0,20}", text in "(\\PC|\n){0,80}") {
        let _ = set(&text, &path, &value);
        let _ = set(TEXT, &path, &value);
        let _ = unset(TEXT, &path);
        let _ = value_at(TEXT, &path);
        let _ = (take_secrets(&text), without_secrets(&text));
    }
    #[test]
    fn what_was_set_is_what_is_there(name in "[a-z]{1,12}") {
        let text = set(TEXT, "hostname", &name).expect("set");
        prop_assert_eq!(value_at(&text, "hostname").expect("read"), Some(format!("\"{name}\"")));
    }
}
