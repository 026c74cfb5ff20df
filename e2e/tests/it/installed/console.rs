//! The console of an installed node, over the serial line, as a person uses it: locked, every page seen, a setting changed.

use std::time::Duration;

use anyhow::ensure;
use corbel_e2e::{
    Firmware, Node, PAGES, Person, Run, Server,
    installed::{INSTALL_WORDS, PASSWORD, PASSWORD_HASH},
    person::{CLEAR, DOWN, ENTER, ESC, REPAINT, UP},
};
use corbel_node_api::SlotName;

use super::DISK;

#[tokio::test]
async fn every_page_is_seen_and_a_name_is_changed() -> anyhow::Result<()> {
    let run = Run::from_environment("console")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    server
        .install(&run, &format!("{INSTALL_WORDS} adminpw={PASSWORD_HASH}"))
        .await?;
    let mut machine = server.start_installed(&run).await?;
    let mut person = Person::at(&mut machine, Duration::from_secs(60) * run.accel().patience())?;
    person.sees(&["Enter menu", "Guests  ready"]).await?;
    person
        .insists(ENTER, &["This screen is locked"])
        .await?
        .types("plum-tr3e\r")?;
    person.sees(&["not the password"]).await?;
    person.types(&format!("{CLEAR}{PASSWORD}\r"))?;
    // The pages of the document come with the node's schema.
    person.sees(&[">Virtual machines", "Name and time"]).await?;
    for (title, word) in PAGES {
        person.types(DOWN)?;
        person.insists(REPAINT, &[&format!(">{title}"), word]).await?;
    }

    // Back to the first one of the document, and another name.
    for (title, _) in PAGES.iter().rev().skip(1) {
        person.types(UP)?;
        person.insists(REPAINT, &[&format!(">{title}")]).await?;
    }
    person.types(ENTER)?;
    person.sees(&["> hostname  beam"]).await?.types(ENTER)?;
    person.sees(&["[beam_"]).await?.types(&format!("{CLEAR}girder\r"))?;
    person
        .sees(&["> hostname  girder", "changes are not saved"])
        .await?
        .types("s")?;
    person
        .sees(&["What will be done:", "Nothing was done so far."])
        .await?
        .types(ENTER)?;
    person.sees(&["Saved as generation"]).await?.types(ESC)?;
    person.sees(&["Esc status"]).await?.types(ESC)?;
    person.sees(&["girder"]).await?;
    let node = Node::attach(&run, machine, server.identity().clone()).await?;
    ensure!(node.info().await?.name == "girder");
    node.blessed(SlotName::A).await.map(drop)
}
