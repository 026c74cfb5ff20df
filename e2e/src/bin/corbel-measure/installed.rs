//! What installing and upgrading cost, against `dd` of as many bytes to the same disk.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use corbel_e2e::{Fault, Firmware, Medium, Node, RootShell, Run, Server, talk::talk, until};
use corbel_node_api::{SlotName, UpgradeFlags};
use serde_json::json;

use super::{Measure, middle, number};

pub(super) const DISK: u64 = 8_000_000_000;
const ROUNDS: usize = 3;
/// Sectors of 512 bytes that were written (Documentation/block/stat.rst).
const WRITTEN: &str = "awk '{ print $7 }' /sys/block/vda/stat";
/// Nothing of the copied medium is left that would be taken for one.
const EMPTY: &str =
    "dd if=/dev/zero of=/dev/vda bs=1M count=16 status=none; sync; udevadm trigger /dev/vda; udevadm settle";

/// From the request that was confirmed to the end of the work, against reading the medium and writing as many bytes to the same disk,
/// interleaved.
pub(super) async fn install_ratio(run: &Run) -> anyhow::Result<Vec<Measure>> {
    let server = Server::new(run, Firmware::Bios, DISK)?;
    let medium = Medium::Cd(run.image().iso().to_path_buf());
    let node = server.boot(run, medium, |seed| seed).await?;
    let mut shell = node.root_shell()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let request = json!({ "boot": { "path": "/dev/vda" } });
        let before = written(&mut shell)?;
        cold(&mut shell)?;
        let start = Instant::now();
        node.api().install(&serde_json::from_value(request)?).await?;
        steps(&node, start).await?;
        ours.push(start.elapsed().as_secs_f64());
        let bytes = written(&mut shell)? - before;
        theirs.push(copy(&mut shell, "/dev/sr0", "/dev/vda", bytes)?);
        tell(&ours, &theirs, bytes);
        shell.text(EMPTY)?;
    }
    ratio(
        "install, against dd from the medium and sync",
        (2.5, 1.3),
        &ours,
        &theirs,
    )
}

/// From the moment that the ISO is on the node to the end of the work, against `dd` of as many bytes of the ISO to the spare slot.
pub(super) async fn upgrade_ratio(run: &Run) -> anyhow::Result<Vec<Measure>> {
    let mut server = Server::new(run, Firmware::Bios, DISK)?;
    let node = server.installed(run).await?;
    let mut shell = node.root_shell()?;
    let partitions = server.disks()[0].partitions()?;
    let data = partitions.iter().find(|partition| partition.name == "corbel-data");
    // What lies in front of the VMs' partition is the system's.
    let system = data.context("the disk has no partition for VMs")?.offset;
    let next = run.next_image()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let before = written(&mut shell)?;
        node.upload(next.iso(), UpgradeFlags::default()).await?;
        let start = Instant::now();
        steps(&node, start).await?;
        ours.push(start.elapsed().as_secs_f64());
        shell.text("sync")?;
        // The ISO itself was written, too, before the clock began.
        let iso = std::fs::metadata(next.iso())?.len();
        let bytes = (written(&mut shell)? - before).saturating_sub(iso);
        bring(&node, next.iso()).await?;
        theirs.push(copy(
            &mut shell,
            "/data/images/image",
            "/dev/disk/by-partlabel/corbel-root-b",
            bytes,
        )?);
        node.api().delete_volume("image").await?;
        tell(&ours, &theirs, bytes);
    }
    node.blessed(SlotName::A).await?;
    let mut measures = ratio("upgrade, against dd of the image and sync", (2.0, 1.2), &ours, &theirs)?;
    measures.push(Measure {
        what: "disk that the system needs besides VM data",
        #[allow(clippy::cast_precision_loss)] // some billions of bytes
        value: system as f64 / 1e9,
        unit: "GB",
        must: 6.0,
        aim: 4.0,
        samples: Vec::new(),
    });
    Ok(measures)
}

