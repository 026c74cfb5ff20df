//! The configuration of a node that runs: a change that cuts its owner off takes itself back, one that is confirmed stays, and VMs
//! go on meanwhile.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use corbel_e2e::{Firmware, Node, Run, Server, until};
use corbel_node_api::{RebootRequest, SlotName, VmState};

use super::{DISK, users};

/// What a change of the network waits for its confirmation.
const COUNTDOWN: u32 = 15;

#[tokio::test]
async fn a_change_that_cuts_off_undoes_itself_and_one_that_holds_stays() -> anyhow::Result<()> {
    let run = Run::from_environment("configured")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let node = server.installed(&run).await?;
    let spec = serde_json::json!({ "name": "goes-on", "memory": "64 MiB" });
    node.api().create_vm(&serde_json::from_value(spec)?).await?;
    node.api().start_vm("goes-on").await?;
    let address = node.info().await?.addresses.into_iter().next().context("an address")?;
    let mut shell = node.root_shell()?;
    let named = shell.text(r#"corbel config get | sed -n 's/^match = "\(.*\)"$/\1/p'"#)?;
    let entry = format!("'network.interface[{named}]");

    let before = shell.text("corbel config get")?;
    // No address any more: nobody can confirm that. The second time the daemon that counts is killed.
    for daemon in ["true", "systemctl kill --signal=KILL corbel-node"] {
        shell.text(&format!(
            "corbel config set {entry}.dhcp4' false --confirm-seconds {COUNTDOWN} && {daemon}"
        ))?;
        ensure!(!answers(&node).await, "the node still answers");
        until("the change to be taken back", node.limit(90), async || {
            Ok(answers(&node).await.then_some(()))
        })
        .await?;
        let after = shell.text("corbel config get")?;
        ensure!(after == before, "the document was {before}\nand is {after}");
    }

    // Two changes that hold, one of them confirmed.
    shell.text(&format!("corbel config set {entry}.mtu' 1400 --confirm"))?;
    let unnamed = node.api().config().await?.generation;
    shell.text("corbel config set hostname girder")?;
    ensure!(node.info().await?.name == "girder");
    let link = format!("cat /sys/class/net/{}/mtu", address.interface);
    ensure!(shell.text(&link)? == "1400");
    ensure!(
        node.api().vm("goes-on").await?.state == VmState::Running,
        "the VM went on"
    );
    users::come(&node, &mut shell, "goes-on").await?;
    // The power fails while another change waits: nobody has confirmed that one.
    shell.text(&format!("corbel config set {entry}.mtu' 1300 --confirm-seconds 3600"))?;
    ensure!(shell.text(&link)? == "1300");
    drop(shell);
    drop(node);
    let node = server.boot_installed(&run).await?;
    let mut shell = node.root_shell()?;
    ensure!(
        shell.text(&link)? == "1400",
        "what nobody confirmed outlived the power cut"
    );
    ensure!(node.api().config().await?.pending.is_none());
    users::go(&node, &mut shell, "goes-on").await?;
    drop(shell);

    node.api().reboot(RebootRequest::default()).await?;
    node.reset().await?;
    let node = server.boot_installed(&run).await?;
    node.blessed(SlotName::A).await?;
    ensure!(node.info().await?.name == "girder");
    let mut shell = node.root_shell()?;
    ensure!(shell.text(&link)? == "1400");
    // Back to what was before: ada again, whose password is gone, and then to the name of the installation.
    let history = shell.text("corbel config history")?;
    ensure!(history.lines().count() > 3, "{history}");
    let told = shell.text("corbel config rollback 2>&1")?;
    ensure!(told.contains("nobody can be this user"), "{told}");
    shell.text(&format!("corbel config rollback {unnamed}"))?;
    ensure!(node.info().await?.name == "beam");
    ensure!(shell.text(&link)? == "1400", "the change before stays");
    Ok(())
}

pub(super) async fn answers(node: &Node) -> bool {
    let asked = tokio::time::timeout(Duration::from_secs(5), node.api().health()).await;
    matches!(asked, Ok(Ok(_)))
}
