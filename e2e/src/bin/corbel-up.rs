//! Boots the image, starts the demo VM on it and says how to reach everything; `cargo xtask up` builds and calls it. It
//! stays until Ctrl-C and leaves no process behind: the machine ends with this program, however this program ends.

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Parser;
use corbel_e2e::{
    Demo, Firmware, MachineSpec, Medium, Node, Run, demo,
    talk::{Progress, result, talk},
    until,
};
use corbel_node_api::VmState;

/// Boot the image in QEMU and start the demo VM.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder that `corbel image build` wrote
    #[arg(long)]
    image: PathBuf,
    /// Folder for logs and sockets
    #[arg(long)]
    logs: PathBuf,
    /// The CLI, for the lines that say how to use it
    #[arg(long, default_value = "corbel")]
    corbel: PathBuf,
    #[arg(long, default_value = "bios")]
    firmware: Firmware,
    /// auto, kvm or tcg
    #[arg(long, default_value = "auto")]
    accel: String,
    /// End after the demo VM has spoken
    #[arg(long)]
    check: bool,
}

/// See [`shut_down`].
const PRESS_AGAIN: Duration = Duration::from_secs(10);

/// Some words that no log has by chance.
fn nonce() -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("n{:x}e", now.as_nanos())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.context("cannot start").and_then(|runtime| {
        for signal in [
            signal_hook::consts::SIGINT,
            signal_hook::consts::SIGTERM,
            signal_hook::consts::SIGHUP,
        ] {
            signal_hook::flag::register(signal, Arc::clone(&stop))?;
        }
        // Dropping the work drops the machine with it.
        runtime.block_on(async {
            tokio::select! {
                done = work(&arguments) => done,
                () = pressed(&stop) => Ok(()),
            }
        })
    });
    match done {
        Ok(()) if stop.load(Ordering::SeqCst) => {
            talk("the node is gone");
            ExitCode::from(130)
        }
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            talk(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn pressed(stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn work(arguments: &Arguments) -> anyhow::Result<()> {
    let progress = Progress::start();
    let run = Run::new(&arguments.image, &arguments.logs, "node", &arguments.accel)?;
    progress.reached(&format!(
        "booting {} with {:?}",
        run.image().iso().display(),
        run.accel()
    ));
    let spec = MachineSpec::new(Medium::Cd(run.image().iso().to_path_buf()));
    // Room for a guest beside the node's own 1 GiB.
    let spec = spec.firmware(arguments.firmware).memory(2048);
    let mut node = Node::boot(&run, spec).await?;
    let info = node.info().await?;
    progress.reached(&format!("the API of {} {} answers", info.name, info.version));
    progress.reached(&info.virtualization.message);
    let demo = Demo::run(&node, run.image(), &nonce()).await?;
    progress.reached(&format!(
        "the VM {} runs with {} and says:",
        demo.vm.name, demo.vm.accelerator
    ));
    for line in demo.said.lines().map(str::trim).filter(|line| !line.is_empty()) {
        result(&format!("    {line}"));
    }
    if arguments.check {
        shut_down(&node).await?;
        progress.reached("all of it happened; the node is shut down");
        return Ok(());
    }
    ways_in(
        &mut node,
        arguments,
        info.certificate_fingerprint.as_deref().unwrap_or("unknown"),
    );
    loop {
        node.machine().still_running()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Shuts the guest down as its owner would; the node has no state, so it is switched off.
async fn shut_down(node: &Node) -> anyhow::Result<()> {
    let mut pressed = None;
    until("the demo VM to shut down", node.limit(30), async || {
        // A guest that is still starting does not hear the power button, so it is pressed again.
        if pressed.is_none_or(|at: Instant| at.elapsed() > PRESS_AGAIN) {
            node.api()
                .shutdown_vm(demo::NAME)
                .await
                .context("cannot shut the demo VM down")?;
            pressed = Some(Instant::now());
        }
        let vm = node.api().vm(demo::NAME).await.context("cannot look at the demo VM")?;
        Ok((vm.state == VmState::Off).then_some(()))
    })
    .await
}

fn ways_in(node: &mut Node, arguments: &Arguments, fingerprint: &str) {
    let machine = node.machine();
    let (place, folder) = (machine.place(), machine.place().folder.display());
    let port = place.api_port;
    let corbel = arguments.corbel.display();
    let way = format!("--node 127.0.0.1:{port} --fingerprint {fingerprint}");
    let identity = format!("--cert {folder}/client.pem --key {folder}/client.key");
    result("");
    result(&format!(
        "API      curl --insecure --cert {folder}/client.pem --key {folder}/client.key https://127.0.0.1:{port}/v1/node"
    ));
    result(&format!("CLI      {corbel} {way} {identity} vm list"));
    result(&format!("guest    {corbel} {way} {identity} vm console {}", demo::NAME));
    result(&format!(
        "console  socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:{}   (Ctrl-] leaves)",
        place.serial_socket().display()
    ));
    result(&format!(
        "shell    ssh -p {} -i {folder}/ssh-key -o UserKnownHostsFile=/dev/null admin@127.0.0.1",
        place.ssh_port
    ));
    result(&format!("logs     {folder}"));
    result("Ctrl-C ends the node.");
}
