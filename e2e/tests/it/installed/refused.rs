//! What a node does not take: it says so in one sentence, and nothing was written.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path};

use anyhow::{Context as _, ensure};
use corbel_client::ClientError;
use corbel_e2e::{Firmware, Medium, Node, RootShell, Run, Server, until};
use corbel_node_api::{InstallRequest, OperationState, UpgradeFlags};
use serde_json::json;

use super::DISK;

/// Images that are not what they should be, a connection that breaks, a disk without room: the slots stay as they were.
#[tokio::test]
async fn images_that_are_wrong_and_a_node_without_room() -> anyhow::Result<()> {
    let run = Run::from_environment("refused-images")?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let node = server.installed(&run).await?;
    let mut shell = node.root_shell()?;
    let slots = node.api().slots().await?;
    let spare = spare_slot(&mut shell)?;
    let next = run.next_image()?;
    let folder = run.machine_folder()?;

    let truncated = folder.join("truncated.iso");
    std::fs::copy(next.iso(), &truncated)?;
    let length = std::fs::metadata(&truncated)?.len();
    File::options().write(true).open(&truncated)?.set_len(length / 2)?;
    let damaged = next.damaged(&folder.join("damaged.iso"), [next.root()?.length / 2])?;
    let unsigned = folder.join("unsigned.iso");
    std::fs::copy(next.iso(), &unsigned)?;
    // The signature is there, under a name that nobody looks for.
    overwrite(&unsigned, b"RELEASE.SIG", b"RELEASE.OLD")?;
    let forged = folder.join("forged.iso");
    std::fs::copy(next.iso(), &forged)?;
    overwrite(&forged, b"\"architecture\": \"amd64\"", b"\"architecture\": \"arm64\"")?;
    let other = folder.join("other.iso");
    File::create(&other)?.set_len(1 << 20)?;
    for (image, sentence) in [
        (truncated.as_path(), ""),
        (damaged.iso(), "not what its manifest says"),
        (&unsigned, "is not signed"),
        (&forged, "by none of the keys"),
        (&other, "no ISO"),
        (run.image().iso(), "is the one that runs"),
    ] {
        node.upload(image, UpgradeFlags::default()).await?;
        let said = node.failed(node.limit(120)).await?;
        ensure!(said.contains(sentence), "of {} it says {said:?}", image.display());
        corbel_e2e::talk::talk(&format!("{}: {said}", image.display()));
        ensure!(node.api().slots().await? == slots, "{}", image.display());
    }
    breaks_off(&node, next.iso()).await?;
    ensure!(node.api().slots().await? == slots);
    without_room(&node, &mut shell, next.iso()).await?;
    ensure!(node.api().slots().await? == slots);
    let now = spare_slot(&mut shell)?;
    ensure!(now == spare, "the spare slot was {spare} and is {now}");
    let left = shell.text("ls /data/spool")?;
    ensure!(left.trim().is_empty(), "/data/spool still holds {left}");
    Ok(())
}

/// The connection ends in the middle: the work ends with it.
async fn breaks_off(node: &Node, iso: &Path) -> anyhow::Result<()> {
    let half = tokio::fs::File::open(iso).await?;
    let size = half.metadata().await?.len();
    let half = tokio::io::AsyncReadExt::take(half, size / 2);
    let broken = node
        .api()
        .upload_upgrade(UpgradeFlags::default(), size, half, |_| {})
        .await;
    ensure!(matches!(broken, Err(ClientError::Source { .. })), "{broken:?}");
    until("the node to notice", node.limit(60), async || {
        let operation = node.api().operation().await?.context("there is no work")?;
        ensure!(operation.state != OperationState::Done, "half an image was taken");
        Ok((!operation.is_running()).then_some(()))
    })
    .await
}

async fn without_room(node: &Node, shell: &mut RootShell, iso: &Path) -> anyhow::Result<()> {
    shell.text("fallocate -l $(($(stat -f -c '%a * %S' /data) - 100 * 1024 * 1024)) /data/full")?;
    let refused = node.upload(iso, UpgradeFlags::default()).await;
    shell.text("rm /data/full")?;
    let said = refused.err().context("it was taken")?.to_string();
    ensure!(said.contains("does not fit"), "it says {said:?}");
    Ok(())
}

/// What the beginning of the spare slot holds.
fn spare_slot(shell: &mut RootShell) -> anyhow::Result<String> {
    shell.text("head -c 8M /dev/disk/by-partlabel/corbel-root-b | sha256sum")
}

/// Puts `new`, which is as long, everywhere where the file holds `old`.
fn overwrite(file: &Path, old: &[u8], new: &[u8]) -> anyhow::Result<()> {
    let bytes = std::fs::read(file)?;
    let places = bytes.windows(old.len()).enumerate();
    let places: Vec<usize> = places.filter(|(_, window)| *window == old).map(|(at, _)| at).collect();
    ensure!(
        !places.is_empty(),
        "{} has no {:?}",
        file.display(),
        String::from_utf8_lossy(old)
    );
    let file = File::options().write(true).open(file)?;
    for at in places {
        file.write_all_at(new, at as u64)?;
    }
    Ok(())
}

