//! A support bundle of the real image: made from afar, on the node and on a USB stick. Each has what helps, and none of the node's secrets.

use std::path::Path;

use anyhow::{Context as _, ensure};
use corbel_e2e::file_server::Inbox;
use corbel_e2e::installed::PASSWORD_HASH;
use corbel_e2e::run::tool;
use corbel_e2e::{Firmware, Machine, Medium, Node, Run, Server, until};
use corbel_node_api::{BundleRequest, OperationInfo, OperationState, RebootRequest};

use super::DISK;
use super::storage_access::{self, PASSWORD};

const COLLECTD: &str = "c0llectd-of-beam";
const USER_DATA: &str = "us3rdata-of-beam";
const NOTED: &str = "n0ted-of-beam";

#[tokio::test]
async fn a_bundle_has_what_helps_and_no_secret_and_goes_to_a_stick() -> anyhow::Result<()> {
    let run = Run::from_environment("support-bundle")?;
    let server = Server::new(&run, Firmware::Uefi, DISK)?;
    let node = server.installed(&run).await?;
    let mut shell = node.root_shell()?;
    storage_access::serve(&mut shell)?;
    shell.text(&format!("corbel config set admin.password_hash '{PASSWORD_HASH}'"))?;
    let before = node.api().config().await?.document;
    let monitoring = format!(
        "[monitoring.collectd]\nserver = \"10.0.2.2\"\nport = 25826\nsecurity = \"sign\"\nuser = \"beam\"\npassword = \"{COLLECTD}\"\n"
    );
    let iscsi = storage_access::section("\"127.0.0.1\"", Some(PASSWORD));
    if let Err(error) = node.configure(&format!("{before}\n{monitoring}{iscsi}")).await {
        // Once in many runs the first login is refused with the right password: without CHAP, as the target's kernel says. This tells why.
        let said = shell.text(
            "journalctl --no-pager --boot --unit iscsid --lines 30; cat /etc/iscsi/initiatorname.iscsi; \
             grep -r authmethod /etc/iscsi/iscsid.conf /etc/iscsi/nodes /var/lib/iscsi/nodes 2>/dev/null || true",
        )?;
        return Err(error.context(said));
    }
    let spec = serde_json::json!({ "name": "told", "memory": "64 MiB", "disks": [{"volume": "told.qcow2", "size": "64 MiB"}],
        "cloud_init": { "user_data": format!("#cloud-config\npassword: {USER_DATA}\n") } });
    node.api().create_vm(&serde_json::from_value(spec)?).await?;
    node.api().start_vm("told").await?;
    // What programs should not do, and do.
    shell.text(&format!(
        "(echo 'fetching https://me:{NOTED}@mirror.example.org/x'; echo 'the target said {PASSWORD}') | systemd-cat -t careless"
    ))?;
    let hash = shell.text("grep ^admin: /etc/shadow | cut -d: -f2")?;
    let secrets = [PASSWORD, COLLECTD, USER_DATA, NOTED, hash.trim()];

    let bytes = made(&node, BundleRequest::default()).await?;
    let folder = run.machine_folder()?;
    let file = folder.join("bundle.tar.xz");
    kept(&file, &bytes)?;
    look(&file, &secrets)?;

    // To a server; what lets somebody in there is not told.
    let inbox = Inbox::start().await?;
    let request = BundleRequest {
        url: Some(inbox.url_from_node("/in/4711?token=t0ken")),
        ..BundleRequest::default()
    };
    let message = begun(&node, request).await?;
    ensure!(message.contains("10.0.2.2:") && !message.contains("t0ken"), "{message}");
    let came = inbox.came();
    let put = came.first().context("nothing came")?;
    ensure!(
        put.path == "/in/4711?token=t0ken" && came.len() == 1,
        "{} came",
        came.len()
    );
    let copy = folder.join("from-server.tar.xz");
    kept(&copy, &put.bytes)?;
    look(&copy, &secrets)?;
    // One that is not there: a sentence, and the node goes on.
    let request = BundleRequest {
        url: Some("http://10.0.2.2:1/in".to_owned()),
        ..BundleRequest::default()
    };
    let refused = ended(&node, &request).await?;
    ensure!(
        refused.state == OperationState::Failed && refused.message.as_deref().is_some_and(|m| m.contains("10.0.2.2")),
        "{refused:?}"
    );

    // By command, on the node itself.
    let said = shell.text("corbel node support-bundle /run/bundle.tar.xz 2>&1 && stat -c %s /run/bundle.tar.xz")?;
    ensure!(said.contains("is in /run/bundle.tar.xz"), "{said}");
    let line = shell.text("corbel node security")?;
    ensure!(
        line.contains("Secure Boot: ") && line.contains("Verified root: root hash "),
        "{line}"
    );

    // A stick, which the next start finds.
    drop(shell);
    node.api().reboot(RebootRequest::default()).await?;
    node.reset().await?;
    let stick = folder.join("stick.img");
    tool("mkfs.vfat", |command| {
        command.args(["-n", "STICK", "-C"]).arg(&stick).arg("65536")
    })?;
    let spec = server.spec(Medium::Disks).stick(&stick);
    let machine = Machine::start(&spec, &run.machine_folder()?, run.accel()).await?;
    let node = Node::attach(&run, machine, server.identity().clone()).await?;
    let disks = node.api().support_bundles().await?.disks;
    let disk = disks.first().context("no stick is listed")?;
    ensure!(
        disk.file_system == "vfat" && disk.label.as_deref() == Some("STICK"),
        "{disk:?}"
    );
    let request = BundleRequest {
        disk: Some(disk.device.clone()),
        url: None,
    };
    let message = begun(&node, request).await?;
    ensure!(message.contains("(STICK), which can be pulled out"), "{message}");
    let mut shell = node.root_shell()?;
    ensure!(
        shell.text("grep -c /run/corbel/support /proc/mounts; true")? == "0",
        "it is unmounted"
    );
    drop(shell);
    node.api().poweroff(Default::default()).await?;
    node.reset().await?;

    let listed = tool("mdir", |command| command.args(["-b", "-i"]).arg(&stick).arg("::"))?;
    let name = listed.lines().find(|line| line.contains("corbel-support-"));
    let name = name.with_context(|| format!("no bundle is on the stick: {listed}"))?;
    ensure!(!listed.contains(".corbel-"), "a temporary file stayed: {listed}");
    let copy = folder.join("from-stick.tar.xz");
    tool("mcopy", |command| {
        command.arg("-i").arg(&stick).arg(name.trim()).arg(&copy)
    })?;
    look(&copy, &secrets)
}

