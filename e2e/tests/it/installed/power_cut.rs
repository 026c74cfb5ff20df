//! The plug is pulled at any moment of an upgrade: the old or the new version starts, with its configuration and its VMs.

use std::time::{Duration, Instant};

use anyhow::ensure;
use corbel_e2e::{Firmware, Node, Run, Server, talk::talk, until};
use corbel_node_api::{SlotList, SlotState, UpgradeFlags};

use super::{DISK, Kept};

/// How often the plug is pulled.
const CUTS: u32 = 10;
/// From the beginning of the upload: what an upgrade with its restart takes under emulation on a quiet machine of two cores, and more.
const LONGEST: Duration = Duration::from_secs(100);

#[tokio::test]
async fn at_random_moments_of_an_upgrade() -> anyhow::Result<()> {
    let run = Run::from_environment("power-cut")?;
    let mut server = Server::new(&run, Firmware::Uefi, DISK)?;
    let mut node = server.installed(&run).await?;
    let old = node.info().await?.version;
    let kept = Kept::make(&node).await?;
    let next = run.next_image()?;
    // Each moment is told, so that a failure can be looked for again.
    let mut moments = Moments::begin();
    for cut in 1..=CUTS {
        let good = settled(&node).await?;
        let image = if good == old { next.iso() } else { run.image().iso() };
        let moment = moments.next();
        let started = Instant::now();
        let flags = UpgradeFlags {
            reboot: true,
            force: true,
            allow_downgrade: true,
            ..UpgradeFlags::default()
        };
        // Work that the cut ends is no failure of the test.
        let _ = tokio::time::timeout(moment, async {
            node.upload(image, flags).await?;
            std::future::pending::<anyhow::Result<()>>().await
        })
        .await;
        let phase = phase(&node).await;
        // Killed, as the kernel does it: nothing is flushed, nothing is said.
        node.machine().stop();
        talk(&format!(
            "cut {cut}: {good} ran, power was cut {:.1} s after the upload began, {phase}",
            started.elapsed().as_secs_f64()
        ));
        drop(node);
        // With the firmware in turn: both loaders have records of their own.
        if cut == CUTS / 2 {
            server.set_firmware(Firmware::Bios);
        }
        node = server.boot_installed(&run).await?;
        let info = node.info().await?;
        ensure!(info.name == "beam", "the name is {:?}", info.name);
        talk(&format!("cut {cut}: {} answers", info.version));
        kept.check(&node).await?;
    }
    settled(&node).await?;
    Ok(())
}

/// Waits until the running slot is good and nothing is on trial; gives its version.
async fn settled(node: &Node) -> anyhow::Result<String> {
    let good = |slots: &SlotList| {
        let running = slots.slots.iter().find(|slot| slot.running)?;
        (running.state == SlotState::Good).then(|| running.version.clone())?
    };
    until("the running slot to be good", node.limit(120), async || {
        Ok(good(&node.api().slots().await?))
    })
    .await
}

/// What the node was doing, for the log.
async fn phase(node: &Node) -> String {
    let asked = tokio::time::timeout(Duration::from_secs(1), node.api().operation()).await;
    match asked {
        Ok(Ok(Some(operation))) => {
            let step = operation.steps.last().map(|step| step.id.clone());
            format!("{:?} in step {}", operation.state, step.unwrap_or_default())
        }
        _ => "without an answer".to_owned(),
    }
}

/// Moments that are spread over the whole and differ from run to run.
struct Moments {
    state: u64,
    number: u32,
}

impl Moments {
    fn begin() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            state: now.unwrap_or_default().subsec_nanos().into(),
            number: 0,
        }
    }

    /// One in each tenth: by chance alone, half of them might fall into the same second.
    fn next(&mut self) -> Duration {
        // Knuth's constants of MMIX; spreading moments needs no better chance.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let within = f64::from((self.state >> 32) as u32) / f64::from(u32::MAX);
        let place = (f64::from(self.number) + within) / f64::from(CUTS);
        self.number += 1;
        LONGEST.mul_f64(place)
    }
}
