//! A node that lives on a disk: installed, restarted, upgraded, sent back by every kind of bad version, and taken off again.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use corbel_client::Client;
use corbel_e2e::{Fault, Firmware, Medium, Node, RootShell, Run, Server, server::wait_for_reset, until};
use corbel_node_api::{
    BootSource, OperationState, PoweroffRequest, RollbackRequest, SlotList, SlotName, SlotState, UpgradeFlags,
};

/// The smallest disk that is promised to be enough.
const DISK: u64 = 8_000_000_000;
/// What installs without a person: the words of the ancestor, as its operators wrote them into their PXE setups.
const WORDS: &str = "install storage_init=/dev/vda BOOTIF=link hostname=beam reboot_delay=0";

#[tokio::test]
async fn words_install_on_bios_and_the_node_stays_through_an_upgrade_and_a_rollback() -> anyhow::Result<()> {
    let run = Run::from_environment("installed-on-bios")?;
    stays_through_upgrade_and_rollback(&run, Firmware::Bios).await
}

#[tokio::test]
async fn words_install_on_uefi_and_the_node_stays_through_an_upgrade_and_a_rollback() -> anyhow::Result<()> {
    let run = Run::from_environment("installed-on-uefi")?;
    stays_through_upgrade_and_rollback(&run, Firmware::Uefi).await
}

async fn stays_through_upgrade_and_rollback(run: &Run, firmware: Firmware) -> anyhow::Result<()> {
    let mut server = Server::new(run, firmware, DISK)?;
    install(run, &server).await?;

    let node = server.boot_installed(run).await?;
    let info = node.info().await?;
    ensure!(info.boot.source == BootSource::Installed, "{:?}", info.boot);
    ensure!(info.name == "beam", "the name is {:?}", info.name);
    let old = info.version.clone();
    blessed(&node, SlotName::A, &old).await?;
    let kept = Kept::make(&node).await?;
    upgrade(run, node).await?;

    let node = server.boot_installed(run).await?;
    let new = node.info().await?.version;
    ensure!(new != old, "the version is still {new}");
    blessed(&node, SlotName::B, &new).await?;
    kept.check(&node).await?;

    // The disk moves into a machine with the other firmware; there, the old version is asked back.
    off(node).await?;
    server.set_firmware(match firmware {
        Firmware::Bios => Firmware::Uefi,
        Firmware::Uefi => Firmware::Bios,
    });
    let node = server.boot_installed(run).await?;
    ensure!(
        node.info().await?.version == new,
        "the other firmware starts another version"
    );
    node.api()
        .rollback(RollbackRequest {
            reboot: true,
            fast: false,
        })
        .await?;
    reset(node).await?;

    let node = server.boot_installed(run).await?;
    blessed(&node, SlotName::A, &old).await?;
    kept.check(&node).await
}

#[tokio::test]
async fn a_daemon_that_crashes_is_sent_back() -> anyhow::Result<()> {
    falls_back("sent-back-daemon", Firmware::Bios, Fault::DaemonCrashes, "API").await
}

#[tokio::test]
async fn a_network_that_does_not_come_up_is_sent_back() -> anyhow::Result<()> {
    falls_back("sent-back-network", Firmware::Uefi, Fault::NoNetwork, "address").await
}

#[tokio::test]
async fn a_kernel_that_panics_is_sent_back() -> anyhow::Result<()> {
    falls_back("sent-back-panic", Firmware::Bios, Fault::KernelPanics, "never reached").await
}

#[tokio::test]
async fn a_system_that_hangs_is_sent_back() -> anyhow::Result<()> {
    falls_back("sent-back-hang", Firmware::Uefi, Fault::Hangs, "never reached").await
}

