//! From the installed node to a running VM on a tagged VLAN over a bond, with figures and log messages that go to servers: by the
//! CLI alone, by one file alone, and by the console alone.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use corbel_e2e::receivers::{FigureReceiver, HOST, SyslogReceiver, figures};
use corbel_e2e::{Demo, Firmware, Frame, Node, Run, Server, Wire, demo, qmp::Qmp, spec::wire_mac, until};
use corbel_node_api::{NicSpec, VmSpec};
use serde_json::json;

use super::DISK;

mod by_hand;

const GUEST: &str = "52:54:00:88:00:01";
const VLAN: u16 = 42;
const NONCE: &str = "tagged";

#[tokio::test]
async fn by_the_cli_and_by_one_file() -> anyhow::Result<()> {
    let run = Run::from_environment("tagged")?;
    let servers = Servers::start().await?;
    let mut server = Server::new(&run, Firmware::Bios, DISK)?;
    let wires = [server.add_wire()?, server.add_wire()?];
    let node = server.installed(&run).await?;
    let before = say(&node, "corbel config get")?;
    let members = format!("[\"{}\", \"{}\"]", wire_mac(0), wire_mac(1));

    for (key, value) in [
        ("network.interface[bond0].dhcp4", "false"),
        ("network.interface[bond0.42].dhcp4", "false"),
        ("network.interface[br42].dhcp4", "false"),
        ("network.bond[bond0].members", &members),
        ("network.vlan[42].parent", "bond0"),
        ("network.bridge[br42].ports", "[\"bond0.42\"]"),
        (
            &format!("logging.remote[{HOST}].port"),
            &servers.logs.port().to_string(),
        ),
        (&format!("logging.remote[{HOST}].protocol"), "tcp"),
        ("monitoring.collectd.server", HOST),
        ("monitoring.collectd.port", &servers.figures.port().to_string()),
    ] {
        say(&node, &format!("corbel config set '{key}' '{value}' --confirm"))?;
    }
    let guest = Demo::run_with(&node, run.image(), NONCE, on_the_bridge).await?;
    ensure!(guest.said.contains("hello from inside"), "{}", guest.said);
    frames_are_tagged(&node, &wires, GUEST).await?;
    servers.are_told(&node, "by the CLI").await?;
    node.api().force_off_vm(demo::NAME).await?;

    // All of it away again, and back by a file.
    let file = say(&node, "corbel config get")?;
    apply(&node, &before)?;
    let links = say(&node, "ls /sys/class/net")?;
    ensure!(!links.contains("bond0") && !links.contains("br42"), "{links}");
    let packets = servers.figures.packets().len();
    apply(&node, &file)?;
    Demo::start(&node, NONCE).await?;
    frames_are_tagged(&node, &wires, GUEST).await?;
    servers.are_told(&node, "by one file").await?;
    ensure!(servers.figures.packets().len() > packets, "figures came again");
    ensure!(say(&node, "corbel config get")? == file);
    Ok(())
}

/// Where messages and figures shall go.
struct Servers {
    logs: SyslogReceiver,
    figures: FigureReceiver,
}

impl Servers {
    async fn start() -> anyhow::Result<Self> {
        Ok(Self {
            logs: SyslogReceiver::start().await?,
            figures: FigureReceiver::start().await?,
        })
    }

    /// A message that is written now comes, and figures of the guest do.
    async fn are_told(&self, node: &Node, message: &str) -> anyhow::Result<()> {
        say(node, &format!("echo 'tagged {message}' | systemd-cat"))?;
        until("the message and the guest's figures", node.limit(90), async || {
            let logged = self
                .logs
                .messages()
                .iter()
                .any(|told| told.contains(&format!("tagged {message}")));
            let packets = self.figures.packets();
            let counted = packets
                .iter()
                .flat_map(|packet| figures(packet))
                .any(|figure| figure.plugin == "virt" && figure.instance == demo::NAME);
            Ok((logged && counted).then_some(()))
        })
        .await
    }
}

fn on_the_bridge(spec: &mut VmSpec) {
    spec.networks.push(NicSpec {
        bridge: Some("br42".to_owned()),
        mac: Some(GUEST.to_owned()),
        ..NicSpec::default()
    });
}

/// What the guest sends comes out of the first card with the VLAN's tag, and out of the second one when the first has lost its cable.
async fn frames_are_tagged(node: &Node, wires: &[Wire; 2], guest: &str) -> anyhow::Result<()> {
    let frame = Frame {
        source: guest.to_owned(),
        vlan: Some(VLAN),
    };
    let mut qmp = Qmp::connect(&node.place().qmp_socket())?;
    let mut cable = |number: usize, up: bool| -> anyhow::Result<()> {
        qmp.command("set_link", &json!({ "name": format!("card{number}"), "up": up }))?;
        Ok(())
    };
    for (number, wire) in wires.iter().enumerate() {
        cable(1 - number, false)?;
        wire.drain();
        speak(node).await?;
        wire.carries(&frame, node.limit(30)).await?;
        cable(1 - number, true)?;
    }
    Ok(())
}

/// A card that comes up asks whether its address is taken, and for routers (RFC 4862, RFC 4861).
async fn speak(node: &Node) -> anyhow::Result<()> {
    let mut console = node.api().console(demo::NAME).await?;
    let typed = "ip link set eth0 down; ip link set eth0 up; echo sp''oken\n";
    console.input.send(typed).await?;
    let listening = async {
        let mut said = String::new();
        while !said.contains("spoken") {
            let bytes = console.output.next().await?.context("the console ended")?;
            said.push_str(&String::from_utf8_lossy(&bytes));
        }
        console.input.close().await?;
        anyhow::Ok(())
    };
    tokio::time::timeout(node.limit(30), listening)
        .await
        .context("the guest did not answer at its console")?
}

/// As an operator who has logged in.
fn say(node: &Node, command: &str) -> anyhow::Result<String> {
    let done = node.root_shell()?.run(command, Duration::from_secs(180))?;
    ensure!(
        done.status == 0,
        "`{command}` ended with {}: {}",
        done.status,
        done.text
    );
    Ok(done.text)
}

fn apply(node: &Node, document: &str) -> anyhow::Result<()> {
    let document = BASE64_STANDARD.encode(document);
    let command = format!("echo {document} | base64 -d | corbel config apply - --confirm");
    say(node, &command).map(drop)
}
