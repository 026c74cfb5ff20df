//! Reinstalled, and taken off again so that the disk carries no trace and the firmware has no entry.

use std::time::Duration;

use anyhow::ensure;
use corbel_e2e::{Firmware, RootShell, Run, Server, server::wait_for_reset};
use corbel_node_api::SlotName;
use serde_json::json;

use super::{DISK, Kept, cd};

/// A reinstallation begins afresh and leaves the VM storage; an uninstallation by words then takes all of it.
#[tokio::test]
async fn reinstalled_and_uninstalled_by_words() -> anyhow::Result<()> {
    let run = Run::from_environment("reinstalled")?;
    let mut server = Server::new(&run, Firmware::Bios, DISK)?;
    let limit = Duration::from_secs(240) * run.accel().patience();
    let node = server.installed(&run).await?;
    let kept = Kept::make(&node).await?;
    node.off().await?;

    server
        .install(&run, "reinstall storage_init=/dev/vda BOOTIF=link hostname=afresh")
        .await?;
    let node = server.boot_installed(&run).await?;
    node.blessed(SlotName::A).await?;
    let info = node.info().await?;
    ensure!(info.name == "afresh", "the name is {:?}", info.name);
    kept.check_disk(&node)?;
    node.off().await?;

    let partitions = server.disks()[0].partitions()?;
    let words = "uninstall storage_init=/dev/vda corbel.keep_data=no";
    let mut machine = server.start(&run, cd(&run), |seed| seed.words(words)).await?;
    wait_for_reset(&mut machine, limit).await?;
    let traces = server.disks()[0].traces(&partitions)?;
    ensure!(traces.is_empty(), "left on the disk: {traces:?}");
    Ok(())
}

/// On UEFI and on sectors of 4 KiB; first the VM storage is kept, then that goes, too.
#[tokio::test]
async fn uninstalled_by_the_api() -> anyhow::Result<()> {
    let run = Run::from_environment("uninstalled")?;
    let mut server = Server::new(&run, Firmware::Uefi, DISK)?;
    server.disks()[0].sector = 4096;
    let node = server.installed(&run).await?;
    let kept = Kept::make(&node).await?;
    node.off().await?;
    let partitions = server.disks()[0].partitions()?;
    ensure!(partitions.iter().any(|p| p.name == "corbel-root-b"), "{partitions:?}");

    let node = server.boot(&run, cd(&run), |seed| seed).await?;
    let mut shell = node.root_shell()?;
    let entries = firmware_entries(&mut shell)?;
    ensure!(entries.contains("Corbel"), "the firmware's entries are {entries:?}");
    let request = json!({ "boot": { "path": "/dev/vda" } });
    node.api().uninstall(&serde_json::from_value(request)?).await?;
    node.done(node.limit(60)).await?;
    let entries = firmware_entries(&mut shell)?;
    ensure!(!entries.contains("Corbel"), "the firmware's entries are {entries:?}");
    shell.text("udevadm settle; mkdir -p /run/kept; mount -o ro /dev/disk/by-label/corbel-data /run/kept")?;
    let sum = shell.text("cat /run/kept/images/kept* | sha256sum")?;
    ensure!(sum == kept.sum, "the VM's disk was {} and is {sum}", kept.sum);
    shell.text("umount /run/kept")?;

    let request = json!({ "boot": { "path": "/dev/vda" } });
    node.api().install(&serde_json::from_value(request)?).await?;
    node.done(node.limit(120)).await?;
    let request = json!({ "boot": { "path": "/dev/vda" }, "keep_data": false });
    node.api().uninstall(&serde_json::from_value(request)?).await?;
    node.done(node.limit(60)).await?;
    drop(node);
    let traces = server.disks()[0].traces(&partitions)?;
    ensure!(traces.is_empty(), "left on the disk: {traces:?}");
    Ok(())
}

/// The node that runs gives its own disk back: what was mounted writes nothing behind the removal's back.
#[tokio::test]
async fn uninstalled_while_it_runs() -> anyhow::Result<()> {
    let run = Run::from_environment("uninstalled-itself")?;
    let mut server = Server::new(&run, Firmware::Uefi, DISK)?;
    let node = server.installed(&run).await?;
    Kept::make(&node).await?;
    let partitions = server.disks()[0].partitions()?;
    let request = json!({ "keep_data": false });
    node.api().uninstall(&serde_json::from_value(request)?).await?;
    node.reset().await?;
    let traces = server.disks()[0].traces(&partitions)?;
    ensure!(traces.is_empty(), "left on the disk: {traces:?}");
    Ok(())
}

fn firmware_entries(shell: &mut RootShell) -> anyhow::Result<String> {
    // Names of boot entries are UTF-16 in the variables' values.
    shell.text("cat /sys/firmware/efi/efivars/Boot0* | tr -d '\\000' | tr -c '[:print:]' ' '")
}
