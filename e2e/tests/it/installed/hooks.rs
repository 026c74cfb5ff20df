//! The owner's programs at the turns of a node's life.

use anyhow::{Context as _, ensure};
use corbel_e2e::{Firmware, Node, Run, Server, until};
use corbel_node_api::{RollbackRequest, SlotName, UpgradeFlags};

use super::DISK;

const TURNS: [&str; 6] = [
    "pre-upgrade",
    "post-upgrade",
    "rollback",
    "on-changed-image",
    "on-boot",
    "on-shutdown",
];

/// One at every turn writes down where it is; a `pre-upgrade` that says no is heeded, a failed `on-boot` is told and harms nothing.
#[tokio::test]
async fn run_at_every_turn() -> anyhow::Result<()> {
    let run = Run::from_environment("hooks")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let node = server.installed(&run).await?;
    for turn in TURNS {
        hook(&node, turn, "50-note", "echo $CORBEL_HOOK $CORBEL_SLOT >> /data/turns")?;
    }
    hook(&node, "pre-upgrade", "10-no", "echo not before Monday >&2; exit 1")?;
    hook(&node, "on-boot", "90-fails", "echo no inventory here >&2; exit 1")?;

    node.upload(run.next_image()?.iso(), UpgradeFlags::default()).await?;
    let said = node.failed(node.limit(120)).await?;
    ensure!(
        said.contains("10-no") && said.contains("not before Monday"),
        "it says {said:?}"
    );
    let none = node
        .root_shell()?
        .text("ls /data && rm /config/hooks/pre-upgrade.d/10-no")?;
    ensure!(!none.contains("turns"), "a hook behind the refusal was run: {none}");
    node.upgrade(run.next_image()?.iso()).await?;

    let node = server.boot_installed(&run).await?;
    node.blessed(SlotName::B).await?;
    let up = [
        "pre-upgrade b",
        "post-upgrade b",
        "on-shutdown a",
        "on-changed-image b",
        "on-boot b",
    ];
    turns(&node, &up).await?;
    let failed = until("the unit of a failed hook to fail", node.limit(30), async || {
        let state = node.root_shell()?.text("systemctl is-active corbel-hooks-boot || :")?;
        Ok((state != "activating").then_some(state))
    });
    let failed = failed.await?;
    ensure!(failed == "failed", "the unit of a failed hook is {failed}");
    let log = node
        .root_shell()?
        .text("journalctl --quiet -b -u corbel-hooks-boot -o cat")?;
    ensure!(log.contains("90-fails") && log.contains("no inventory here"), "{log}");
    let request = RollbackRequest {
        reboot: true,
        fast: false,
    };
    node.api().rollback(request).await?;
    node.reset().await?;

    let node = server.boot_installed(&run).await?;
    node.blessed(SlotName::A).await?;
    let back = ["rollback a", "on-shutdown b", "on-changed-image a", "on-boot a"];
    turns(&node, &[up.as_slice(), &back].concat()).await
}

fn hook(node: &Node, turn: &str, name: &str, script: &str) -> anyhow::Result<()> {
    let folder = format!("/config/hooks/{turn}.d");
    let written =
        format!("mkdir -p {folder} && printf '#!/bin/sh\\n{script}\\n' > {folder}/{name} && chmod 755 {folder}/{name}");
    node.root_shell()?.text(&written)?;
    Ok(())
}

/// Waits until the hooks wrote down exactly these turns.
async fn turns(node: &Node, expected: &[&str]) -> anyhow::Result<()> {
    let mut last = String::new();
    let reached = until("the hooks to be done", node.limit(60), async || {
        last = node.root_shell()?.text("cat /data/turns")?;
        Ok(last.lines().eq(expected.iter().copied()).then_some(()))
    });
    reached.await.with_context(|| format!("at last they were {last:?}"))
}
