//! The installer from its first page to the reboot, and the ways off that road.

use std::time::Duration;

use corbel_agent::Restart;
use corbel_agent::fake::FakeSystem;

use crate::node::Node;
use crate::terminal::{DOWN, ENTER, ESC, RIGHT, Terminal};

fn live() -> Node {
    Node::start(FakeSystem::live(Duration::ZERO))
}

/// From Welcome to the page of the password, on the first disk.
fn to_password(terminal: &mut Terminal) {
    terminal.expect(&["Welcome", ">", "Install Corbel"]).press(ENTER);
    terminal
        .expect(&["Install: keyboard", "> (*) English (US)"])
        .press("nodead")
        .expect(&["> ( ) German", "[nodead_"])
        .press(ENTER);
    terminal
        .expect(&["Install: boot device", "> ( ) /dev/sda"])
        .press(ENTER);
    terminal.expect(&["Install: data devices"]).press(ENTER);
    terminal.expect(&["Install: sizes", "Remaining"]).press(ENTER);
    terminal
        .expect(&["Install: confirm", "[>Back<]", "/dev/sda"])
        .press(RIGHT);
    terminal.expect(&["[>Install<]"]).press(ENTER);
    terminal.expect(&["Install: password"]);
}

fn type_password(terminal: &mut Terminal) {
    terminal.press("plum-Tr3e").expect(&["[*********_"]).press(ENTER);
    terminal.expect(&["> The same once more"]).press("plum-Tr3e");
    terminal.expect(&["[*********_"]).press(ENTER);
}

#[test]
fn a_node_is_installed_by_hand_and_rebooted() {
    let node = live();
    let mut terminal = Terminal::open(&node, "--install");
    to_password(&mut terminal);
    // All the way back and forth again: nothing was written, and what was chosen stays chosen.
    for page in ["confirm", "sizes", "data devices", "boot device", "keyboard"] {
        terminal.press(ESC).expect(&[&format!("Install: {page}")]);
    }
    terminal.press(ESC).expect(&["Welcome"]);
    assert_eq!(node.system.installed_document(), None);
    terminal.press(ENTER).expect(&["> (*) German"]).press(ENTER);
    terminal.expect(&["> (*) /dev/sda"]).press(ESC);
    terminal.expect(&["Install: keyboard"]).press(ESC);
    to_password_again(&mut terminal);
    type_password(&mut terminal);
    terminal.expect(&["Corbel is installed.", "Remove the medium", "[>Reboot<]"]);
    let document = node.system.installed_document().expect("it was written");
    assert!(
        document.contains("password_hash")
            && document.contains("keyboard = \"de-latin1-nodeadkeys\"")
            && !document.contains("plum"),
        "{document}"
    );
    assert!(!terminal.shown().contains("plum"));
    // The sim is down sooner than a busy machine looks at its screen.
    terminal.press(ENTER).expect(&["Reboot: done"]);
    assert_eq!(node.system.restarts(), [Restart::Firmware]);
}

fn to_password_again(terminal: &mut Terminal) {
    terminal.expect(&["Welcome"]).press(ENTER);
    terminal.expect(&["Install: keyboard"]).press(ENTER);
    terminal.expect(&["Install: boot device"]).press(ENTER);
    terminal.expect(&["Install: data devices"]).press(ENTER);
    terminal.expect(&["Install: sizes"]).press(ENTER);
    terminal.expect(&["[>Back<]", "Install: confirm"]).press(RIGHT);
    terminal.expect(&["[>Install<]"]).press(ENTER);
    terminal.expect(&["Install: password"]);
}

#[test]
fn disks_that_cannot_be_used_say_why() {
    let node = live();
    let mut terminal = Terminal::open(&node, "--install");
    terminal.expect(&["Install Corbel"]).press(ENTER);
    terminal.expect(&["Install: keyboard"]).press(ENTER);
    terminal.expect(&["> ( ) /dev/sda"]).press(DOWN);
    terminal.expect(&["> (!) /dev/sdb"]).press(DOWN);
    terminal.expect(&["> (-) /dev/sdc"]).press(ENTER);
    terminal.expect(&["/dev/sdc cannot be used: it has 4 GiB"]);
    assert_eq!(node.system.installed_document(), None);
}

#[test]
fn two_consoles_follow_one_installation_and_either_stops_it() {
    let node = live();
    let mut first = Terminal::open(&node, "--install");
    let mut second = Terminal::open(&node, "--install");
    second.expect(&["Install Corbel"]);
    node.system.hold(true);
    to_password(&mut first);
    type_password(&mut first);
    first.expect(&["Partition and format", "[>Stop<]"]);
    second.expect(&["Partition and format", "[>Stop<]"]).press(ENTER);
    second.expect(&["Stop the installation?", "[>Go on<]"]).press(RIGHT);
    second.expect(&["[>Stop it<]"]).press(ENTER);
    for terminal in [&mut first, &mut second] {
        terminal.expect(&["not done", "Partition and format", "[>Back to the start<]"]);
        terminal.press(ENTER).expect(&["Welcome", "Install Corbel"]);
    }
}

#[test]
fn a_failure_says_what_was_written_and_leads_back() {
    let node = live();
    node.system.fail_next("Input/output error");
    let mut terminal = Terminal::open(&node, "--install");
    to_password(&mut terminal);
    type_password(&mut terminal);
    terminal.expect(&["riting to /dev/sda", "Input/output error", "FAILED", "not begun"]);
    terminal.press(ENTER).expect(&["Welcome", "> Install Corbel"]);
    // The last choice leaves to the status page, from which a key leads back.
    terminal.press(DOWN).press(DOWN).press(DOWN);
    terminal.expect(&["> Run without installing"]).press(ENTER);
    terminal.expect(&["Virtual machines", "i install"]).press("i");
    terminal.expect(&["Welcome", "Install Corbel"]);
}

#[test]
fn a_system_on_the_disk_is_removed() {
    let node = live();
    let mut terminal = Terminal::open(&node, "--install");
    to_password(&mut terminal);
    type_password(&mut terminal);
    terminal.expect(&["[>Reboot<]"]).press(RIGHT);
    terminal.expect(&["[>Back to the start<]"]).press(ENTER);
    terminal.expect(&["> Reinstall", "Uninstall"]).press(DOWN);
    terminal.expect(&["> Uninstall"]).press(ENTER);
    terminal.expect(&["[x] Keep the VM storage"]).press(" ");
    terminal.expect(&["[ ] Keep", "All VM disks are lost."]).press(ENTER);
    terminal.expect(&["THIS IS LOST", "VM storage"]).press(RIGHT);
    terminal.expect(&["[>Uninstall now<]"]).press(ENTER);
    terminal.expect(&["Uninstall Corbel: done"]);
}

#[test]
fn an_installed_node_shows_its_slots_and_no_installer() {
    let node = Node::start(FakeSystem::installed(Duration::ZERO));
    node.system.set_failed(Some(corbel_agent::FailedVersion {
        version: "0.2.0".into(),
        reason: "libvirt did not answer within 300 seconds".into(),
    }));
    let mut terminal = Terminal::open(&node, "");
    terminal.expect(&[
        "in slot a; 0.2.0 in slot b failed",
        "version 0.2.0: libvirt did not answer",
    ]);
    assert!(!terminal.shown().contains("i install"), "{}", terminal.shown());
}
