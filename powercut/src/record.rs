//! Records what a real node does to its disk, in QEMU: install by words, saves of the configuration, upgrade, the first boot of
//! the new version, rollback and uninstall. Each boot is a recording of its own, from the firmware on, because loaders write too.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use corbel_e2e::{Firmware, Medium, Run, Server, installed::PASSWORD, run, talk::Progress};
use corbel_model::seed;
use corbel_node_api::{ConfigRequest, RollbackRequest, SlotName, UninstallRequest};

use crate::recording::{ABOUT, About, BEFORE, LOG, Operation};
use crate::{boot::boot_states, report::Booted};

/// The smallest disk that a node boots from.
const DISK: u64 = 8_000_000_000;
/// What installs without a person.
const WORDS: &str = "install storage_init=/dev/vda BOOTIF=link hostname=powercut reboot_delay=0";
/// The host name in them.
const NAME: &str = "powercut";
/// Saves of the configuration in their recording: each is a few dozen writes.
const SAVES: u32 = 5;
/// The save that brings a user with a password, and the one that takes it out.
const COMES: u32 = 2;
const GOES: u32 = 4;

/// In the folder of a firmware's recordings: the states that were booted, a list of [`Booted`].
pub const BOOTED: &str = "booted.json";

/// Records everything below `out`, and boots `boots` states of the upgrade.
///
/// # Errors
/// When a boot or an operation fails; then nothing is proved.
pub async fn record(run: &Run, firmware: Firmware, out: &Path, boots: usize) -> anyhow::Result<()> {
    let next = run.next_image()?;
    let (old, new) = (run.image().iso().to_path_buf(), next.iso().to_path_buf());
    let mut recorder = Recorder {
        run,
        server: Server::new(run, firmware, DISK)?,
        out: out.to_path_buf(),
        recordings: Vec::new(),
        progress: Progress::start(),
    };
    recorder.install(&old).await?;
    recorder.save(&old).await?;
    recorder.upgrade(&old, &new).await?;
    let booted = recorder.boot(firmware, boots).await?;
    run::keep(&out.join(BOOTED), &serde_json::to_string_pretty(&booted)?)?;
    recorder.first_boot(&old, &new, SlotName::B).await?;
    recorder.rollback(&new, &old).await?;
    recorder.first_boot(&new, &old, SlotName::A).await?;
    recorder.uninstall(&old).await
}

struct Recorder<'a> {
    run: &'a Run,
    server: Server,
    out: PathBuf,
    recordings: Vec<PathBuf>,
    progress: Progress,
}

impl Recorder<'_> {
    /// Keeps the disk as it is and lets the next boot log its writes.
    fn begin(&mut self, operation: Operation, old: Option<&Path>, new: Option<&Path>) -> anyhow::Result<()> {
        let number = self.recordings.len() + 1;
        let name = operation.name().replace(' ', "-");
        self.progress
            .reached(&format!("recording {number}: {}", operation.name()));
        let folder = self.out.join(format!("{number}-{name}"));
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let log = folder.join(LOG);
        File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let disk = self.server.disks().first_mut().context("the server has no disk")?;
        run::tool("cp", |cp| {
            cp.arg("--sparse=always").arg(&disk.file).arg(folder.join(BEFORE))
        })?;
        disk.log = Some(log);
        let about = About {
            operation,
            old: old.map(Path::to_path_buf),
            new: new.map(Path::to_path_buf),
        };
        run::keep(&folder.join(ABOUT), &serde_json::to_string_pretty(&about)?)?;
        self.recordings.push(folder);
        Ok(())
    }

    async fn install(&mut self, new: &Path) -> anyhow::Result<()> {
        self.begin(Operation::Install, None, Some(new))?;
        self.server.install(self.run, WORDS).await
    }

    async fn save(&mut self, version: &Path) -> anyhow::Result<()> {
        self.begin(Operation::ConfigurationSave, Some(version), Some(version))?;
        let node = self.server.boot_installed(self.run).await?;
        node.blessed(SlotName::A).await?;
        let mut name = NAME.to_owned();
        for number in 1..=SAVES {
            let config = node.api().config().await?;
            let next = format!("{NAME}-{number}");
            let document = config.document.replace(&format!("\"{name}\""), &format!("\"{next}\""));
            ensure!(document != config.document, "{name} is not in the document");
            // A user comes with a password and goes again, so that secrets are written before a document and forgotten after one.
            let document = match number {
                COMES => document + "\n[[users]]\nname = \"ada\"\nrole = \"viewer\"\n",
                GOES => seed::unset(&document, "users[ada]").context("nobody is there")?,
                _ => document,
            };
            let user = (number == COMES).then(|| ("ada".to_owned(), PASSWORD.to_owned()));
            name = next;
            let request = ConfigRequest {
                document,
                // The judge wants it from the first save on.
                admin_password: (number == 1).then(|| PASSWORD.to_owned()),
                user_passwords: user.into_iter().collect(),
                confirm_seconds: Some(0),
                comment: Some("recorded".to_owned()),
                ..ConfigRequest::default()
            };
            let saved = node.api().apply_config(None, &request).await;
            saved.context("saving the configuration")?;
        }
        node.off().await
    }

    async fn upgrade(&mut self, old: &Path, new: &Path) -> anyhow::Result<()> {
        self.begin(Operation::Upgrade, Some(old), Some(new))?;
        let node = self.server.boot_installed(self.run).await?;
        node.blessed(SlotName::A).await?;
        node.upgrade(new).await
    }

    /// Boots states of the latest recording.
    async fn boot(&mut self, firmware: Firmware, count: usize) -> anyhow::Result<Vec<Booted>> {
        let folder = self.recordings.last().context("nothing was recorded")?;
        boot_states(self.run, &mut self.server, firmware, folder, count).await
    }

    async fn first_boot(&mut self, old: &Path, new: &Path, slot: SlotName) -> anyhow::Result<()> {
        self.begin(Operation::FirstBoot, Some(old), Some(new))?;
        let node = self.server.boot_installed(self.run).await?;
        node.blessed(slot).await?;
        node.off().await
    }

    async fn rollback(&mut self, old: &Path, new: &Path) -> anyhow::Result<()> {
        self.begin(Operation::Rollback, Some(old), Some(new))?;
        let node = self.server.boot_installed(self.run).await?;
        let request = RollbackRequest {
            reboot: true,
            fast: false,
        };
        node.api().rollback(request).await?;
        node.reset().await.context("the rollback")
    }

    async fn uninstall(&mut self, old: &Path) -> anyhow::Result<()> {
        self.begin(Operation::Uninstall, Some(old), None)?;
        let medium = Medium::Cd(old.to_path_buf());
        let node = self.server.boot(self.run, medium, |seed| seed).await?;
        let request = UninstallRequest {
            keep_data: false,
            ..UninstallRequest::default()
        };
        node.api().uninstall(&request).await?;
        node.done(node.limit(120)).await?;
        node.off().await
    }
}