fn kept(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::File::create_new(file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, bytes))
        .context("the bundle cannot be kept")
}

/// Makes one, and gives the work when it has ended.
async fn ended(node: &Node, request: &BundleRequest) -> anyhow::Result<OperationInfo> {
    node.api().make_support_bundle(request).await?;
    until("the bundle to be made", node.limit(300), async || {
        let work = node.api().operation().await?.context("no work")?;
        Ok((!work.is_running()).then_some(work))
    })
    .await
}

/// Makes one and gives what is said of it.
async fn begun(node: &Node, request: BundleRequest) -> anyhow::Result<String> {
    let work = ended(node, &request).await?;
    ensure!(work.state == OperationState::Done, "{work:?}");
    Ok(work.message.unwrap_or_default())
}

async fn made(node: &Node, request: BundleRequest) -> anyhow::Result<Vec<u8>> {
    let message = begun(node, request).await?;
    let bundles = node.api().support_bundles().await?.bundles;
    let bundle = bundles.last().context("no bundle is on the node")?;
    ensure!(
        message.contains(&bundle.name) && message.contains(&bundle.bytes.to_string()),
        "{message}"
    );
    Ok(node.api().support_bundle(&bundle.name).await?.to_vec())
}

/// Unpacks a bundle and looks at every byte of it.
fn look(file: &Path, secrets: &[&str]) -> anyhow::Result<()> {
    let whole = tool("tar", |command| command.args(["--to-stdout", "-xJf"]).arg(file))?;
    for secret in secrets {
        ensure!(!whole.contains(secret), "a secret is in {}: {secret}", file.display());
    }
    let names = tool("tar", |command| command.arg("-tJf").arg(file))?;
    for part in [
        "config/node.toml",
        "node/slots.txt",
        "state/settle.json",
        "state/boot.json",
        "logs/journal.txt",
        "logs/kernel.txt",
        "network/networkctl.txt",
        "hardware/pci.txt",
        "manifest.json",
    ] {
        ensure!(
            names.lines().any(|name| name.ends_with(part)),
            "{part} is not in\n{names}"
        );
    }
    ensure!(whole.contains("Linux version"), "the kernel's log is empty");
    Ok(())
}