/// The new version is bad in this way: after its tries the old one is there again, and says why.
async fn falls_back(name: &str, firmware: Firmware, fault: Fault, reason: &str) -> anyhow::Result<()> {
    const TRIES: usize = 3;
    let run = Run::from_environment(name)?;
    let mut server = Server::new(&run, firmware, DISK)?;
    install(&run, &server).await?;
    let node = server.boot_installed(&run).await?;
    let old = node.info().await?.version;
    blessed(&node, SlotName::A, &old).await?;
    upgrade(&run, node).await?;

    server.set_fault(Some((fault, SlotName::B)));
    for _ in 0..TRIES {
        let mut machine = server.start_installed(&run).await?;
        wait_for_reset(&mut machine, Duration::from_secs(240) * run.accel().patience()).await?;
    }
    let node = server.boot_installed(&run).await?;
    let info = node.info().await?;
    ensure!(info.version == old, "after {TRIES} tries {} runs", info.version);
    let failed = until("the failure to be noted", node.limit(30), async || {
        Ok(node.api().slots().await?.last_failed)
    })
    .await?;
    ensure!(failed.version != old, "it says that {} failed", failed.version);
    ensure!(failed.reason.contains(reason), "the reason is {:?}", failed.reason);
    let slots = node.api().slots().await?;
    ensure!(state(&slots, SlotName::A) == Some(SlotState::Good), "{slots:?}");
    ensure!(state(&slots, SlotName::B) != Some(SlotState::Trial), "{slots:?}");
    Ok(())
}

/// Nothing of us is left on the disk, and the firmware starts something else.
#[tokio::test]
async fn uninstall_gives_the_disk_back() -> anyhow::Result<()> {
    let run = Run::from_environment("uninstall")?;
    let mut server = Server::new(&run, Firmware::Uefi, DISK)?;
    install(&run, &server).await?;
    let partitions = server.disks()[0].partitions()?;
    ensure!(partitions.iter().any(|p| p.name == "corbel-root-b"), "{partitions:?}");
    let medium = Medium::Cd(run.image().iso().to_path_buf());
    let node = server.boot(&run, medium, |seed| seed).await?;
    let mut shell = node.root_shell()?;
    let entries = firmware_entries(&mut shell)?;
    ensure!(entries.contains("Corbel"), "the firmware's entries are {entries:?}");
    let request = serde_json::from_value(serde_json::json!({ "boot": { "path": "/dev/vda" }, "keep_data": false }))?;
    node.api().uninstall(&request).await?;
    done(node.api(), node.limit(60)).await?;
    let entries = firmware_entries(&mut shell)?;
    ensure!(!entries.contains("Corbel"), "the firmware's entries are {entries:?}");
    drop(node);
    let traces = server.disks()[0].traces(&partitions)?;
    ensure!(traces.is_empty(), "left on the disk: {traces:?}");
    Ok(())
}

/// Without a disk everything works but what needs one, which is refused with a sentence.
#[tokio::test]
async fn stateless_needs_no_disk_and_says_what_it_cannot() -> anyhow::Result<()> {
    let run = Run::from_environment("stateless")?;
    let server = Server::without_disk(&run, Firmware::Bios)?;
    let medium = Medium::Cd(run.image().iso().to_path_buf());
    let node = server
        .boot(&run, medium, |seed| seed.words("stateless hostname=adrift"))
        .await?;
    ensure!(node.info().await?.name == "adrift");
    ensure!(node.api().slots().await?.slots.is_empty());
    let refused = node
        .api()
        .rollback(RollbackRequest::default())
        .await
        .err()
        .context("a rollback of nothing is accepted")?;
    ensure!(refused.to_string().contains("not installed"), "{refused}");
    Ok(())
}

async fn install(run: &Run, server: &Server) -> anyhow::Result<()> {
    let medium = Medium::Cd(run.image().iso().to_path_buf());
    let mut machine = server.start(run, medium, |seed| seed.words(WORDS)).await?;
    let limit = Duration::from_secs(240) * run.accel().patience();
    wait_for_reset(&mut machine, limit).await.context("the installation")
}

