//! What the figures of 100 machines cost: collectd, and the daemon that tells them.

use std::time::Duration;

use anyhow::Context as _;
use corbel_e2e::{Firmware, MachineSpec, Medium, Node, RootShell, Run, talk::talk};

use super::{Measure, define, lowest, middle, number};

const MACHINES: u32 = 100;
/// A QEMU that waits with its machine takes about 40 MiB.
const NODE_MEBIBYTES: u32 = 8192;
/// A start is some seconds of emulated work.
const START_LIMIT: Duration = Duration::from_secs(1800);
const WINDOWS: usize = 5;
/// Three turns of the interval that the image has.
const WINDOW_SECONDS: u32 = 30;
const INTERVAL_SECONDS: u32 = 10;

/// The machines have a process each and stand still, so that what is measured is not disturbed by what they do. Each window has as many
/// readings of `/metrics` as turns of collectd; the daemon's work for anything else is in the figure, too.
pub(super) async fn cost(run: &Run) -> anyhow::Result<Vec<Measure>> {
    let spec = MachineSpec::new(Medium::Cd(run.image().iso().to_path_buf())).firmware(Firmware::Bios);
    let node = Node::boot(run, spec.memory(NODE_MEBIBYTES).with_root_shell()).await?;
    let mut shell = node.root_shell()?;
    define(&node, MACHINES).await?;
    talk("starting the machines");
    let start = format!(
        "for i in $(seq 0 {}); do virsh -q start --paused vm-$(printf %04d $i); done",
        MACHINES - 1
    );
    shell.run(&start, START_LIMIT)?;
    let paused = shell.text("virsh -q list --state-paused | wc -l")?;
    anyhow::ensure!(paused == MACHINES.to_string(), "{paused} machines are there");
    // Until the figures have every one of them.
    shell.run(
        &format!(
            "until [ $(corbel node metrics | grep -o 'vm-[0-9]*' | sort -u | wc -l) -eq {MACHINES} ]; do sleep 2; done"
        ),
        Duration::from_secs(300),
    )?;

    let (mut shares, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..WINDOWS {
        shares.push(share(&mut shell)?);
        memory.push(mebibytes(&mut shell)?);
        talk(&format!("{shares:.2?} % of one processor, {memory:.1?} MiB"));
    }
    let value = middle(&shares)?;
    Ok(vec![
        Measure {
            what: "collection of 100 VMs, of one processor",
            value,
            unit: "%",
            must: 2.0,
            aim: 1.0,
            samples: shares,
        },
        lowest("collection of 100 VMs, memory", memory, (30.0, 20.0))?,
    ])
}

/// Percent of one processor that collectd and the daemon used in one window (cgroup-v2, `cpu.stat`: `usage_usec`).
fn share(shell: &mut RootShell) -> anyhow::Result<f64> {
    let used = "cat /sys/fs/cgroup/system.slice/collectd.service/cpu.stat /sys/fs/cgroup/system.slice/corbel-node.service/cpu.stat \
                | awk '/^usage_usec/ { sum += $2 } END { print sum }'";
    let scrapes = format!(
        "for i in $(seq {}); do corbel node metrics > /dev/null; sleep {INTERVAL_SECONDS}; done",
        WINDOW_SECONDS / INTERVAL_SECONDS
    );
    let text = shell
        .run(
            &format!(
                "a=$({used}); b=$(date +%s%N); {scrapes}; echo $(( ($({used}) - a) * 100000000 / ($(date +%s%N) - b) ))"
            ),
            Duration::from_secs(300),
        )?
        .text;
    // The shell knows whole numbers only: thousandths of a percent.
    Ok(number(&text).with_context(|| format!("the usage is {text:?}"))? / 1e3)
}

/// Pss of collectd.
fn mebibytes(shell: &mut RootShell) -> anyhow::Result<f64> {
    let kib = shell.text("awk '/^Pss:/ { print $2 }' /proc/$(pidof collectd)/smaps_rollup")?;
    Ok(number(&kib)? / 1024.0)
}
