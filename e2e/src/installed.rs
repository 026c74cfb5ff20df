//! What happens to an installed node, for whoever follows one over many boots: it is installed, becomes good, is upgraded, resets.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use corbel_node_api::{
    ConfigApplied, ConfigRequest, OperationInfo, OperationState, PoweroffRequest, SlotList, SlotName, SlotState,
    UpgradeFlags,
};

use crate::{Medium, Node, Run, Server, server::wait_for_reset, until};

/// What installs without a person: the words of the ancestor, as its operators wrote them into their PXE setups.
pub const INSTALL_WORDS: &str = "install storage_init=/dev/vda BOOTIF=link hostname=beam reboot_delay=0";

/// A password of `admin` for nodes that have one.
pub const PASSWORD: &str = "plum-Tr3e";
/// The same by crypt(5)'s `$6$`.
pub const PASSWORD_HASH: &str =
    "$6$beam$2OeTqRLpLefA4n8/1sAEM3Ld3.Wno6iOuJZlMeoK6NCvgprXTl70gr8SdrArxAc/yMFnUckmNtiWgIJxDRc8M0";

impl Server {
    /// Installs the run's image by kernel words, up to the reset.
    ///
    /// # Errors
    /// When the machine does not reset in time.
    pub async fn install(&self, run: &Run, words: &str) -> anyhow::Result<()> {
        let medium = Medium::Cd(run.image().iso().to_path_buf());
        let mut machine = self.start(run, medium, |seed| seed.words(words)).await?;
        let limit = Duration::from_secs(240) * run.accel().patience();
        wait_for_reset(&mut machine, limit).await.context("the installation")
    }

    /// Installs the run's image by [`INSTALL_WORDS`], boots the disk, and waits until slot a is good.
    ///
    /// # Errors
    /// When any of it does not happen in time.
    pub async fn installed(&self, run: &Run) -> anyhow::Result<Node> {
        self.install(run, INSTALL_WORDS).await?;
        let node = self.boot_installed(run).await?;
        node.blessed(SlotName::A).await?;
        Ok(node)
    }
}

impl Node {
    /// Waits until the health gate has found the running slot good, which must be this one; gives its version.
    ///
    /// # Errors
    /// When it is not good in time; with the slots at the end.
    pub async fn blessed(&self, slot: SlotName) -> anyhow::Result<String> {
        let mut last = SlotList::default();
        let reached = until("the slot to be good", self.limit(120), async || {
            last = self.api().slots().await?;
            let good = last.slots.iter().find(|s| s.name == slot && s.state == SlotState::Good);
            Ok(good.filter(|s| s.running).and_then(|s| s.version.clone()))
        });
        reached.await.with_context(|| format!("at last {last:?}"))
    }

    /// Makes this the configuration, at once.
    ///
    /// # Errors
    /// When the node refuses it, or takes it back.
    pub async fn configure(&self, document: &str) -> anyhow::Result<ConfigApplied> {
        let now = self.api().config().await?.generation;
        let request = ConfigRequest {
            document: document.to_owned(),
            confirm_seconds: Some(0),
            ..ConfigRequest::default()
        };
        Ok(self.api().apply_config(Some(now), &request).await?)
    }

    /// Uploads an ISO for an upgrade, and gives the work that begins.
    ///
    /// # Errors
    /// When the node refuses at once, or the file cannot be read.
    pub async fn upload(&self, iso: &Path, flags: UpgradeFlags) -> anyhow::Result<OperationInfo> {
        let file = tokio::fs::File::open(iso).await;
        let file = file.with_context(|| format!("cannot open {}", iso.display()))?;
        let size = file.metadata().await?.len();
        Ok(self.api().upload_upgrade(flags, size, file, |_| {}).await?)
    }

    /// Uploads an ISO, and lets the node restart into it.
    ///
    /// # Errors
    /// When the upgrade fails, or the machine does not reset in time.
    pub async fn upgrade(self, iso: &Path) -> anyhow::Result<()> {
        let flags = UpgradeFlags {
            reboot: true,
            ..UpgradeFlags::default()
        };
        self.upload(iso, flags).await?;
        self.reset().await.context("the upgrade")
    }

    /// An orderly end of the machine.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn off(self) -> anyhow::Result<()> {
        self.api().poweroff(PoweroffRequest::default()).await?;
        self.reset().await.context("turning the node off")
    }

    /// Waits until the node has reset its machine or turned it off; an operation that failed is told instead.
    ///
    /// # Errors
    /// See above.
    pub async fn reset(mut self) -> anyhow::Result<()> {
        let limit = self.limit(180);
        let ended = until("the machine to end", limit, async || {
            if let Some(status) = self.machine().ended()? {
                return Ok(Some(status));
            }
            // While it shuts down it does not answer.
            if let Ok(Some(operation)) = self.api().operation().await {
                done(&operation)?;
            }
            Ok(None)
        });
        let status = ended.await.with_context(|| self.machine().evidence())?;
        ensure!(status.success(), "QEMU ended with {status}");
        Ok(())
    }

    /// Waits until the long work is done; gives what it said at its end.
    ///
    /// # Errors
    /// When it failed, or is not done within `limit`.
    pub async fn done(&self, limit: Duration) -> anyhow::Result<OperationInfo> {
        let ended = self.ended(limit).await?;
        done(&ended)?;
        Ok(ended)
    }

    /// Waits until the long work has failed; gives the sentence that says why.
    ///
    /// # Errors
    /// When it succeeded, or is not at its end within `limit`.
    pub async fn failed(&self, limit: Duration) -> anyhow::Result<String> {
        let ended = self.ended(limit).await?;
        ensure!(ended.state == OperationState::Failed, "it did not fail: {ended:?}");
        ended.message.context("it failed without a word")
    }

    async fn ended(&self, limit: Duration) -> anyhow::Result<OperationInfo> {
        until("the work to end", limit, async || {
            let operation = self.api().operation().await?.context("there is no work")?;
            Ok((!operation.is_running()).then_some(operation))
        })
        .await
    }
}

/// An error when the work has failed.
fn done(operation: &OperationInfo) -> anyhow::Result<()> {
    let said = || format!("{:?}: {:?}", operation.state, operation.message);
    ensure!(
        operation.is_running() || operation.state == OperationState::Done,
        said()
    );
    Ok(())
}