/// Reboots from the end of an upgrade to a kernel that panics until the old version serves the API again.
pub(super) async fn fall_back(run: &Run) -> anyhow::Result<Vec<Measure>> {
    /// Each try is a reboot, and so is the way back.
    const MOST: f64 = 4.0;
    let mut server = Server::new(run, Firmware::Bios, DISK)?;
    let node = server.installed(run).await?;
    let old = node.info().await?.version;
    node.upgrade(run.next_image()?.iso()).await?;
    server.set_fault(Some((Fault::KernelPanics, SlotName::B)));
    let mut reboots = 1.0;
    let node = loop {
        let machine = server.start_installed(run).await?;
        match Node::attach(run, machine, server.identity().clone()).await {
            Ok(node) => break node,
            Err(error) if format!("{error:#}").contains("the machine ended") => reboots += 1.0,
            Err(error) => return Err(error),
        }
        anyhow::ensure!(reboots < 2.0 * MOST, "it never falls back");
    };
    let found = node.info().await?.version;
    anyhow::ensure!(found == old, "{found} serves the API, and not {old}");
    Ok(vec![Measure {
        what: "reboots of an automatic fall back, at 3 tries",
        value: reboots,
        unit: "",
        must: MOST,
        aim: MOST,
        samples: Vec::new(),
    }])
}

/// The ISO as a file of the node.
async fn bring(node: &Node, iso: &std::path::Path) -> anyhow::Result<()> {
    let file = tokio::fs::File::open(iso).await?;
    let size = file.metadata().await?.len();
    node.api().upload_volume("image", size, file, |_| {}).await?;
    Ok(())
}

/// Seconds of the copy, by the node's clock. Behind the end of a source come zeros.
fn copy(shell: &mut RootShell, from: &str, to: &str, bytes: u64) -> anyhow::Result<f64> {
    cold(shell)?;
    let blocks = bytes.div_ceil(1 << 20);
    let command = format!(
        "read s x < /proc/uptime; cat {from} /dev/zero | dd of={to} bs=1M count={blocks} iflag=fullblock conv=notrunc status=none; \
         sync; read e x < /proc/uptime; echo $s $e"
    );
    let done = shell.run(&command, Duration::from_secs(600))?;
    let mut times = done.text.split_whitespace().map(number);
    let mut next = || times.next().context("the shell told no times")?;
    let (start, end) = (next()?, next()?);
    Ok(end - start)
}

/// Bytes that were written to the disk since the start of the node.
fn written(shell: &mut RootShell) -> anyhow::Result<u64> {
    let text = shell.text(WRITTEN)?;
    let sectors: u64 = text.trim().parse().with_context(|| format!("{text:?} is no number"))?;
    Ok(sectors * 512)
}

/// Neither side finds in memory what the other has read, or has to write what the other left.
fn cold(shell: &mut RootShell) -> anyhow::Result<()> {
    shell.text("sync; echo 3 > /proc/sys/vm/drop_caches").map(drop)
}

/// Waits until the work is done, and tells when each of its steps began, in seconds since `start`.
async fn steps(node: &Node, start: Instant) -> anyhow::Result<()> {
    let mut began: Vec<String> = Vec::new();
    until("the work to end", node.limit(300), async || {
        let operation = node.api().operation().await?.context("there is no work")?;
        for step in operation.steps.iter().skip(began.len()) {
            began.push(format!("{} {:.1}", step.id, start.elapsed().as_secs_f64()));
        }
        Ok((!operation.is_running()).then_some(()))
    })
    .await?;
    node.done(Duration::ZERO).await?;
    talk(&format!("steps from {}", began.join(", ")));
    Ok(())
}

fn tell(ours: &[f64], theirs: &[f64], bytes: u64) {
    talk(&format!(
        "ours {ours:.1?} s, theirs {theirs:.1?} s, {} MiB",
        bytes >> 20
    ));
}

fn ratio(what: &'static str, (must, aim): (f64, f64), ours: &[f64], theirs: &[f64]) -> anyhow::Result<Vec<Measure>> {
    let samples = vec![middle(ours)?, middle(theirs)?];
    Ok(vec![Measure {
        what,
        value: samples[0] / samples[1],
        unit: "x",
        must,
        aim,
        samples,
    }])
}
