//! Run without installing: everything works but what needs a disk, which is refused with a sentence.

use anyhow::{Context as _, ensure};
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
    let refused = node.api().rollback(RollbackRequest::default()).await.err();
    let said = refused.context("a rollback of nothing is accepted")?.to_string();
    ensure!(said.contains("not installed"), "{said}");
    let mut shell = node.root_shell()?;
    let said = shell.run("corbel persist /etc/hosts", node.limit(20))?;
    ensure!(said.status != 0 && said.text.contains("stateless"), "{said:?}");
    let resolved = shell.text("cat /etc/systemd/resolved.conf.d/*.conf /etc/systemd/network/*.network")?;
    ensure!(resolved.contains("192.0.2.53"), "{resolved}");
    Ok(())
}
