//! Exports of a real NFS server: one is a pool that machines have their disks in, is there again after a reboot and not taken away under them;
//! another use of it is a place for dumps of the kernel.

use anyhow::{Context as _, bail, ensure};
use corbel_e2e::receivers::HOST;
use corbel_e2e::servers::NfsServer;
use corbel_e2e::{Firmware, Node, Run, Server, until};
use corbel_node_api::{RebootRequest, SlotName};

use super::DISK;

/// Enough to set some aside for a dump.
const MEMORY: u32 = 2048;

#[tokio::test]
async fn an_export_is_a_pool_for_machines_and_a_place_for_dumps() -> anyhow::Result<()> {
    let run = Run::from_environment("nfs")?;
    let export = NfsServer::start(&run).await?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    server.install(&run, corbel_e2e::installed::INSTALL_WORDS).await?;
    let node = server.boot_with_memory(&run, MEMORY).await?;
    node.blessed(SlotName::A).await?;
    let before = node.api().config().await?.document;
    let mount = |path: &str| {
        format!("{before}\n[[storage_access.nfs.mount]]\nname = \"nas\"\nserver = \"{HOST}\"\npath = \"{path}\"\n")
    };

    let error = node
        .configure(&mount("/nowhere"))
        .await
        .err()
        .context("no such export")?;
    ensure!(
        error.to_string().contains("the export of nas cannot be mounted"),
        "{error}"
    );
    ensure!(pool(&node).await?.is_none() && node.api().config().await?.document == before);

    node.configure(&mount("/exported")).await?;
    ensure!(pool(&node).await? == Some(true), "there is no pool");
    let spec = serde_json::json!({ "name": "far", "memory": "64 MiB", "disks": [{ "volume": "nas/far.qcow2", "size": "64 MiB" }] });
    node.api().create_vm(&serde_json::from_value(spec)?).await?;
    node.api().start_vm("far").await?;
    let volume = export.exported().join("far.qcow2");
    let bytes = std::fs::metadata(&volume)
        .context("the volume is not at the server")?
        .len();
    ensure!(bytes > 0, "the volume is empty");
    let error = node.configure(&before).await.err().context("it is in use")?;
    ensure!(error.to_string().contains("is it in use by a machine?"), "{error}");
    ensure!(pool(&node).await? == Some(true), "the pool went away under its machine");

    node.api().reboot(RebootRequest::default()).await?;
    node.reset().await?;
    let node = server.boot_with_memory(&run, MEMORY).await?;
    until("the pool to be there again", node.limit(60), async || {
        Ok((pool(&node).await? == Some(true)).then_some(()))
    })
    .await?;
    node.api().start_vm("far").await?;
    node.api().force_off_vm("far").await?;

    let dumps = format!(
        "{}\n[kernel_dump]\ntarget = \"nfs\"\nlocation = \"{HOST}:/exported\"\n",
        mount("/exported")
    );
    node.configure(&dumps).await?;
    ensure!(node.api().test_dump().await?.place == format!("{HOST}:/exported"));
    let left: Vec<_> = std::fs::read_dir(export.exported())?
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    ensure!(left == ["far.qcow2"], "{left:?}");

    node.api().delete_vm("far", true).await?;
    ensure!(!volume.exists(), "the volume is still at the server");
    node.configure(&before).await?;
    ensure!(pool(&node).await?.is_none(), "the pool is still there");
    let mut shell = node.root_shell()?;
    ensure!(
        shell.text("grep -c nfs4 /proc/mounts || true")? == "0",
        "something is still mounted"
    );
    Ok(())
}

/// Whether the pool is in use; `None` when there is none.
async fn pool(node: &Node) -> anyhow::Result<Option<bool>> {
    let pools = node.api().pools().await?;
    let mut found = pools.iter().filter(|pool| pool.name == "nas");
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => bail!("there are two"),
        (first, _) => Ok(first.map(|pool| pool.active)),
    }
}
