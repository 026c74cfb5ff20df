//! A change of the network through the configuration, against networkd's own reload.

use anyhow::Context as _;
use corbel_e2e::{Firmware, RootShell, Run, Server};

use super::{Measure, installed::DISK, middle, number};

/// Each a change of its own.
const MTUS: [u32; 7] = [1400, 1410, 1420, 1430, 1440, 1450, 1460];
const INTERFACE: &str = "network.interface[br9]";
/// What networkd reads of the bridge, changed by hand as the configuration does it.
const FILES: &str = "/etc/systemd/network/*br9*.network";

/// Both inside the node, as programs that somebody types, interleaved: `corbel config set` plans, writes, reloads, and ends when the
/// interface was seen to be as it was asked for, and then the node waits to be told that it is right; `networkctl reload` ends when
/// networkd has read its files. The telling, which saves the document, is measured beside it.
pub(super) async fn ratio(run: &Run) -> anyhow::Result<Vec<Measure>> {
    let server = Server::new(run, Firmware::Bios, DISK)?;
    let node = server.installed(run).await?;
    let mut shell = node.root_shell()?;
    for (key, value) in [
        ("network.bridge[br9].stp", "false"),
        (&format!("{INTERFACE}.dhcp4"), "false"),
    ] {
        shell.text(&format!("corbel config set '{key}' {value} --confirm-seconds 0"))?;
    }
    let (mut ours, mut saved, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for mtu in MTUS {
        ours.push(seconds(
            &mut shell,
            &format!("corbel config set '{INTERFACE}.mtu' {mtu}"),
        )?);
        let set = shell.text("cat /sys/class/net/br9/mtu")?;
        anyhow::ensure!(set == mtu.to_string(), "the bridge's MTU is {set}");
        saved.push(seconds(&mut shell, "corbel config confirm")?);
        shell.text(&format!("for file in {FILES}; do echo '# touched' >> $file; done"))?;
        theirs.push(seconds(&mut shell, "networkctl reload")?);
    }
    let samples = vec![middle(&ours)?, middle(&theirs)?, middle(&saved)?];
    Ok(vec![Measure {
        what: "a change of the network, against networkctl reload",
        value: samples[0] / samples[1],
        unit: "x",
        must: 2.0,
        aim: 2.0,
        samples,
    }])
}

fn seconds(shell: &mut RootShell, command: &str) -> anyhow::Result<f64> {
    let timed = format!(
        "a=$(date +%s%N); {command} > /run/apply.log 2>&1 || cat /run/apply.log; echo $(( $(date +%s%N) - a ))"
    );
    let text = shell.text(&timed)?;
    Ok(number(&text).with_context(|| format!("`{command}`"))? / 1e9)
}
