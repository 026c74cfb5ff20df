//! A new version that is bad: after its tries the old one is there again, and says why.

use std::time::Duration;

use anyhow::ensure;
use corbel_e2e::{Fault, Firmware, Node, Run, Server, server::wait_for_reset, until};
use corbel_node_api::{SlotList, SlotName, SlotState};

use super::DISK;

/// It has saved a document that the old version cannot read: the node is still the same node, and nothing of that document is lost.
#[tokio::test]
async fn a_daemon_that_crashes() -> anyhow::Result<()> {
    let run = Run::from_environment("sent-back-daemon")?;
    let mut server = Server::new(&run, Firmware::Bios, DISK)?;
    let node = server.installed(&run).await?;
    node.root_shell()?.text(LATER)?;
    let node = falls_back(&run, &mut server, node, Fault::DaemonCrashes, "API").await?;
    ensure!(node.info().await?.name == "beam");
    let config = node.api().config().await?;
    ensure!(
        config
            .notes
            .iter()
            .any(|note| note.contains("another version of Corbel")),
        "the notes are {:?}",
        config.notes
    );
    let mut shell = node.root_shell()?;
    shell.text("corbel config set hostname girder")?;
    let kept = shell.text("grep -l '^hostname = \"later\"' /config/history/*.toml | wc -l")?;
    ensure!(kept == "1", "{kept} documents of the past are the later version's");
    Ok(())
}

/// Saves a document as a later version of the system would: the newest copy, and of a version that this one does not know.
const LATER: &str = concat!(
    r"n=$(head -qn1 /config/node.?.toml | sed -n 's/.*generation=\([0-9]*\) .*/\1/p' | sort -n | tail -n1); ",
    r#"file=$(grep -L "generation=$n " /config/node.?.toml); file=${file:-/config/node.b.toml}; "#,
    r#"printf 'version = 2\nhostname = "later"\n' > /run/later; sum=$(sha256sum < /run/later | cut -c 1-64); "#,
    r##"(echo "# corbel generation=$((n + 1)) sha256=$sum"; cat /run/later) > $file; sync"##,
);

#[tokio::test]
async fn a_network_that_does_not_come_up() -> anyhow::Result<()> {
    sent_back("sent-back-network", Firmware::Uefi, Fault::NoNetwork, "address").await
}

#[tokio::test]
async fn a_kernel_that_panics() -> anyhow::Result<()> {
    sent_back("sent-back-panic", Firmware::Bios, Fault::KernelPanics, "never reached").await
}

#[tokio::test]
async fn a_system_that_hangs() -> anyhow::Result<()> {
    sent_back("sent-back-hang", Firmware::Uefi, Fault::Hangs, "never reached").await
}

async fn sent_back(name: &str, firmware: Firmware, fault: Fault, reason: &str) -> anyhow::Result<()> {
    let run = Run::from_environment(name)?;
    let mut server = Server::new(&run, firmware, DISK)?;
    let node = server.installed(&run).await?;
    falls_back(&run, &mut server, node, fault, reason).await.map(|_| ())
}

async fn falls_back(run: &Run, server: &mut Server, node: Node, fault: Fault, reason: &str) -> anyhow::Result<Node> {
    /// As often a version on trial is started: no more, no less.
    const TRIES: usize = 3;
    let old = node.info().await?.version;
    node.upgrade(run.next_image()?.iso()).await?;

    server.set_fault(Some((fault, SlotName::B)));
    for _ in 0..TRIES {
        let mut machine = server.start_installed(run).await?;
        wait_for_reset(&mut machine, Duration::from_secs(240) * run.accel().patience()).await?;
    }
    let node = server.boot_installed(run).await?;
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
    Ok(node)
}

fn state(slots: &SlotList, name: SlotName) -> Option<SlotState> {
    slots.slots.iter().find(|slot| slot.name == name).map(|slot| slot.state)
}
