//! Pictures of the console on the machine's own screen, every page: docs/operator/pages.md shows those of the last run that was looked at.

use std::time::Duration;

use anyhow::Context as _;
use corbel_e2e::installed::{INSTALL_WORDS, PASSWORD, PASSWORD_HASH};
use corbel_e2e::{Firmware, Node, PAGES, Run, Screen, Server, until};
use corbel_node_api::SlotName;

use super::DISK;

/// So long the graphs of the status page grow before they are worth a picture.
const HISTORY: Duration = Duration::from_secs(45);

#[tokio::test]
async fn every_page_is_drawn_on_the_machines_own_screen() -> anyhow::Result<()> {
    let run = Run::from_environment("pictures")?;
    let server = Server::new(&run, Firmware::Uefi, DISK)?;
    server
        .install(&run, &format!("{INSTALL_WORDS} adminpw={PASSWORD_HASH}"))
        .await?;
    let mut node = server.boot_installed(&run).await?;
    node.blessed(SlotName::A).await?;
    for name in ["database", "web"] {
        let spec = serde_json::json!({ "name": name, "memory": "64 MiB" });
        node.api().create_vm(&serde_json::from_value(spec)?).await?;
    }
    node.api().start_vm("web").await?;
    let document = node.api().config().await?.document;
    node.configure(&format!(
        "{document}\n[[users]]\nname = \"ada\"\nrole = \"operator\"\ntoken_sha256 = \"{}\"\n",
        "0a".repeat(32)
    ))
    .await?;
    grown(&node).await?;

    let folder = run.logs().join("pages");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let (limit, mut shell) = (node.limit(30), node.root_shell()?);
    let mut screen = Screen::of(node.machine())?;
    let mut take = async |screen: &mut Screen, title: &str, words: &[&str]| -> anyhow::Result<()> {
        // vcs(4): the letters of the screen, by which it is known that the page is there and whole.
        until(&format!("the page {title}"), limit, async || {
            let shown = shell.text("tr '\\0' ' ' < /dev/vcs1")?;
            Ok(words.iter().all(|word| shown.contains(word)).then_some(()))
        })
        .await?;
        screen.picture(&folder.join(format!("{}.png", title.to_lowercase().replace(' ', "-"))))
    };
    screen.press(&["down"])?;
    take(&mut screen, "Status", &["Enter menu", "Guests"]).await?;
    screen.press(&["ret"])?;
    take(&mut screen, "Locked", &["This screen is locked"]).await?;
    screen.types(PASSWORD)?;
    screen.press(&["ret"])?;
    take(&mut screen, "Virtual machines", &[">Virtual machines", "database"]).await?;
    for (title, word) in PAGES {
        screen.press(&["down"])?;
        take(&mut screen, title, &[&format!(">{title}"), word]).await?;
    }
    Ok(())
}

/// What happened before is no matter for a graph.
async fn grown(node: &Node) -> anyhow::Result<()> {
    let start = node.info().await?.uptime_seconds;
    until("the graphs to have a past", node.limit(60), async || {
        let now = node.info().await?.uptime_seconds;
        Ok((now >= start + HISTORY.as_secs()).then_some(()))
    })
    .await
}