/// Wrong answers to the installer, by API and by words: each is named, and the disks stay empty.
#[tokio::test]
async fn answers_that_are_wrong() -> anyhow::Result<()> {
    let run = Run::from_environment("refused-answers")?;
    let mut server = Server::new(&run, Firmware::Uefi, DISK)?;
    server.add_disk(2_000_000_000)?;
    let words = "install storage_init=/dev/vdz BOOTIF=link storage_vol=::::::x";
    let stick = Medium::Usb(run.image().iso().to_path_buf());
    let node = server.boot(&run, stick, |seed| seed.words(words)).await?;
    // What erases a disk is never done on a guess: a word that cannot be read is a warning, and nothing begins.
    let warnings = node.info().await?.warnings;
    let said = |word: &str| warnings.iter().any(|warning| warning.contains(word));
    ensure!(said("storage_vol"), "the warnings are {warnings:?}");
    ensure!(node.api().operation().await?.is_none(), "work has begun");
    let medium = node.api().disks().await?;
    let medium = medium
        .iter()
        .find(|disk| disk.live_medium)
        .map(|disk| disk.path.clone());
    let medium = medium.context("the medium is no disk")?;
    for (request, field) in [
        (json!({ "boot": { "path": "/dev/vdz" } }), "boot"),
        (json!({ "boot": { "path": "/dev/vdb" } }), "/dev/vdb"),
        (json!({ "boot": { "path": medium } }), &*medium),
        (
            json!({ "boot": { "path": "/dev/vda" }, "data": [{ "path": "/dev/vda" }] }),
            "data",
        ),
        (
            json!({ "boot": { "path": "/dev/vda" }, "sizes": { "root": "7 GiB" } }),
            "too small",
        ),
        (
            json!({ "boot": { "path": "/dev/vda" }, "sizes": { "config": "1 MiB" } }),
            "config",
        ),
        (
            json!({ "boot": { "path": "/dev/vda" }, "hostname": "no name" }),
            "hostname",
        ),
        (
            json!({ "boot": { "path": "/dev/vda" }, "document": "version = 1\nhostnam = 'a'\n" }),
            "hostnam",
        ),
        (json!({ "boot": { "path": "/dev/vda" }, "words": ["a\nb"] }), "words"),
    ] {
        let asked: InstallRequest = serde_json::from_value(request.clone())?;
        let refused = node.api().install(&asked).await;
        let said = refused
            .err()
            .with_context(|| format!("{request} was taken"))?
            .to_string();
        corbel_e2e::talk::talk(&said);
        ensure!(said.contains(field), "{request}: it says {said:?}");
    }
    drop(node);
    for disk in server.disks() {
        let written = disk.written()?;
        ensure!(written == 0, "{}: {written} bytes were written", disk.file.display());
    }
    Ok(())
}

/// The medium goes away while the installer reads it: the disk starts nothing, and a second try makes it whole.
#[tokio::test]
async fn a_medium_that_is_pulled() -> anyhow::Result<()> {
    let run = Run::from_environment("medium-pulled")?;
    let mut server = Server::new(&run, Firmware::Bios, DISK)?;
    let mut node = server
        .boot(&run, Medium::Usb(run.image().iso().to_path_buf()), |seed| seed)
        .await?;
    let request = json!({ "boot": { "path": "/dev/vda" } });
    node.api().install(&serde_json::from_value(request)?).await?;
    until("the system to be written", node.limit(60), async || {
        let operation = node.api().operation().await?.context("there is no work")?;
        ensure!(operation.is_running(), "{operation:?}");
        let writing = operation.steps.iter().find(|step| step.id == "write-root");
        Ok(writing.filter(|step| step.done.is_some_and(|done| done > 0)).map(drop))
    })
    .await?;
    node.machine().qmp()?.command("device_del", &json!({ "id": "stick" }))?;
    // Its root is gone with the medium: it says that the work failed, or it restarts, but it never says that it is done.
    until("the installation to fail", node.limit(120), async || {
        if node.machine().ended()?.is_some() {
            return Ok(Some(()));
        }
        let Ok(Some(operation)) = node.api().operation().await else {
            // Nothing that is not in memory can run any more, the daemon among it.
            return Ok(node.api().health().await.is_err().then_some(()));
        };
        ensure!(operation.state != OperationState::Done, "it says that it is done");
        Ok((!operation.is_running()).then_some(()))
    })
    .await?;
    drop(node);
    let first = server.disks()[0].sector(0)?;
    ensure!(first[..440].iter().all(|byte| *byte == 0), "the disk has boot code");
    let node = server.installed(&run).await?;
    node.off().await
}
