//! Installed and upgraded without a person: by the ancestor's PXE entry, and by a document from a web server.

use std::time::Duration;

use anyhow::ensure;
use corbel_e2e::{
    Firmware, Image, Medium, Run, Server, file_server::FileServer, installed::PASSWORD_HASH, server::wait_for_reset,
};
use corbel_node_api::SlotName;

use super::{DISK, cd};

/// The same entry for the first boot of a machine and for all later ones: it installs an empty disk, leaves a system of its own version
/// alone, and upgrades an older one. Each time the server is told that the machine may boot from its disk.
#[tokio::test]
async fn by_one_pxe_entry_for_every_boot() -> anyhow::Result<()> {
    let run = Run::from_environment("pxe-entry")?;
    let told = run.file("told", "thanks\n")?;
    let told = FileServer::start(&told).await?;
    let server = Server::new(&run, Firmware::Bios, DISK)?;
    let words = format!(
        "local_boot storage_init=/dev/vda BOOTIF=link hostname=beam local_boot_trigger={}?host=@HOSTNAME@",
        told.url_from_node()
    );
    let pxe = async |image: &Image| {
        let medium = Medium::Network(image.netboot()?);
        let mut machine = server.start(&run, medium, |seed| seed.words(&words)).await?;
        wait_for_reset(&mut machine, Duration::from_secs(240) * run.accel().patience()).await
    };

    pxe(run.image()).await?;
    let node = server.boot_installed(&run).await?;
    let old = node.blessed(SlotName::A).await?;
    ensure!(node.info().await?.name == "beam");
    node.off().await?;

    pxe(run.image()).await?;
    let node = server.boot_installed(&run).await?;
    ensure!(node.blessed(SlotName::A).await? == old, "it was written again");
    node.off().await?;

    pxe(&run.next_image()?).await?;
    let node = server.boot_installed(&run).await?;
    let new = node.blessed(SlotName::B).await?;
    ensure!(new != old, "the version is still {new}");
    ensure!(node.info().await?.name == "beam");
    let asked = told.asked();
    ensure!(asked == ["/told?host=beam"; 3], "the server was asked for {asked:?}");
    Ok(())
}

/// The word names the document, and the document says all else; later the word `upgrade` at the next medium needs no password.
#[tokio::test]
async fn by_a_document_from_a_web_server() -> anyhow::Result<()> {
    let run = Run::from_environment("document")?;
    let limit = Duration::from_secs(240) * run.accel().patience();
    let document = format!(
        "version = 1\nhostname = \"from-afar\"\ntimezone = \"Europe/Berlin\"\n\n[admin]\npassword_hash = \"{PASSWORD_HASH}\"\n\n\
         [install]\nboot = {{ bus = \"virtio\", at_least = \"4 GB\" }}\nreboot_delay = 0\n"
    );
    let document = FileServer::start(&run.file("node7.toml", &document)?).await?;
    let server = Server::new(&run, Firmware::Uefi, DISK)?;
    let words = format!("corbel.config={}", document.url_from_node());
    let mut machine = server.start(&run, cd(&run), |seed| seed.words(&words)).await?;
    wait_for_reset(&mut machine, limit).await?;

    let node = server.boot_installed(&run).await?;
    let old = node.blessed(SlotName::A).await?;
    let info = node.info().await?;
    ensure!(info.name == "from-afar", "the name is {:?}", info.name);
    let zone = node.root_shell()?.text("readlink /etc/localtime")?;
    ensure!(zone.ends_with("Europe/Berlin"), "the time zone is {zone}");
    node.off().await?;

    let next = Medium::Cd(run.next_image()?.iso().to_path_buf());
    let mut machine = server.start(&run, next, |seed| seed.words("upgrade")).await?;
    wait_for_reset(&mut machine, limit).await?;
    let node = server.boot_installed(&run).await?;
    let new = node.blessed(SlotName::B).await?;
    ensure!(new != old, "the version is still {new}");
    ensure!(node.info().await?.name == "from-afar");
    Ok(())
}
