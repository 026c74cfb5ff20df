//! `corbel install --auto`: what kernel words and seed of this boot ask for, by the unit that settle lets start. It writes nothing on
//! a guess: a word about disks that cannot be read ends it.
//!
//! What was done ends with a reboot, as in the ancestor. An upgrade to a version that is on the disk already is done too, and writes
//! nothing: a machine whose firmware starts it from the network again would else be written at each boot. Then there is a reboot
//! only when `local_boot_trigger` was told, because only then does it lead to the disk; without it, it would lead back here for ever.

use std::path::Path;
use std::time::Duration;

use corbel_client::Client;
use corbel_model::install::{Action, InstallRequest as Asked};
use corbel_model::seed;
use corbel_model::words::Words;
use corbel_node_api::{Disk, DiskMatch, InstallRequest, RebootRequest, UninstallRequest, UpgradeRequest};
use corbel_settle::{SEED_FILE, WORDS_FILE};
use corbel_sys::Cancel;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::follow;
use crate::interrupt::Interrupts;
use crate::printer::Printer;

const FILE_LIMIT: u64 = 1 << 20;
/// The answer of a trigger is read and forgotten.
const TRIGGER_LIMIT: u64 = 1 << 20;

/// What this boot was asked, as settle wrote it down.
struct Texts {
    words: String,
    document: Option<String>,
}

