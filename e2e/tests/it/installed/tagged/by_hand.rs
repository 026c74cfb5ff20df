//! The console's part: a person at the serial line, with no manual and no other way to the node.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use corbel_e2e::{
    Firmware, Person, Run, Server, demo,
    installed::{INSTALL_WORDS, PASSWORD, PASSWORD_HASH},
    person::{CLEAR, ENTER, ESC, SPACE},
    receivers::HOST,
    spec::wire_mac,
};
use corbel_node_api::VmState;

use super::super::DISK;
use super::{NONCE, Servers, frames_are_tagged};

/// Leaves the console of a machine (Ctrl-]).
const LEAVE: &str = "\x1d";
/// The row behind the entries of a page.
const ADD: &str = "[ add an entry ]";

#[tokio::test]
async fn by_the_console() -> anyhow::Result<()> {
    let run = Run::from_environment("by-hand")?;
    let servers = Servers::start().await?;
    let mut server = Server::new(&run, Firmware::Bios, DISK)?;
    let wires = [server.add_wire()?, server.add_wire()?];
    server
        .install(&run, &format!("{INSTALL_WORDS} adminpw={PASSWORD_HASH}"))
        .await?;
    let mut node = server.boot_installed(&run).await?;
    // What a guest boots from comes over the network, as on every node.
    let [kernel, initrd] = demo::upload(&node, run.image()).await?;

    let patience = Duration::from_secs(60) * run.accel().patience();
    let mut person = Person::at(node.machine(), patience)?;
    person.sees(&["Enter menu", "Guests  ready"]).await?;
    person.insists(ENTER, &["This screen is locked"]).await?;
    person.types(&format!("{CLEAR}{PASSWORD}\r"))?;
    person.sees(&[">Virtual machines", "Name and time"]).await?;

    for interface in ["bond0", "bond0.42", "br42"] {
        add(&mut person, "Interfaces").await?.fills("match", interface).await?;
        person.chooses("dhcp4").await?.types(&SPACE.repeat(2))?;
        person.sees(&["> dhcp4       no"]).await?;
        leave(&mut person).await?;
    }
    let members = format!("{}, {}", wire_mac(0), wire_mac(1));
    let pages: [(&str, &[(&str, &str)]); 4] = [
        ("Bonds", &[("name", "bond0"), ("members", &members)]),
        ("VLANs", &[("id", "42"), ("parent", "bond0")]),
        ("Bridges", &[("name", "br42"), ("ports", "bond0.42")]),
        (
            "Logging remote",
            &[("server", HOST), ("port", &servers.logs.port().to_string())],
        ),
    ];
    for (page, fields) in pages {
        add(&mut person, page).await?;
        for (label, text) in fields {
            person.fills(label, text).await?;
        }
        if page == "Logging remote" {
            // Left out, then each in its turn.
            person.chooses("protocol").await?.types(&SPACE.repeat(2))?;
            person.sees(&["> protocol          tcp"]).await?;
        }
        leave(&mut person).await?;
    }
    person.chooses("Monitoring").await?.types(ENTER)?;
    person.fills("collectd server", HOST).await?;
    person
        .fills("collectd port", &servers.figures.port().to_string())
        .await?;

    person.types("s")?;
    person
        .sees(&["What will be done:", "Enter do it"])
        .await?
        .types(ENTER)?;
    person.sees(&["k keeps it"]).await?.types("k")?;
    person.sees(&["Kept as generation"]).await?.types(ESC)?;
    person.sees(&["Esc status"]).await?;

    person.chooses("Virtual machines").await?.types(ENTER)?;
    person.sees(&["n new"]).await?.types("n")?;
    person.sees(&["s make it"]).await?;
    for (label, text) in [
        ("name", demo::NAME),
        ("cpus", "1"),
        ("memory", "128 MiB"),
        ("bridge", "br42"),
        ("initrd", initrd),
        ("kernel", kernel),
        ("kernel words", &format!("console=ttyS0 quiet nonce={NONCE}")),
    ] {
        person.fills(label, text).await?;
    }
    person.chooses("disk").await?.types("x")?;
    person.sees(&["> disk          -"]).await?.types("s")?;
    person.sees(&[demo::NAME, "running", "n new"]).await?;

    // Its own console, through ours.
    person.types("c")?;
    person.sees(&[&demo::sentence(NONCE)]).await?.types(LEAVE)?;
    person.sees(&["n new"]).await?;
    drop(person);
    let vm = node.api().vm(demo::NAME).await?;
    ensure!(vm.state == VmState::Running, "{vm:?}");
    let guest = vm.nics.first().map(|nic| nic.mac.clone()).context("a card")?;
    frames_are_tagged(&node, &wires, &guest).await?;
    servers.are_told(&node, "by the console").await
}

/// Opens a page of the menu, and a new entry in it.
async fn add<'a, 'p>(person: &'p mut Person<'a>, page: &str) -> anyhow::Result<&'p mut Person<'a>> {
    person.chooses(page).await?.types(ENTER)?;
    person.chooses(ADD).await?.types("a")?;
    person.sees(&[&format!("{page}: new")]).await
}

/// Out of the entry, and of the page.
async fn leave(person: &mut Person<'_>) -> anyhow::Result<()> {
    person.types(ESC)?;
    person.sees(&[ADD, "Esc menu"]).await?.types(ESC)?;
    person.sees(&["Esc status"]).await.map(drop)
}
