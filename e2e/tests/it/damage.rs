//! A root that is not what the kernel command line vouches for never becomes a running system.

use std::time::Duration;

use anyhow::Context as _;
use corbel_client::{RemoteHost, fetch_fingerprint};
use corbel_e2e::{Firmware, Machine, MachineSpec, Medium, Run, until};

/// Longer than a sound image needs to its API, with KVM.
const LIMIT: Duration = Duration::from_secs(120);
/// For one look at the API's port.
const LOOK: Duration = Duration::from_secs(2);

/// Boots an ISO with these bytes of its root inverted; passes when the machine resets (QEMU then ends) before any API answers.
async fn refused(test: &str, firmware: Firmware, places: impl Fn(u64) -> Vec<u64>) -> anyhow::Result<()> {
    let run = Run::from_environment(test)?;
    let folder = run.machine_folder()?;
    // Beside the logs, but gone afterwards: it is as big as the image.
    let copy = tempfile::Builder::new().suffix(".iso").tempfile_in(&folder)?;
    let damaged = run.image().damaged(copy.path(), places(run.image().root()?.length))?;
    let spec = MachineSpec::new(Medium::Cd(damaged.iso().to_path_buf())).firmware(firmware);
    let mut machine = Machine::start(&spec, &folder, run.accel()).await?;
    let port = machine.place().api_port;
    let ended = until("the machine to give up", LIMIT * run.accel().patience(), async || {
        let node = RemoteHost {
            host: "127.0.0.1".to_owned(),
            port,
        };
        let answer = fetch_fingerprint(&node, LOOK).await;
        anyhow::ensure!(answer.is_err(), "an API answers on a damaged root");
        Ok(machine.ended()?)
    });
    ended.await.with_context(|| machine.evidence())?;
    let said = machine.serial().text();
    anyhow::ensure!(
        said.contains("corrupt") || said.contains("damaged"),
        "no message; {}",
        machine.evidence()
    );
    Ok(())
}

#[tokio::test]
async fn one_flipped_byte_in_the_first_block_on_bios() -> anyhow::Result<()> {
    refused("damage-first-block", Firmware::Bios, |_| vec![100]).await
}

/// Seldom enough that mounting succeeds, often enough that no program starts without meeting one.
#[tokio::test]
async fn flipped_bytes_all_over_on_uefi() -> anyhow::Result<()> {
    let every = 192 * 1024;
    refused("damage-all-over", Firmware::Uefi, |length| {
        (1..length / every).map(|number| number * every).collect()
    })
    .await
}