/// What shall be done, and then.
#[derive(Debug, PartialEq)]
struct Orders {
    work: Work,
    reboot_delay: Option<u32>,
    trigger: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Work {
    Install(Box<InstallRequest>),
    /// Of the system that is there. Where there is none, this installation, when a disk was named: the ancestor's word `local_boot`
    /// stands in the same PXE entry for the first boot of a machine and for all later ones.
    Upgrade(Option<Box<InstallRequest>>),
    Uninstall(UninstallRequest),
}

pub(super) async fn run(client: &Client, printer: &Printer, interrupts: &Interrupts) -> Result<(), Failure> {
    let result = work(client, printer, interrupts).await;
    if result.is_err() {
        printer.talk("what this boot was asked for was not done, and nothing more is done unasked: the reason follows");
    }
    result
}

async fn work(client: &Client, printer: &Printer, interrupts: &Interrupts) -> Result<(), Failure> {
    let orders = orders(&texts()?)?;
    let mut written = true;
    match &orders.work {
        Work::Install(request) => install(client, printer, interrupts, request).await?,
        Work::Upgrade(first) => {
            let disks = client.disks().await?;
            let empty = disks.iter().all(|disk| disk.live_medium || disk.installed.is_none());
            if let (true, Some(request)) = (empty, first) {
                install(client, printer, interrupts, request).await?;
            } else if let Some(sentence) = there_already(&disks, &client.node().await?.version) {
                printer.talk(&crate::table::tame(&sentence));
                written = false;
            } else {
                let request = UpgradeRequest {
                    medium: true,
                    ..UpgradeRequest::default()
                };
                client.upgrade(&request).await?;
                follow(client, printer, interrupts).await?;
            }
        }
        Work::Uninstall(request) => {
            super::show(printer, &client.uninstall(request).await?, false)?;
            follow(client, printer, interrupts).await?;
        }
    }
    let told = match orders.trigger {
        Some(url) => trigger(printer, client.node().await?.name, url).await,
        None => false,
    };
    if !written && !told {
        printer.talk(
            "no local_boot_trigger was told, so a reboot may lead back to this medium: start the node from its disk",
        );
        return Ok(());
    }
    let delay = orders.reboot_delay.unwrap_or(0);
    if delay > 0 {
        printer.talk(&format!("the node reboots in {delay} seconds"));
        tokio::time::sleep(Duration::from_secs(delay.into())).await;
    }
    client.reboot(RebootRequest::default()).await?;
    follow(client, printer, interrupts).await
}

/// Says what will be done, and does it.
async fn install(
    client: &Client,
    printer: &Printer,
    interrupts: &Interrupts,
    request: &InstallRequest,
) -> Result<(), Failure> {
    let dry = InstallRequest {
        dry_run: true,
        ..request.clone()
    };
    super::show(printer, &client.install(&dry).await?, false)?;
    super::begin(client, printer, interrupts, request).await
}

/// A sentence where the one system on the disks has this version, or waits for the first start of it. Several are the node's to refuse.
fn there_already(disks: &[Disk], version: &str) -> Option<String> {
    let mut found = disks
        .iter()
        .filter(|disk| !disk.live_medium)
        .filter_map(|disk| Some((&disk.path, disk.installed.as_ref()?)));
    let (path, installed) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    let is_it = |other: &Option<String>| other.as_deref() == Some(version);
    // Where another one is on trial the disk would start that, and the node says what it thinks of this one.
    if is_it(&installed.trial) {
        return Some(format!(
            "{path}: Corbel {version} is written and waits for its start; nothing is written"
        ));
    }
    let runs = installed.trial.is_none() && is_it(&installed.version);
    runs.then(|| format!("{path}: Corbel {version} is there already; nothing is written"))
}

fn texts() -> Result<Texts, Failure> {
    let read = |path: &str| {
        let bytes = corbel_sys::read_limited(Path::new(path), FILE_LIMIT).map_err(|e| Failure::new(Exit::Failed, e))?;
        Ok::<_, Failure>(String::from_utf8_lossy(&bytes).into_owned())
    };
    Ok(Texts {
        words: read(WORDS_FILE)?,
        document: Some(read(SEED_FILE)?),
    })
}

fn orders(texts: &Texts) -> Result<Orders, Failure> {
    let refused = |error: anyhow::Error| Failure::new(Exit::Refused, error);
    let words = Words::parse([texts.words.as_str()]);
    let document = texts.document.as_deref().map(seed::parse).transpose();
    let document = document.map_err(|error| refused(anyhow::Error::new(error).context("corbel.toml")))?;
    let answers = document.as_ref().and_then(|document| document.install.as_ref());
    if let Some(error) = words.install.errors.first() {
        return Err(refused(error.clone().into()));
    }
    let asked = Asked::unattended(&words, answers).map_err(|error| refused(error.into()))?;
    let installation = asked.map(|asked| {
        let mut request = InstallRequest::from(&asked);
        // It says all that words said about the node.
        request.document.clone_from(&texts.document);
        // Of the words only what the kernel needs goes into the boot entry, which everybody can read.
        request.words.splice(0..0, words.kept());
        Box::new(request)
    });
    let work = match words.install.action() {
        Some(Action::Upgrade) => Work::Upgrade(installation),
        Some(Action::Uninstall) => {
            let keep_data = words.install.keep_data.unwrap_or(true);
            // Those who keep VM storage may well name all their disks.
            let named = words.install.storage_init.as_ref().filter(|_| !keep_data);
            Work::Uninstall(UninstallRequest {
                keep_data,
                data: named.map_or_else(Vec::new, |init| init.data.iter().map(DiskMatch::from).collect()),
                ..UninstallRequest::default()
            })
        }
        Some(Action::Install | Action::Reinstall) | None => {
            let sentence =
                "neither kernel words nor the seed name a disk: give storage_init=DISK, or [install] in corbel.toml";
            Work::Install(installation.ok_or_else(|| Failure::say(Exit::Refused, sentence))?)
        }
    };
    Ok(Orders {
        work,
        reboot_delay: words.install.reboot_delay.or_else(|| answers?.reboot_delay),
        trigger: words.install.local_boot_trigger,
    })
}

/// Tells a server that this machine may boot from its own disk from now on. That it cannot be told keeps nobody from the reboot after
/// work that was done.
async fn trigger(printer: &Printer, name: String, url: String) -> bool {
    let url = url.replace("@HOSTNAME@", &name);
    let asked = tokio::task::spawn_blocking(move || {
        corbel_fetch::fetch(
            &url,
            TRIGGER_LIMIT,
            &mut std::io::sink(),
            &mut |_, _| {},
            &Cancel::new(),
        )
    });
    let said = match asked.await {
        Ok(Ok(_)) => {
            printer.talk("local_boot_trigger: the server was told");
            return true;
        }
        Ok(Err(error)) => format!("{:#}", anyhow::Error::new(error)),
        Err(error) => error.to_string(),
    };
    printer.talk(&format!("warning: local_boot_trigger: {said}"));
    false
}

#[cfg(test)]
mod tests {
    use corbel_node_api::InstallMode;

    use super::*;

    fn given(words: &str, document: Option<&str>) -> Result<Orders, String> {
        let texts = Texts {
            words: words.to_owned(),
            document: document.map(str::to_owned),
        };
        orders(&texts).map_err(|failure| failure.message().unwrap_or_default())
    }

