//! What the figures of 100 machines cost: collectd, and the daemon that tells them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use corbel_e2e::{Firmware, MachineSpec, Medium, Node, RootShell, Run, run::tool, talk::talk, until};

use super::{HELPER, Measure, bring, lowest, middle, number};

const MACHINES: u32 = 100;
/// A QEMU whose machine does nothing takes about 40 MiB.
const NODE_MEBIBYTES: u32 = 8192;
/// A firmware of 64 KiB whose first instructions are its only ones: `cli`, then `hlt` for ever. They stand where an x86 processor begins,
/// 16 bytes below the end (AMD64 Architecture Programmer's Manual, volume 2, 14.1.3).
const FIRMWARE: &str = "/var/lib/libvirt/images/halt.rom";
const MAKE_FIRMWARE: &str = "{ head -c 65520 /dev/zero; printf '\\372\\364\\353\\375'; head -c 12 /dev/zero; }";
const AT_A_TIME: u32 = 10;
/// A start is some seconds of emulated work.
const START_LIMIT: Duration = Duration::from_secs(900);
/// Some turns of collectd, and of its look for new machines.
const FIGURES_LIMIT: Duration = Duration::from_secs(300);
const WINDOWS: usize = 5;
/// Three turns of the interval that the image has.
const WINDOW_SECONDS: u32 = 30;
const INTERVAL_SECONDS: u32 = 10;

/// The machines have a process, a disk and a network card each, and run without doing anything, so that what is measured is not disturbed
/// by what they do; of machines that are paused collectd tells nothing but that. Each window has as many
/// readings of `/metrics` as turns of collectd; the daemon's work for anything else is in the figure, too. The promise is one about a
/// processor, and not about an emulated one: the work is counted at the speed of the machine that this runs on.
pub(super) async fn cost(run: &Run, helper: &Path) -> anyhow::Result<Vec<Measure>> {
    let spec = MachineSpec::new(Medium::Cd(run.image().iso().to_path_buf())).firmware(Firmware::Bios);
    let node = Node::boot(run, spec.memory(NODE_MEBIBYTES).with_root_shell()).await?;
    let mut shell = node.root_shell()?;
    bring(&node, &mut shell, helper).await?;
    define(&node, &mut shell).await?;
    for first in (0..MACHINES).step_by(AT_A_TIME as usize) {
        let last = first + AT_A_TIME - 1;
        let start = format!("for i in $(seq -f %04g {first} {last}); do virsh -q start vm-$i || break; done");
        shell.run(&start, START_LIMIT)?;
        talk(&format!("{} machines are started", last + 1));
    }
    let running = shell.text("virsh -q list --state-running | wc -l")?;
    ensure!(running == MACHINES.to_string(), "{running} machines run");
    until("the figures of every machine", FIGURES_LIMIT, async || {
        let found = shell.text("corbel node metrics | grep -o 'vm-[0-9]*' | sort -u | wc -l")?;
        Ok((found == MACHINES.to_string()).then_some(()))
    })
    .await?;

    let slowness = Slowness::of(&mut shell, helper)?;
    let (mut shares, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..WINDOWS {
        let [user, system] = share(&mut shell)?;
        shares.push(user / slowness.user + system / slowness.system);
        memory.push(mebibytes(&mut shell)?);
        talk(&format!(
            "{user:.2} % in programs and {system:.2} % in the kernel of the node's processor, {:.2} % of this machine's; {:.1} MiB",
            shares.last().copied().unwrap_or_default(),
            memory.last().copied().unwrap_or_default()
        ));
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

/// As anybody would define them; only that they have the firmware that does nothing.
async fn define(node: &Node, shell: &mut RootShell) -> anyhow::Result<()> {
    shell.text(&format!(
        "mkdir -p $(dirname {FIRMWARE}) && {MAKE_FIRMWARE} > {FIRMWARE}"
    ))?;
    for index in 0..MACHINES {
        let name = format!("vm-{index:04}");
        let spec = serde_json::json!({
            "name": name,
            "memory": "64 MiB",
            "firmware": "bios",
            "disks": [{ "volume": name, "size": "1 MiB" }],
            "networks": [{ "nat": "default" }],
        });
        let made = node.api().create_vm(&serde_json::from_value(spec)?).await;
        made.with_context(|| format!("cannot define {name}"))?;
        shell.text(&format!(
            "virsh dumpxml {name} | sed \"s|</os>|<loader type='rom'>{FIRMWARE}</loader>&|\" | virsh -q define /dev/stdin"
        ))?;
    }
    Ok(())
}

/// How many times as long the same work takes in the node as beside it. Short loops are what an emulator is best at, so that what really
/// runs is slowed down more, and the cost comes out too high rather than too low.
struct Slowness {
    user: f64,
    system: f64,
}

impl Slowness {
    fn of(shell: &mut RootShell, helper: &Path) -> anyhow::Result<Self> {
        let path = helper.to_str().context("the helper's path is not text")?;
        let here = times(&tool(path, |command| command)?)?;
        let there = times(&shell.run(HELPER, Duration::from_secs(120))?.text)?;
        let slowness = Self {
            user: there[0] / here[0],
            system: there[1] / here[1],
        };
        talk(&format!(
            "the node's processor takes {:.1} times as long in programs, {:.1} times in the kernel",
            slowness.user, slowness.system
        ));
        Ok(slowness)
    }
}

/// Two numbers that are times, and not zero.
fn times(text: &str) -> anyhow::Result<[f64; 2]> {
    let numbers = text
        .split_whitespace()
        .map(number)
        .collect::<anyhow::Result<Vec<_>>>()?;
    match numbers[..] {
        [user, system] if user > 0.0 && system > 0.0 => Ok([user, system]),
        _ => anyhow::bail!("{text:?} is not two times"),
    }
}

/// Percent of one processor that collectd and the daemon used in one window: in programs, and in the kernel for them (cgroup-v2,
/// `cpu.stat`: `user_usec`, `system_usec`).
fn share(shell: &mut RootShell) -> anyhow::Result<[f64; 2]> {
    let stat = |service: &str| format!("/sys/fs/cgroup/system.slice/{service}.service/cpu.stat");
    let used = format!(
        "awk '/^user_usec/ {{ u += $2 }} /^system_usec/ {{ s += $2 }} END {{ printf \"%.0f %.0f\\n\", u, s }}' {} {}",
        stat("collectd"),
        stat("corbel-node")
    );
    let scrapes = format!(
        "for i in $(seq {}); do corbel node metrics > /dev/null; sleep {INTERVAL_SECONDS}; done",
        WINDOW_SECONDS / INTERVAL_SECONDS
    );
    let command = format!("date +%s%N; {used}; {scrapes}; {used}; date +%s%N");
    let text = shell.run(&command, Duration::from_secs(300))?.text;
    let numbers = text
        .split_whitespace()
        .map(number)
        .collect::<anyhow::Result<Vec<_>>>()?;
    let [began, user_before, system_before, user, system, ended] = numbers[..] else {
        anyhow::bail!("the usage is {text:?}")
    };
    let microseconds = (ended - began) / 1e3;
    ensure!(microseconds > 0.0, "the window is {text:?}");
    Ok([user - user_before, system - system_before].map(|used| used * 100.0 / microseconds))
}

/// Pss of collectd.
fn mebibytes(shell: &mut RootShell) -> anyhow::Result<f64> {
    let kib = shell.text("awk '/^Pss:/ { print $2 }' /proc/$(pidof collectd)/smaps_rollup")?;
    Ok(number(&kib)? / 1024.0)
}
