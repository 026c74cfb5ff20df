//! A new version that is bad: after its tries the old one is there again, and says why.

use std::time::Duration;

use anyhow::ensure;
use corbel_e2e::{Fault, Firmware, Run, Server, server::wait_for_reset, until};
use corbel_node_api::{SlotList, SlotName, SlotState};

use super::DISK;

#[tokio::test]
async fn a_daemon_that_crashes() -> anyhow::Result<()> {
    falls_back("sent-back-daemon", Firmware::Bios, Fault::DaemonCrashes, "API").await
}

#[tokio::test]
async fn a_network_that_does_not_come_up() -> anyhow::Result<()> {
    falls_back("sent-back-network", Firmware::Uefi, Fault::NoNetwork, "address").await
}

#[tokio::test]
async fn a_kernel_that_panics() -> anyhow::Result<()> {
    falls_back("sent-back-panic", Firmware::Bios, Fault::KernelPanics, "never reached").await
}

#[tokio::test]
async fn a_system_that_hangs() -> anyhow::Result<()> {
    falls_back("sent-back-hang", Firmware::Uefi, Fault::Hangs, "never reached").await
}

async fn falls_back(name: &str, firmware: Firmware, fault: Fault, reason: &str) -> anyhow::Result<()> {
    /// As often a version on trial is started: no more, no less.
    const TRIES: usize = 3;
    let run = Run::from_environment(name)?;
    let mut server = Server::new(&run, firmware, DISK)?;
    let node = server.installed(&run).await?;
    let old = node.info().await?.version;
    node.upgrade(run.next_image()?.iso()).await?;

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
    // It is not tried again unasked.
    node.upload(run.next_image()?.iso(), Default::default()).await?;
    let said = node.failed(node.limit(120)).await?;
    ensure!(said.contains(&failed.version), "it says {said:?}");
    Ok(())
}

fn state(slots: &SlotList, name: SlotName) -> Option<SlotState> {
    slots.slots.iter().find(|slot| slot.name == name).map(|slot| slot.state)
}