    #[test]
    fn words_say_what_the_seed_left_open() {
        let document = "version = 1\nhostname = 'a'\n[install]\nboot = '/dev/sdb'\nreboot_delay = 5\n";
        let orders = given("quiet install storage_init=/dev/sda reboot_delay=9", Some(document)).unwrap();
        assert_eq!(orders.reboot_delay, Some(9));
        let Work::Install(request) = orders.work else {
            panic!("{orders:?}")
        };
        assert_eq!(request.boot.path.as_deref(), Some("/dev/sda"));
        assert_eq!(request.mode, InstallMode::Install);
        assert_eq!(request.document.as_deref(), Some(document));
        assert!(request.keep_data && !request.dry_run);
    }

    /// `/config/words` and the boot entry are read by every process of the node, and `/proc/cmdline` too.
    #[test]
    fn no_secret_gets_into_the_kernel_words_of_the_installed_system() {
        let hash = "$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC";
        let words = format!(
            "BOOT_IMAGE=/x quiet install storage_init=/dev/sda BOOTIF=eno1 ip=dhcp hostname=b adminpw={hash} rootpw={hash} snmp_password=x \
             corbel.token_sha256={0} adminpasword=x console=ttyS1,115200 crashkernel=256M intel_iommu=on",
            "ab".repeat(32)
        );
        let document = "version = 1\n[install]\nboot = '/dev/sdb'\nwords = 'hugepages=8'\n";
        let Work::Install(request) = given(&words, Some(document)).unwrap().work else {
            panic!("an installation was asked for")
        };
        assert_eq!(
            request.words,
            [
                "console=ttyS1,115200",
                "crashkernel=256M",
                "intel_iommu=on",
                "hugepages=8"
            ]
        );
    }

    #[test]
    fn upgrade_and_uninstall_need_no_disk() {
        assert_eq!(given("upgrade", None).unwrap().work, Work::Upgrade(None));
        // The first boot of the ancestor's PXE entry finds an empty disk.
        let first = given("storage_init=/dev/vda local_boot", None).unwrap().work;
        assert!(
            matches!(&first, Work::Upgrade(Some(request)) if request.boot.path.as_deref() == Some("/dev/vda")),
            "{first:?}"
        );
        let removal = |words| match given(words, None).unwrap().work {
            Work::Uninstall(request) => request,
            work => panic!("{work:?}"),
        };
        assert_eq!(removal("uninstall"), UninstallRequest::default());
        assert!(!removal("uninstall corbel.keep_data=no").keep_data);
        assert_eq!(removal("uninstall storage_init=/dev/sda;/dev/sdb").data, []);
        let request = removal("uninstall storage_init=/dev/sda;/dev/sdb corbel.keep_data=no");
        assert_eq!(request.data, [DiskMatch::path("/dev/sdb")]);
    }

    #[test]
    fn a_version_that_is_there_is_not_written_again() {
        let disk = |path: &str, version: &str, trial: Option<&str>| -> Disk {
            let text = serde_json::json!({
                "path": path, "size": 8_000_000_000_u64, "sector_size": 512, "removable": false, "read_only": false,
                "contents": "", "live_medium": false, "target": "usable",
                "installed": {"version": version, "trial": trial},
            });
            serde_json::from_value(text).unwrap()
        };
        let there = |disks: &[Disk]| there_already(disks, "0.2.0");
        let sentence = there(&[disk("/dev/sda", "0.2.0", None)]).unwrap();
        assert!(sentence.contains("is there already"), "{sentence}");
        let sentence = there(&[disk("/dev/sda", "0.1.0", Some("0.2.0"))]).unwrap();
        assert!(sentence.contains("waits for its start"), "{sentence}");
        assert_eq!(there(&[disk("/dev/sda", "0.1.0", None)]), None);
        assert_eq!(there(&[disk("/dev/sda", "0.2.0", Some("0.3.0"))]), None);
        assert_eq!(
            there(&[disk("/dev/sda", "0.2.0", None), disk("/dev/sdb", "0.2.0", None)]),
            None
        );
        assert_eq!(there(&[]), None);
    }

    #[test]
    fn nothing_is_installed_on_a_guess() {
        assert!(given("install", None).unwrap_err().contains("storage_init"));
        let error = given("install storage_init=sda,,;;", None).unwrap_err();
        assert!(error.starts_with("storage_init"), "{error}");
        assert!(
            given("install", Some("version = 1\n[instal]\n"))
                .unwrap_err()
                .starts_with("corbel.toml")
        );
    }
}
