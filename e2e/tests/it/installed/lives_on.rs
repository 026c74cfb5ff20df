//! Installed by words, upgraded, moved into a machine with the other firmware, rolled back: configuration, VMs and logs stay.

use anyhow::ensure;
use corbel_e2e::{Firmware, Node, Run, Server, file_server::FileServer, until};
use corbel_node_api::{BootSource, RebootRequest, RollbackRequest, SlotName, UpgradeRequest};

use super::{DISK, Kept};

#[tokio::test]
async fn on_bios_by_upload() -> anyhow::Result<()> {
    let run = Run::from_environment("lives-on-bios")?;
    lives_on(&run, Firmware::Bios, Firmware::Uefi, async |node| {
        node.upgrade(run.next_image()?.iso()).await
    })
    .await
}

#[tokio::test]
async fn on_uefi_by_url() -> anyhow::Result<()> {
    let run = Run::from_environment("lives-on-uefi")?;
    let server = FileServer::start(run.next_image()?.iso()).await?;
    lives_on(&run, Firmware::Uefi, Firmware::Bios, async |node| {
        let request = UpgradeRequest {
            url: Some(server.url_from_node()),
            reboot: true,
            ..UpgradeRequest::default()
        };
        node.api().upgrade(&request).await?;
        node.reset().await
    })
    .await
}

async fn lives_on(
    run: &Run,
    firmware: Firmware,
    other: Firmware,
    upgrade: impl AsyncFnOnce(Node) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut server = Server::new(run, firmware, DISK)?;
    let node = server.installed(run).await?;
    let info = node.info().await?;
    ensure!(info.boot.source == BootSource::Installed, "{:?}", info.boot);
    ensure!(info.name == "beam", "the name is {:?}", info.name);
    let old = info.version;
    let kept = Kept::make(&node).await?;
    upgrade(node).await?;

    let node = server.boot_installed(run).await?;
    let new = node.blessed(SlotName::B).await?;
    ensure!(new != old, "the version is still {new}");
    ensure!(node.info().await?.name == "beam");
    kept.check(&node).await?;
    without_firmware(&node).await?;
    node.off().await?;

    // The disk moves into a machine with the other firmware; there, the old version is asked back.
    server.set_firmware(other);
    let node = server.boot_installed(run).await?;
    let found = node.info().await?.version;
    ensure!(found == new, "the other firmware starts {found}");
    node.api()
        .rollback(RollbackRequest {
            reboot: true,
            fast: false,
        })
        .await?;
    node.reset().await?;

    let node = server.boot_installed(run).await?;
    let found = node.blessed(SlotName::A).await?;
    ensure!(found == old, "the rollback leads to {found}");
    kept.check(&node).await
}

/// A reboot by kexec: the machine does not reset, which would end QEMU, and the same slot is there again.
async fn without_firmware(node: &Node) -> anyhow::Result<()> {
    let boot_id = |node: &Node| node.root_shell()?.text("cat /proc/sys/kernel/random/boot_id");
    let before = boot_id(node)?;
    let fast = RebootRequest {
        fast: true,
        ..RebootRequest::default()
    };
    node.api().reboot(fast).await?;
    until("the kernel to be another one", node.limit(120), async || {
        // In between, nothing answers.
        Ok(boot_id(node).ok().filter(|id| *id != before))
    })
    .await?;
    node.wait_health(corbel_node_api::HealthStatus::Ok, node.limit(90))
        .await?;
    node.blessed(SlotName::B).await.map(drop)
}
