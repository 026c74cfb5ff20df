//! What an owner has on a node and finds again after an upgrade.

use anyhow::{Context as _, ensure};
use corbel_e2e::{Node, RootShell};
use corbel_node_api::PersistedState;

/// A VM with a disk that was written, and a file of the owner's own.
pub(super) struct Kept {
    pub(super) sum: String,
}

impl Kept {
    pub(super) async fn make(node: &Node) -> anyhow::Result<Self> {
        let spec = serde_json::json!({
            "name": "kept", "memory": "64 MiB", "disks": [{ "volume": "kept-disk", "size": "16 MiB" }]
        });
        node.api().create_vm(&serde_json::from_value(spec)?).await?;
        let mut shell = node.root_shell()?;
        shell.text("dd if=/dev/urandom of=$(ls /data/images/kept*) bs=1M count=1 conv=notrunc,fsync status=none")?;
        shell.text("echo 'a line for later' | systemd-cat -t kept && journalctl --sync")?;
        shell.text("printf mine > /etc/motd && chmod 640 /etc/motd")?;
        node.api().persist("/etc/motd").await?;
        Ok(Self {
            sum: Self::sum(&mut shell)?,
        })
    }

    /// The VM's disk as it was.
    pub(super) fn check_disk(&self, node: &Node) -> anyhow::Result<()> {
        let sum = Self::sum(&mut node.root_shell()?)?;
        ensure!(sum == self.sum, "the VM's disk was {} and is {sum}", self.sum);
        Ok(())
    }

    /// The VM, its disk, the logs of the boot in which both were made, and what was persisted.
    pub(super) async fn check(&self, node: &Node) -> anyhow::Result<()> {
        node.api().vm("kept").await.context("the VM that was defined before")?;
        self.check_disk(node)?;
        let log = node.root_shell()?.text("journalctl --quiet -t kept -o cat")?;
        ensure!(log.contains("a line for later"), "the log says {log:?}");
        let own = node.root_shell()?.text("stat -c %a /etc/motd && cat /etc/motd")?;
        ensure!(own == "640\nmine", "what was persisted is {own:?}");
        let listed = node.api().persisted().await?;
        ensure!(
            listed.len() == 1 && listed[0].state == PersistedState::Kept && !listed[0].image_changed,
            "{listed:?}"
        );
        Ok(())
    }

    fn sum(shell: &mut RootShell) -> anyhow::Result<String> {
        shell.text("cat /data/images/kept* | sha256sum")
    }
}
