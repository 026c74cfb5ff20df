//! Run without installing: everything works but what needs a disk, which is refused with a sentence.

use anyhow::ensure;
use corbel_e2e::{Firmware, Run, Server};
use corbel_node_api::RollbackRequest;

use super::cd;

#[tokio::test]
async fn needs_no_disk_and_says_what_it_cannot() -> anyhow::Result<()> {
    let run = Run::from_environment("stateless")?;
    let server = Server::without_disk(&run, Firmware::Bios)?;
    let words = "stateless hostname=adrift ntp=192.0.2.123 dns=192.0.2.53";
    let node = server.boot(&run, cd(&run), |seed| seed.words(words)).await?;
    ensure!(node.info().await?.name == "adrift");
    ensure!(node.api().slots().await?.slots.is_empty());
    node.api().rollback(RollbackRequest::default()).await?;
    let said = node.failed(node.limit(20)).await?;
    ensure!(said.contains("not installed"), "{said}");
    let refused = node.api().persist("/etc/motd").await.err();
    let said = refused.map(|error| error.to_string()).unwrap_or_default();
    ensure!(said.contains("runs without an installed disk"), "{said:?}");
    let mut shell = node.root_shell()?;
    let resolved = shell.text("cat /etc/systemd/network/*.network")?;
    ensure!(resolved.contains("192.0.2.53"), "{resolved}");
    Ok(())
}
