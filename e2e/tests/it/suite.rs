//! What several boots are asked. Each function leaves the node as it found it, or says so.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use corbel_client::{Client, RemoteHost, ServerTrust, fetch_fingerprint};
use corbel_e2e::{Demo, Node, RootShell, Run, demo, until};
use corbel_node_api::{HealthStatus, VirtualizationState, VmState};

/// The console on the serial port shows which node this is and the fingerprint that a client must pin.
pub(crate) async fn console(node: &mut Node) -> anyhow::Result<()> {
    let info = node.info().await?;
    let fingerprint = info
        .certificate_fingerprint
        .context("the node does not know its fingerprint")?;
    let digits = fingerprint.trim_start_matches("sha256:").to_owned();
    let limit = node.limit(30);
    let name = info.name;
    let serial = node.machine().serial().clone();
    until("the console to show name and fingerprint", limit, async || {
        // A narrow screen may break the line of digits.
        let screen: String = serial.screen().split_whitespace().collect();
        Ok((screen.contains(&name) && screen.contains(&digits)).then_some(()))
    })
    .await
    .with_context(|| format!("the screen shows\n{}", serial.screen()))
}

/// Nothing listens on the node's addresses but the API, and ssh because the seed has a key.
pub(crate) fn listeners(node: &Node) -> anyhow::Result<()> {
    let listening = reachable_ports(&mut node.root_shell()?)?;
    ensure!(listening == [22, 8443], "these TCP ports can be reached: {listening:?}");
    Ok(())
}

/// TCP ports that are open for others: not loopback, not the network of the VMs.
fn reachable_ports(shell: &mut RootShell) -> anyhow::Result<Vec<u16>> {
    let text = shell.text("ss --no-header --tcp --listening --numeric")?;
    let mut ports = Vec::new();
    for line in text.lines() {
        let local = line
            .split_whitespace()
            .nth(3)
            .with_context(|| format!("ss says {line:?}"))?;
        let (address, port) = local.rsplit_once(':').with_context(|| format!("ss says {line:?}"))?;
        let inner = address.starts_with("127.") || address.starts_with("[::1]") || address.starts_with("192.168.122.");
        if !inner {
            ports.push(port.parse()?);
        }
    }
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

/// The key from the seed lets in; coming without one does not.
pub(crate) fn ssh(node: &Node) -> anyhow::Result<()> {
    let (status, text) = node.ssh("id -un")?;
    ensure!(
        status == Some(0) && text == "admin",
        "ssh with the key: {status:?} {text}"
    );
    let output = corbel_e2e::ssh::run(node.place().ssh_port, None, "id")?;
    ensure!(!output.status.success(), "ssh lets in who shows nothing");
    Ok(())
}

/// Without a key and a password there is no sshd.
pub(crate) fn no_ssh(node: &Node) -> anyhow::Result<()> {
    let listening = reachable_ports(&mut node.root_shell()?)?;
    ensure!(listening == [8443], "these TCP ports can be reached: {listening:?}");
    Ok(())
}

/// The API tells a stranger its health and nothing else.
pub(crate) async fn strangers_are_refused(node: &mut Node) -> anyhow::Result<()> {
    let remote = || RemoteHost {
        host: "127.0.0.1".to_owned(),
        port: node.place().api_port,
    };
    let fingerprint = fetch_fingerprint(&remote(), Duration::from_secs(10)).await?;
    let stranger = Client::remote(remote(), ServerTrust::Pinned(fingerprint))?;
    stranger.health().await.context("a stranger may ask for the health")?;
    match stranger.vms().await {
        Ok(_) => bail!("a stranger may list VMs"),
        Err(error) => {
            let refusal = error.api().with_context(|| format!("no answer of the API: {error}"))?;
            ensure!(refusal.kind.status() == 401, "a stranger gets {refusal:?}");
        }
    }
    Ok(())
}

/// Duplicate address detection takes its time, so an address may come after the API.
pub(crate) async fn has_address(node: &Node, address: &str) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    let what = format!("the address {address}");
    let found = until(&what, node.limit(20), async || {
        seen = node.info().await?.addresses;
        let is_it = |text: &str| text.split('/').next() == Some(address);
        Ok(seen.iter().any(|entry| is_it(&entry.address)).then_some(()))
    });
    let found = found.await;
    found.with_context(|| format!("the node has {seen:?}"))
}

/// What virsh defines shows in the API, and the other way round.
pub(crate) async fn virsh_and_api_agree(node: &Node) -> anyhow::Result<()> {
    let mut shell = node.root_shell()?;
    let xml = "<domain type=\"kvm\"><name>by-virsh</name><memory>65536</memory><os><type arch=\"x86_64\">hvm</type></os></domain>";
    shell.text(&format!(
        "echo '{xml}' > /tmp/by-virsh.xml && virsh -q define /tmp/by-virsh.xml"
    ))?;
    node.api().vm("by-virsh").await.context("a VM that virsh defined")?;
    shell.text("virsh -q undefine by-virsh")?;
    let left = node.api().vms().await?;
    ensure!(
        left.iter().all(|vm| vm.name != "by-virsh"),
        "virsh removed it, the API has {left:?}"
    );

    let spec = serde_json::from_value(serde_json::json!({ "name": "by-api", "memory": "64 MiB" }))?;
    node.api().create_vm(&spec).await?;
    let names = shell.text("virsh list --all --name")?;
    ensure!(names.lines().any(|name| name == "by-api"), "virsh lists {names:?}");
    node.api().delete_vm("by-api", false).await?;
    let names = shell.text("virsh list --all --name")?;
    ensure!(!names.contains("by-api"), "virsh lists {names:?}");
    Ok(())
}

