//! A kernel that crashes, on the real image: its memory is saved by the one that waited for that, the node comes back by itself, and says what
//! happened. Before it: a machine that is too small, a place that cannot be reached, and memory that comes with the next start. After it: a dump
//! that goes to another machine by SSH.

use anyhow::{Context as _, ensure};
use corbel_e2e::receivers::HOST;
use corbel_e2e::run::tool;
use corbel_e2e::server::wait_for_reset;
use corbel_e2e::{Firmware, MachineSpec, Node, Run, Server};
use corbel_node_api::{DumpState, RebootRequest};

use super::{DISK, cd};

/// The least that memory is set aside on, and some more.
const MEMORY: u32 = 2048;
const SIZE: &str = "cat /sys/kernel/kexec_crash_size";
const LOADED: &str = "systemctl start corbel-dump-load.service; cat /sys/kernel/kexec_crash_loaded";

#[tokio::test]
async fn a_crash_is_saved_listed_and_survived() -> anyhow::Result<()> {
    let run = Run::from_environment("kernel-dump")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let mut node = server.installed(&run).await?;
    let before = node.api().config().await?.document;
    let local = format!("{before}\n[kernel_dump]\ntarget = \"local\"\n");
    let error = node.configure(&local).await.err().context("1 GiB is too little")?;
    ensure!(
        error
            .to_string()
            .contains("kernel_dump.target: is not possible on this machine"),
        "{error}"
    );
    node.api().reboot(RebootRequest::default()).await?;
    node.reset().await?;

    // Nothing is set aside and nothing loaded while nobody asked for it.
    node = server.boot_with_memory(&run, MEMORY).await?;
    let mut shell = node.root_shell()?;
    ensure!(shell.text(LOADED)? == "0");
    ensure!(shell.text(SIZE)? == "0");
    let status = node.api().dumps().await?;
    ensure!(status.state == DumpState::Off && status.dumps.is_empty(), "{status:?}");

    // A place that nobody has is no place; what was there stays.
    let nfs = format!("{before}\n[kernel_dump]\ntarget = \"nfs\"\nlocation = \"10.0.2.2:/nowhere\"\n");
    let error = node.configure(&nfs).await.err().context("nobody is there")?.to_string();
    ensure!(error.contains("10.0.2.2:/nowhere cannot be reached"), "{error}");
    ensure!(node.api().config().await?.document == before);

    let applied = node.configure(&local).await?;
    ensure!(
        applied
            .plan
            .warnings
            .iter()
            .any(|warning| warning.contains("next start")),
        "{applied:?}"
    );
    let status = node.api().dumps().await?;
    ensure!(status.state == DumpState::WaitsForRestart, "{status:?}");
    drop(shell);
    node.api().reboot(RebootRequest::default()).await?;
    node.reset().await?;

    node = server.boot_with_memory(&run, MEMORY).await?;
    let mut shell = node.root_shell()?;
    ensure!(shell.text(LOADED)? == "1");
    let status = node.api().dumps().await?;
    ensure!(
        status.state == DumpState::Ready && status.set_aside == 256 << 20,
        "{status:?}"
    );
    ensure!(node.api().test_dump().await?.place == "this node");
    drop(shell);
    crash(&mut node).await?;

    node = server.boot_with_memory(&run, MEMORY).await?;
    let status = node.api().dumps().await?;
    let dump = status.dumps.first().context("no dump is listed")?;
    ensure!(dump.problem.is_none() && dump.bytes > 1 << 20, "{dump:?}");
    ensure!(dump.reason.contains("sysrq triggered crash"), "{dump:?}");
    let mut shell = node.root_shell()?;
    let folder = format!("/data/dumps/{}", dump.name);
    ensure!(shell.text(&format!("head -c 5 {folder}/vmcore"))? == "KDUMP");
    ensure!(shell.text(&format!("grep -c 'sysrq: Trigger a crash' {folder}/dmesg.txt"))? == "1");
    ensure!(shell.text("corbel node dump list")?.contains(&dump.name));
    ensure!(shell.text(LOADED)? == "1", "the next crash is saved, too");
    let warnings = node.api().node().await?.warnings;
    ensure!(
        warnings.iter().any(|warning| warning.contains("the kernel crashed")),
        "{warnings:?}"
    );

    drop(shell);
    node = to_a_server(&run, &server, node, &before).await?;

    let mut shell = node.root_shell()?;
    node.configure(&before).await?;
    ensure!(shell.text("cat /sys/kernel/kexec_crash_loaded")? == "0");
    ensure!(node.api().dumps().await?.state == DumpState::Off);
    Ok(())
}

/// The next dump goes to a machine that has SSH and nothing else of ours in it: another node, run from its CD.
async fn to_a_server(run: &Run, server: &Server, mut node: Node, before: &str) -> anyhow::Result<Node> {
    let place = Node::boot(run, MachineSpec::new(cd(run))).await?;
    let port = place.place().ssh_port;
    let scanned = tool("ssh-keyscan", |command| {
        command.args(["-t", "ed25519", "-p", &port.to_string(), "127.0.0.1"])
    })?;
    let host_key = scanned.split_once(' ').context("no host key")?.1.trim();
    let key = std::fs::read_to_string(place.identity().ssh_key())?;
    let location = format!("admin@{HOST}:/tmp/dumps");
    let with = |host_key: &str| {
        format!(
            "{before}\n[kernel_dump]\ntarget = \"ssh\"\nlocation = \"{location}\"\nport = {port}\nhost_key = \"{host_key}\"\n\
             ssh_key = \"\"\"\n{key}\"\"\"\n"
        )
    };
    // Somebody else's key, in the place of the host's.
    let other = place.identity().ssh_public();
    let other: Vec<&str> = other.split(' ').take(2).collect();
    let error = node
        .configure(&with(&other.join(" ")))
        .await
        .err()
        .context("another host")?;
    ensure!(error.to_string().contains(&location), "{error}");

    node.configure(&with(host_key)).await?;
    ensure!(node.api().test_dump().await?.place == location);
    crash(&mut node).await?;
    let node = server.boot_with_memory(run, MEMORY).await?;
    let dumps = node.api().dumps().await?.dumps;
    let dump = dumps
        .iter()
        .find(|dump| dump.place == format!("{location}/{}", dump.name));
    let dump = dump.with_context(|| format!("no dump at the server is listed: {dumps:?}"))?;
    ensure!(
        dump.problem.is_none() && dump.reason.contains("sysrq triggered crash"),
        "{dump:?}"
    );
    // makedumpfile(8), -F: the flattened format begins with its name.
    let look = format!(
        "cd /tmp/dumps/{} && head -c 12 vmcore.flat && grep -c 'sysrq: Trigger a crash' dmesg.txt && ls -a",
        dump.name
    );
    let (_, told) = place.ssh(&look)?;
    ensure!(
        told.starts_with("makedumpfile") && told.contains("\ndmesg.txt\n") && !told.contains(".part"),
        "{told}"
    );
    Ok(node)
}

/// Crashes the kernel and waits until the one that saves the dump has restarted the machine.
async fn crash(node: &mut Node) -> anyhow::Result<()> {
    let mut shell = node.root_shell()?;
    shell.text("{ sleep 2; echo c > /proc/sysrq-trigger; } > /dev/null 2>&1 & echo going")?;
    drop(shell);
    let limit = node.limit(900);
    wait_for_reset(node.machine(), limit).await.context("the dump")
}