/// Uploads the newer image, and lets the node restart.
async fn upgrade(run: &Run, node: Node) -> anyhow::Result<()> {
    let image = run.next_image()?;
    let file = tokio::fs::File::open(image.iso()).await?;
    let size = file.metadata().await?.len();
    let flags = UpgradeFlags {
        reboot: true,
        ..UpgradeFlags::default()
    };
    node.api().upload_upgrade(flags, size, file, |_| {}).await?;
    reset(node).await.context("the upgrade")
}

/// Waits until the node has reset its machine; an operation that failed is told instead.
async fn reset(mut node: Node) -> anyhow::Result<()> {
    let limit = node.limit(180);
    let ended = until("the machine to reset", limit, async || {
        if let Some(status) = node.machine().ended()? {
            return Ok(Some(status));
        }
        // While it shuts down it does not answer.
        if let Ok(Some(operation)) = node.api().operation().await
            && !operation.is_running()
            && let Some(message) = operation.message
        {
            anyhow::ensure!(operation.state == OperationState::Done, "{message}");
        }
        Ok(None)
    });
    let status = ended.await.with_context(|| node.machine().evidence())?;
    ensure!(status.success(), "QEMU ended with {status}");
    Ok(())
}

async fn off(node: Node) -> anyhow::Result<()> {
    node.api().poweroff(PoweroffRequest::default()).await?;
    reset(node).await
}

/// Waits until the long work is done.
async fn done(client: &Client, limit: Duration) -> anyhow::Result<()> {
    until("the work to be done", limit, async || {
        let operation = client.operation().await?.context("there is no work")?;
        if operation.is_running() {
            return Ok(None);
        }
        ensure!(
            operation.state == OperationState::Done,
            "{:?}: {:?}",
            operation.state,
            operation.message
        );
        Ok(Some(()))
    })
    .await
}

/// Waits until the health gate has found this slot good.
async fn blessed(node: &Node, slot: SlotName, version: &str) -> anyhow::Result<()> {
    let mut last = SlotList::default();
    let reached = until("the slot to be good", node.limit(120), async || {
        last = node.api().slots().await?;
        let good = last.slots.iter().find(|s| s.name == slot && s.state == SlotState::Good);
        Ok(good
            .filter(|s| s.running && s.version.as_deref() == Some(version))
            .map(drop))
    });
    reached.await.with_context(|| format!("at last {last:?}"))
}

fn state(slots: &SlotList, name: SlotName) -> Option<SlotState> {
    slots.slots.iter().find(|slot| slot.name == name).map(|slot| slot.state)
}

fn firmware_entries(shell: &mut RootShell) -> anyhow::Result<String> {
    // Names of boot entries are UTF-16 in the variables' values.
    shell.text("cat /sys/firmware/efi/efivars/Boot0* | tr -d '\\000' | tr -c '[:print:]' ' '")
}

/// What an owner has on the node: a VM with a disk that was written.
struct Kept {
    sum: String,
}

impl Kept {
    async fn make(node: &Node) -> anyhow::Result<Self> {
        let spec = serde_json::json!({
            "name": "kept", "memory": "64 MiB", "disks": [{ "volume": "kept-disk", "size": "16 MiB" }]
        });
        node.api().create_vm(&serde_json::from_value(spec)?).await?;
        let mut shell = node.root_shell()?;
        shell.text("dd if=/dev/urandom of=$(ls /data/images/kept*) bs=1M count=1 conv=notrunc,fsync status=none")?;
        Ok(Self {
            sum: Self::sum(&mut shell)?,
        })
    }

    fn sum(shell: &mut RootShell) -> anyhow::Result<String> {
        shell.text("cat /data/images/kept* | sha256sum")
    }

    async fn check(&self, node: &Node) -> anyhow::Result<()> {
        node.api().vm("kept").await.context("the VM that was defined before")?;
        let sum = Self::sum(&mut node.root_shell()?)?;
        ensure!(sum == self.sum, "the VM's disk was {} and is {sum}", self.sum);
        Ok(())
    }
}