/// A guest runs with KVM, and neither our daemon's death nor libvirt's takes it away. Leaves the guest running.
pub(crate) async fn guest_and_survival(run: &Run, node: &Node) -> anyhow::Result<()> {
    let info = node.info().await?;
    ensure!(
        info.virtualization.state == VirtualizationState::Usable,
        "virtualization: {:?}",
        info.virtualization
    );
    let nonce = format!("q{}x", std::process::id());
    let demo = Demo::run(node, run.image(), &nonce).await?;
    let mut shell = node.root_shell()?;
    let pid = demo.vm.pid.context("the node does not know the guest's process")?;
    uses_kvm(&mut shell, pid, &demo)?;
    qemu_hangs(node, &mut shell, pid).await?;
    daemon_is_killed(node, &mut shell, pid).await?;
    libvirtd_is_killed(node, &mut shell, pid).await
}

fn uses_kvm(shell: &mut RootShell, pid: u32, demo: &Demo) -> anyhow::Result<()> {
    ensure!(demo.vm.accelerator == "kvm", "the node says {:?}", demo.vm.accelerator);
    // What the process holds open is the proof; what the definition says is only a wish.
    let files = shell.text(&format!("ls -l /proc/{pid}/fd"))?;
    for wanted in ["/dev/kvm", "anon_inode:kvm-vm", "anon_inode:kvm-vcpu"] {
        ensure!(files.contains(wanted), "process {pid} holds no {wanted}:\n{files}");
    }
    Ok(())
}

/// A QEMU that answers nobody, as one does whose storage is away, is listed like any other, and the node is still told at once.
async fn qemu_hangs(node: &Node, shell: &mut RootShell, pid: u32) -> anyhow::Result<()> {
    shell.text(&format!("kill -STOP {pid}"))?;
    let told = tokio::time::timeout(node.limit(2), async { (node.api().vms().await, node.info().await) });
    let told = told.await;
    shell.text(&format!("kill -CONT {pid}"))?;
    let (list, info) = told.context("the node waits for a QEMU that hangs")?;
    let list = list?;
    ensure!(
        list.iter()
            .any(|vm| vm.name == demo::NAME && vm.state == VmState::Running && vm.cpus == 1),
        "the list is {list:?}"
    );
    let counts = info?.vms;
    ensure!(counts.running == 1, "the node counts {counts:?}");
    Ok(())
}

/// The guest is the same process with the same start time, so it was never away.
fn birth(shell: &mut RootShell, pid: u32) -> anyhow::Result<String> {
    // Field 22 of proc_pid_stat(5), counted after the name, which may hold blanks.
    shell.text(&format!("sed 's/.*) //' /proc/{pid}/stat | cut -d' ' -f20"))
}

async fn still_there(node: &Node, shell: &mut RootShell, pid: u32, born: &str) -> anyhow::Result<()> {
    let vm = node.api().vm(demo::NAME).await.context("the guest after the kill")?;
    ensure!(
        vm.state == VmState::Running && vm.pid == Some(pid),
        "the guest was process {pid}, now {vm:?}"
    );
    ensure!(birth(shell, pid)? == born, "process {pid} is another one");
    Ok(())
}

async fn daemon_is_killed(node: &Node, shell: &mut RootShell, pid: u32) -> anyhow::Result<()> {
    let born = birth(shell, pid)?;
    let old = shell.text("pidof corbel-node")?;
    shell.text("kill -9 $(pidof corbel-node)")?;
    until("another corbel-node", node.limit(20), async || {
        let done = shell.run("pidof corbel-node", node.limit(5))?;
        Ok((done.status == 0 && done.text != old).then_some(()))
    })
    .await?;
    node.wait_health(HealthStatus::Ok, node.limit(30)).await?;
    still_there(node, shell, pid, &born).await
}

/// systemd starts libvirtd again within a blink. To see the time between, the restart is put off; it still happens by itself.
async fn libvirtd_is_killed(node: &Node, shell: &mut RootShell, pid: u32) -> anyhow::Result<()> {
    let born = birth(shell, pid)?;
    let folder = "/run/systemd/system/libvirtd.service.d";
    let late =
        format!("mkdir -p {folder} && printf '[Service]\\nRestart=always\\nRestartSec=15\\n' > {folder}/late.conf");
    shell.text(&format!("{late} && systemctl daemon-reload"))?;
    // A socket would start libvirtd as soon as our daemon looks for it.
    shell.text("systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket; kill -9 $(pidof libvirtd)")?;
    node.wait_health(HealthStatus::Degraded, node.limit(20)).await?;
    node.wait_health(HealthStatus::Ok, node.limit(60)).await?;
    still_there(node, shell, pid, &born).await
}
