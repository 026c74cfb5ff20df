//! The rescue shell of an installed node: says why it is there, and lets in who knows the password of `admin`.

use std::time::Duration;

use corbel_e2e::{
    Firmware, Node, Person, Run, Server,
    installed::{INSTALL_WORDS, PASSWORD, PASSWORD_HASH},
    person::ENTER,
};
use corbel_node_api::SlotName;

use super::DISK;

/// Ctrl-N moves down in GRUB's menu. Of an arrow key, which is three bytes, GRUB may take the first for Esc on a slow line.
const NEXT: &str = "\x0e";

#[tokio::test]
async fn asks_for_the_password_and_goes_on_with_the_boot() -> anyhow::Result<()> {
    let run = Run::from_environment("rescue")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    server
        .install(&run, &format!("{INSTALL_WORDS} adminpw={PASSWORD_HASH}"))
        .await?;

    let mut machine = server.start_installed(&run).await?;
    let mut person = Person::at(&mut machine, Duration::from_secs(60) * run.accel().patience())?;
    person.sees(&["Rescue shell of Corbel"]).await?.types(NEXT)?;
    person.sees(&["*Corbel 0.1.0 (slot a)"]).await?.types(NEXT)?;
    person.sees(&["*Rescue shell of Corbel"]).await?.types(ENTER)?;
    person
        .sees(&["the word `rescue`", "Password of admin:"])
        .await?
        .types("plum-tr3e\r")?;
    person
        .sees(&["That is not the password."])
        .await?
        .types(&format!("{PASSWORD}\r"))?;
    person.sees(&["rescue#"]).await?.types("ls /config\r")?;
    person.sees(&["node.a.toml", "boot"]).await?.types("exit\r")?;
    let node = Node::attach(&run, machine, server.identity().clone()).await?;
    node.blessed(SlotName::A).await.map(drop)
}
