//! Installed and upgraded by the wizard, driven through the serial console as a person types.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use corbel_e2e::{
    Firmware, Medium, Node, Person, Run, Server,
    installed::PASSWORD,
    person::{CLEAR, DOWN, ENTER, ESC, RIGHT, SPACE},
    run::tool,
    server::wait_for_reset,
};
use corbel_node_api::SlotName;

use super::{DISK, cd};

const DATA_DISK: u64 = DISK;

#[tokio::test]
async fn installs_and_upgrades_on_uefi() -> anyhow::Result<()> {
    let run = Run::from_environment("wizard-uefi")?;
    by_hand(&run, Firmware::Uefi).await
}

#[tokio::test]
async fn installs_and_upgrades_on_bios() -> anyhow::Result<()> {
    let run = Run::from_environment("wizard-bios")?;
    by_hand(&run, Firmware::Bios).await
}

async fn by_hand(run: &Run, firmware: Firmware) -> anyhow::Result<()> {
    let mut server = Server::new(run, firmware, DISK)?;
    server.add_disk(DATA_DISK)?;
    let patience = Duration::from_secs(60) * run.accel().patience();
    let mut machine = server.start(run, cd(run), |seed| seed).await?;
    let mut person = Person::at(&mut machine, patience)?;
    install(&mut person).await?;
    wait_for_reset(&mut machine, patience).await?;

    let node = server.boot_installed(run).await?;
    let old = node.blessed(SlotName::A).await?;
    let keys = node
        .root_shell()?
        .text("cat /etc/corbel/keyboard && systemctl is-active corbel-keyboard.service")?;
    ensure!(
        keys.contains("KEYMAP=de") && keys.ends_with("\nactive"),
        "the keyboard: {keys}"
    );
    ensure!(knows(node.place().api_port, PASSWORD)?, "the password is not known");
    has_the_data_disk(&node).await?;
    ensure!(!knows(node.place().api_port, "plum-tr3e")?, "another password is known");
    node.off().await?;

    let next = Medium::Cd(run.next_image()?.iso().to_path_buf());
    let mut machine = server.start(run, next, |seed| seed).await?;
    let mut person = Person::at(&mut machine, patience)?;
    upgrade(&mut person, &old).await?;
    wait_for_reset(&mut machine, patience).await?;

    let node = server.boot_installed(run).await?;
    let new = node.blessed(SlotName::B).await?;
    ensure!(new != old, "the version is still {new}");
    ensure!(knows(node.place().api_port, PASSWORD)?, "the password is not kept");
    has_the_data_disk(&node).await?;
    node.api().vm("far").await.context("the VM on the data disk")?;
    Ok(())
}

/// Its pool is there, and a VM's disk can be in it.
async fn has_the_data_disk(node: &Node) -> anyhow::Result<()> {
    let pools = node.api().pools().await?;
    let further = pools.iter().find(|pool| pool.name == "data2");
    let further = further.with_context(|| format!("no pool data2 among {pools:?}"))?;
    ensure!(further.active && further.path == "/data2/images", "{further:?}");
    ensure!(further.capacity > DATA_DISK / 2, "{further:?}");
    if node.api().vms().await?.is_empty() {
        let spec = serde_json::json!({
            "name": "far", "memory": "64 MiB", "disks": [{ "volume": "data2/far.qcow2", "size": "16 MiB" }]
        });
        node.api().create_vm(&serde_json::from_value(spec)?).await?;
    }
    let volumes = node.api().volumes().await?;
    ensure!(
        volumes.iter().any(|volume| volume.path == "/data2/images/far.qcow2"),
        "{volumes:?}"
    );
    ensure!(
        node.info().await?.warnings.is_empty(),
        "{:?}",
        node.info().await?.warnings
    );
    Ok(())
}

async fn install(person: &mut Person<'_>) -> anyhow::Result<()> {
    person.sees(&["Welcome", "> Install Corbel"]).await?;
    person.insists(DOWN, &["> Show the hardware"]).await?.types(ENTER)?;
    person.sees(&["Hardware", "DISKS", "/dev/vda"]).await?.types(ESC)?;
    person.sees(&["Welcome", "> Install Corbel"]).await?.types(ENTER)?;
    person
        .sees(&["Install: keyboard", "> (*) English (US)"])
        .await?
        .types("german")?;
    person.sees(&["[german_", "> ( ) German"]).await?.types(ENTER)?;
    person
        .sees(&["Install: boot device", "> ( ) /dev/vda"])
        .await?
        .types(ENTER)?;
    person
        .sees(&["Install: data devices", "> [ ] /dev/vdb"])
        .await?
        .types(SPACE)?;
    person.sees(&["> [x] /dev/vdb"]).await?.types(ENTER)?;
    person.sees(&["Install: sizes", "Remaining"]).await?.types(ENTER)?;
    person
        .sees(&["Install: confirm", "Nothing that is on the disks is lost.", "[>Back<]"])
        .await?
        .types(ESC)?;
    // Back once, and forward again: what was chosen stays chosen.
    person.sees(&["Install: sizes", "Remaining"]).await?.types(ENTER)?;
    person.sees(&["Install: confirm", "[>Back<]"]).await?.types(RIGHT)?;
    person.sees(&["[>Install<]"]).await?.types(ENTER)?;
    person.sees(&["Install: password"]).await?.types(PASSWORD)?;
    person.sees(&["[*********_"]).await?.types(ENTER)?;
    person.sees(&["> The same once more"]).await?.types(PASSWORD)?;
    person.sees(&["[*********_"]).await?.types(ENTER)?;
    person.sees(&["Install Corbel", "%", "[>Stop<]"]).await?;
    person
        .sees(&["Corbel is installed.", "[>Reboot<]"])
        .await?
        .types(ENTER)?;
    Ok(())
}

async fn upgrade(person: &mut Person<'_>, old: &str) -> anyhow::Result<()> {
    let offer = format!("> Upgrade {old} to");
    person.sees(&["Welcome", &offer]).await?.types(ENTER)?;
    person.sees(&["Upgrade: confirm", "[>Back<]"]).await?.types(RIGHT)?;
    person.sees(&["[>Upgrade<]"]).await?.types(ENTER)?;
    person.sees(&["Upgrade: password"]).await?.types("wrong-Tr3e")?;
    person.sees(&["[**********_"]).await?.types(ENTER)?;
    person.sees(&["is not the password"]).await?.types(CLEAR)?;
    person.sees(&["[_"]).await?.types(PASSWORD)?;
    person.sees(&["[*********_"]).await?.types(ENTER)?;
    person.sees(&["[>Reboot<]"]).await?.types(ENTER)?;
    Ok(())
}

/// Whether the API lets `admin` in with this password.
fn knows(port: u16, password: &str) -> anyhow::Result<bool> {
    let url = format!("https://127.0.0.1:{port}/v1/node");
    let said = tool("curl", |curl| {
        curl.args([
            "--silent",
            "--insecure",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
        ])
        .args(["--user", &format!("admin:{password}"), &url])
    })?;
    Ok(said == "200")
}
