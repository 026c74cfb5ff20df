//! Measures a running node for `cargo xtask bench`: prints one JSON list of measures on stdout.

mod apply;
mod collection;
mod installed;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use corbel_e2e::{
    Firmware, Machine, MachineSpec, Medium, Node, RootShell, Run,
    image::Netboot,
    talk::{Progress, result, talk},
};
use corbel_node_api::VmSpec;
use serde::Serialize;

/// Measure a running node.
#[derive(Debug, Parser)]
struct Arguments {
    case: Case,
    /// Folder that `corbel image build` wrote
    #[arg(long)]
    image: PathBuf,
    /// Folder for logs
    #[arg(long)]
    logs: PathBuf,
    /// Folder with the plain Debian that boot-ratio compares with
    #[arg(long)]
    reference: Option<PathBuf>,
    /// The program that list-ratio and collection-cost run in the node, compiled from e2e/measure
    #[arg(long)]
    helper: Option<PathBuf>,
    /// auto, kvm or tcg
    #[arg(long, default_value = "auto")]
    accel: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Case {
    IdleMemory,
    DaemonMemory,
    BootRatio,
    ListRatio,
    ApplyRatio,
    CollectionCost,
    InstallRatio,
    UpgradeRatio,
    FallBack,
}

/// See `Measure` in xtask, which reads this.
#[derive(Debug, Serialize)]
struct Measure {
    what: &'static str,
    value: f64,
    unit: &'static str,
    must: f64,
    aim: f64,
    samples: Vec<f64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime.context("cannot start").and_then(|runtime| {
        let measures = runtime.block_on(measure(&arguments))?;
        Ok(serde_json::to_string(&measures)?)
    });
    match measured {
        Ok(text) => {
            result(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            talk(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> anyhow::Result<Vec<Measure>> {
    let run = Run::new(&arguments.image, &arguments.logs, "measure", &arguments.accel)?;
    let helper = || arguments.helper.as_deref().context("--helper is missing");
    match arguments.case {
        Case::IdleMemory => idle_memory(&run).await,
        Case::DaemonMemory => daemon_memory(&run).await,
        Case::BootRatio => boot_ratio(&run, arguments.reference.as_deref().context("--reference is missing")?).await,
        Case::ApplyRatio => apply::ratio(&run).await,
        Case::CollectionCost => collection::cost(&run, helper()?).await,
        Case::InstallRatio => installed::install_ratio(&run).await,
        Case::UpgradeRatio => installed::upgrade_ratio(&run).await,
        Case::FallBack => installed::fall_back(&run).await,
        Case::ListRatio => list_ratio(&run, helper()?).await,
    }
}

async fn boot(run: &Run) -> anyhow::Result<(Node, RootShell)> {
    let progress = Progress::start();
    let spec = MachineSpec::new(Medium::Cd(run.image().iso().to_path_buf())).firmware(Firmware::Bios);
    let node = Node::boot(run, spec.with_root_shell()).await?;
    let shell = node.root_shell()?;
    progress.reached("the node is up");
    Ok((node, shell))
}

/// Interleaved, so that a slow minute hits both. Ours comes from a CD with firmware, menu and loader; the reference gets its
/// kernel handed over by QEMU, which favours it.
async fn boot_ratio(run: &Run, reference: &Path) -> anyhow::Result<Vec<Measure>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let spec = MachineSpec::new(Medium::Cd(run.image().iso().to_path_buf()));
        ours.push(Node::boot(run, spec).await?.api_after().as_secs_f64());
        let netboot = Netboot {
            kernel: reference.join("vmlinuz"),
            initrds: vec![reference.join("initrd.img")],
            words: "root=/dev/vda rw quiet console=ttyS0,115200".to_owned(),
        };
        let spec = MachineSpec::new(Medium::Network(netboot)).seed(&reference.join("disk.img"));
        let mut machine = Machine::start(&spec, &run.machine_folder()?, run.accel()).await?;
        let limit = Duration::from_secs(120) * run.accel().patience();
        machine.wait_for_serial("REFERENCE-ANSWERS", limit).await?;
        theirs.push(machine.started().elapsed().as_secs_f64());
        talk(&format!("ours {ours:.1?} s, theirs {theirs:.1?} s"));
    }
    let samples = vec![middle(&ours)?, middle(&theirs)?];
    let value = samples[0] / samples[1];
    Ok(vec![Measure {
        what: "start to answer, against plain Debian",
        value,
        unit: "x",
        must: 0.8,
        aim: 0.5,
        samples,
    }])
}

/// What is in use once everything has started and settled: memory that is still being given back does not count, so the
/// lowest of some readings is taken.
async fn idle_memory(run: &Run) -> anyhow::Result<Vec<Measure>> {
    let (_node, mut shell) = boot(run).await?;
    shell.run("systemctl is-system-running --wait", Duration::from_secs(300))?;
    let mut samples = Vec::new();
    for _ in 0..5 {
        let text = shell.text("sleep 5; awk '/^(MemTotal|MemAvailable):/ { print $2 }' /proc/meminfo")?;
        let numbers: Vec<f64> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        let [total, available] = numbers[..] else {
            anyhow::bail!("/proc/meminfo says {text:?}")
        };
        samples.push((total - available) / 1024.0);
    }
    Ok(vec![lowest("memory in use at idle", samples, (200.0, 150.0))?])
}

async fn daemon_memory(run: &Run) -> anyhow::Result<Vec<Measure>> {
    let (node, mut shell) = boot(run).await?;
    let idle = daemon_readings(&mut shell)?;
    define(&node, 100).await?;
    // A listing makes the daemon hold all of them at once.
    node.api().vms().await?;
    let full = daemon_readings(&mut shell)?;
    Ok(vec![
        lowest("corbel-node, idle", idle, (24.0, 12.0))?,
        lowest("corbel-node, 100 VMs defined", full, (32.0, 16.0))?,
    ])
}

fn daemon_readings(shell: &mut RootShell) -> anyhow::Result<Vec<f64>> {
    let mut samples = Vec::new();
    for _ in 0..3 {
        // Pss counts a shared page once among those who share it; Rss would count libvirt's libraries again.
        let text = shell.text("sleep 2; awk '/^Pss:/ { print $2 }' /proc/$(pidof corbel-node)/smaps_rollup")?;
        let kib: f64 = text
            .trim()
            .parse()
            .with_context(|| format!("smaps_rollup says {text:?}"))?;
        samples.push(kib / 1024.0);
    }
    Ok(samples)
}

/// Both sides by one program inside the node, through a UNIX socket, interleaved: what differs is only who asks libvirt and who
/// tells.
async fn list_ratio(run: &Run, helper: &Path) -> anyhow::Result<Vec<Measure>> {
    const COUNT: u32 = 1000;
    const ROUNDS: usize = 7;
    let (node, mut shell) = boot(run).await?;
    bring(&node, &mut shell, helper).await?;
    define(&node, COUNT).await?;
    let (mut api, mut libvirt) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        api.extend(listings(&mut shell, "api /run/corbel/api.sock", |bytes| {
            bytes > 100 * COUNT
        })?);
        libvirt.extend(listings(&mut shell, "libvirt qemu:///system", |count| count == COUNT)?);
    }
    let samples = vec![middle(&api)?, middle(&libvirt)?];
    Ok(vec![Measure {
        what: "listing 1,000 VMs, API against libvirt",
        value: samples[0] / samples[1],
        unit: "x",
        must: 1.5,
        aim: 1.1,
        samples,
    }])
}

const HELPER: &str = "/run/helper";

/// Brings a program into the node as [`HELPER`], the way that anybody could: as a volume.
async fn bring(node: &Node, shell: &mut RootShell, program: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let volume = node
        .api()
        .upload_volume("helper", bytes.len() as u64, std::io::Cursor::new(bytes), |_| {})
        .await?;
    shell.text(&format!("install -m 755 '{}' {HELPER}", volume.path))?;
    node.api().delete_volume("helper").await?;
    Ok(())
}

/// Three listings, in seconds. What was seen must be all of it.
fn listings(shell: &mut RootShell, whom: &str, complete: impl Fn(u32) -> bool) -> anyhow::Result<Vec<f64>> {
    let text = shell.text(&format!("{HELPER} {whom} 3"))?;
    let (times, seen) = text
        .split_once("seen ")
        .with_context(|| format!("the helper said {text:?}"))?;
    let seen = seen
        .trim()
        .parse()
        .with_context(|| format!("the helper said {text:?}"))?;
    anyhow::ensure!(complete(seen), "{whom}: only {seen} was seen");
    times.lines().map(number).collect()
}

async fn define(node: &Node, count: u32) -> anyhow::Result<()> {
    for index in 0..count {
        let spec = serde_json::json!({ "name": format!("vm-{index:04}"), "memory": "128 MiB" });
        let spec: VmSpec = serde_json::from_value(spec)?;
        node.api()
            .create_vm(&spec)
            .await
            .with_context(|| format!("cannot define VM {index}"))?;
    }
    Ok(())
}

fn number(text: &str) -> anyhow::Result<f64> {
    text.trim().parse().with_context(|| format!("{text:?} is no number"))
}

fn lowest(what: &'static str, samples: Vec<f64>, (must, aim): (f64, f64)) -> anyhow::Result<Measure> {
    let value = samples
        .iter()
        .copied()
        .min_by(f64::total_cmp)
        .context("nothing was measured")?;
    Ok(Measure {
        what,
        value,
        unit: "MiB",
        must,
        aim,
        samples,
    })
}

fn middle(samples: &[f64]) -> anyhow::Result<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().context("nothing was measured")
}
