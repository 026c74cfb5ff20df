use corbel_plan::storage_access::SessionKey;

use super::*;
use crate::engine::{ConfigError, Engine, Request};
use crate::fake::FakeNode;

const DISKS: &str = "iqn.2004-10.org.example:disks";
const PASSWORD: &str = "twelve-signs";

fn node() -> (FakeNode, Engine) {
    let node =
        FakeNode::installed("version = 1\n[[network.interface]]\nmatch = \"eno1\"\ndhcp4 = true\n").expect("a node");
    let engine = Engine::new(node.clone());
    (node, engine)
}

fn apply(engine: &Engine, section: &str) -> Result<Vec<String>, ConfigError> {
    let text = format!("version = 1\n[[network.interface]]\nmatch = \"eno1\"\ndhcp4 = true\n{section}");
    let applied = engine.apply(Request {
        text,
        ..Request::default()
    })?;
    assert!(!applied.change.network);
    Ok(applied.change.warnings)
}

fn target(name: &str, portals: &str, more: &str) -> String {
    format!("[[storage_access.iscsi.target]]\nname = \"{name}\"\nportals = [{portals}]\n{more}")
}

fn portals(node: &FakeNode) -> Vec<String> {
    let sessions = node.sessions().expect("sessions");
    sessions.iter().map(|session| session.portal.to_string()).collect()
}

#[test]
fn what_is_set_is_logged_in_and_a_boot_makes_the_same() {
    let (node, engine) = node();
    let chap = format!("chap_user = \"node1\"\nchap_password = \"{PASSWORD}\"\n");
    apply(&engine, &target(DISKS, "\"192.0.2.5\", \"192.0.2.6\"", &chap)).expect("applied");
    assert_eq!(portals(&node), ["192.0.2.5:3260", "192.0.2.6:3260"]);
    let name = node.text("/etc/iscsi/initiatorname.iscsi").expect("a name");
    assert_eq!(name, "InitiatorName=iqn.1993-08.org.debian:01:010203040501\n");
    let ran = node.ran();
    assert!(ran.iter().all(|command| !command.contains(PASSWORD)), "{ran:?}");
    assert!(!node.text(tools_options()).expect("options").contains(PASSWORD));
    let view = engine.view().expect("a view");
    assert!(view.text.contains("chap_user") && !format!("{view:?}").contains(PASSWORD));
    // The next boot: nothing is logged in, and the name is the same.
    let next = FakeNode::clone(&node);
    next.reboot();
    next.forget_storage();
    access_storage(&next).expect("done");
    assert_eq!(portals(&next), ["192.0.2.5:3260", "192.0.2.6:3260"]);
    assert_eq!(next.text("/etc/iscsi/initiatorname.iscsi"), Some(name));
    // Once more: nothing is left to do.
    assert_eq!(access_storage(&next).expect("done"), Vec::<String>::new());
}

#[test]
fn a_record_that_was_made_without_the_login_is_made_again() {
    let (node, engine) = node();
    node.start_iscsid_slowly(3);
    let chap = format!("chap_user = \"node1\"\nchap_password = \"{PASSWORD}\"\n");
    apply(&engine, &target(DISKS, "\"192.0.2.5\"", &chap)).expect("applied");
    let record = format!("/var/lib/iscsi/nodes/{DISKS}/192.0.2.5,3260");
    assert!(node.text(&record).expect("a record").contains(PASSWORD));
    node.start_iscsid_slowly(u8::MAX);
    let error = apply(&engine, &target(DISKS, "\"192.0.2.6\"", &chap)).expect_err("it does not come up");
    assert!(error.to_string().contains("log in at iSCSI targets"), "{error}");
}

fn tools_options() -> &'static str {
    "/etc/iscsi/iscsid.conf"
}

#[test]
fn a_portal_that_is_away_leaves_everything_as_it_was() {
    let (node, engine) = node();
    apply(&engine, &target(DISKS, "\"192.0.2.5\"", "")).expect("applied");
    node.break_what_begins("reach 192.0.2.9");
    node.ran();
    let error = apply(&engine, &target("iqn.2004-10.org.example:other", "\"192.0.2.9\"", "")).expect_err("refused");
    let told = corbel_sys::chain(&error);
    assert!(told.contains("the portal 192.0.2.9:3260 cannot be reached"), "{told}");
    assert!(told.contains("the whole change was taken back"), "{told}");
    assert_eq!(portals(&node), ["192.0.2.5:3260"]);
    assert!(node.ran().iter().all(|command| !command.starts_with("iscsiadm")));
}

#[test]
fn a_login_that_is_refused_takes_the_others_back() {
    let (node, engine) = node();
    let theirs = SessionKey {
        target: "iqn.2004-10.org.example:theirs".parse().expect("a name"),
        portal: "192.0.2.7:3260".parse().expect("an address"),
    };
    node.log_in(theirs);
    apply(&engine, &target(DISKS, "\"192.0.2.5\"", "")).expect("applied");
    let failing = "iscsiadm --mode node --targetname iqn.2004-10.org.example:bad --portal 192.0.2.6:3260 --login";
    node.break_what_begins(failing);
    let two = target("iqn.2004-10.org.example:good", "\"192.0.2.8\"", "")
        + &target("iqn.2004-10.org.example:bad", "\"192.0.2.6\"", "");
    let error = corbel_sys::chain(&apply(&engine, &two).expect_err("refused"));
    assert!(error.contains("does not let the node in"), "{error}");
    let mut left = portals(&node);
    left.sort();
    assert_eq!(left, ["192.0.2.5:3260", "192.0.2.7:3260"], "sessions of others stay");
    node.mend();
    apply(&engine, "").expect("taken out");
    assert_eq!(portals(&node), ["192.0.2.7:3260"]);
}

#[test]
fn exports_are_pools() {
    let (node, engine) = node();
    let nas = "[[storage_access.nfs.mount]]\nname = \"nas\"\nserver = \"2001:db8::5\"\npath = \"/srv\"\noptions = [\"soft\"]\n";
    apply(&engine, nas).expect("applied");
    let ran = node.ran();
    let mount = "mount -t nfs4 -o vers=4.2,retry=0,nodev,nosuid,soft [2001:db8::5]:/srv /run/corbel/nfs/nas";
    assert!(ran.contains(&mount.to_owned()), "{ran:?}");
    assert!(node.is_mounted("/run/corbel/nfs/nas").expect("looked"));
    node.break_what_begins("umount");
    let error = corbel_sys::chain(&apply(&engine, "").expect_err("in use"));
    assert!(error.contains("the export of nas cannot be unmounted"), "{error}");
    node.mend();
    apply(&engine, "").expect("taken out");
    assert!(!node.is_mounted("/run/corbel/nfs/nas").expect("looked"));
    assert!(node.ran().iter().any(|command| command.ends_with("pool-undefine nas")));
}
