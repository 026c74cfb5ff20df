//! One run of a test or a program: where the image is, where logs go, how machines are accelerated. Read from the
//! environment, which `cargo xtask` sets.

use std::{
    fs::{File, TryLockError},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, bail};

use crate::{Accel, Image};

/// What every machine of a run shares.
#[derive(Debug)]
pub struct Run {
    image: Image,
    next: Option<PathBuf>,
    logs: PathBuf,
    accel: Accel,
    machines: AtomicU32,
    /// Held until the run ends: as long as that its folder is nobody else's.
    _claim: File,
}

impl Run {
    /// For a test: from `CORBEL_IMAGE`, `CORBEL_LOGS` and `CORBEL_ACCEL`.
    ///
    /// # Errors
    /// When they are not set or do not lead to an image: these tests need what `cargo xtask e2e` does first.
    pub fn from_environment(test: &str) -> anyhow::Result<Self> {
        let image =
            std::env::var_os("CORBEL_IMAGE").context("CORBEL_IMAGE is not set: start this by `cargo xtask e2e`")?;
        let logs = std::env::var_os("CORBEL_LOGS").map_or_else(std::env::temp_dir, PathBuf::from);
        let choice = std::env::var("CORBEL_ACCEL").unwrap_or_else(|_| "auto".to_owned());
        Self::new(Path::new(&image), &logs, test, &choice)
    }

    /// A run whose logs go to the folder `name` in `logs`; `choice` is `auto`, `kvm` or `tcg`.
    ///
    /// # Errors
    /// When there is no image, no place for logs, another run has that place, or KVM was asked for and does not work.
    pub fn new(image: &Path, logs: &Path, name: &str, choice: &str) -> anyhow::Result<Self> {
        let image = Image::open(image)?;
        let own = logs.join(name);
        let claim = claim(logs, name)?;
        if own.exists() {
            std::fs::remove_dir_all(&own).with_context(|| format!("cannot remove old logs in {}", own.display()))?;
        }
        std::fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
        let logs = own.canonicalize()?;
        let accel = Accel::choose(choice, &image, &logs)?;
        Ok(Self {
            image,
            next: std::env::var_os("CORBEL_IMAGE_NEXT").map(PathBuf::from),
            logs,
            accel,
            machines: AtomicU32::new(0),
            _claim: claim,
        })
    }

    /// With this folder as the newer image.
    #[must_use]
    pub fn with_next(mut self, image: &Path) -> Self {
        self.next = Some(image.to_path_buf());
        self
    }

    /// The image under test.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// A newer image that the one under test can be upgraded to.
    ///
    /// # Errors
    /// When `CORBEL_IMAGE_NEXT` is not set or does not lead to an image.
    pub fn next_image(&self) -> anyhow::Result<Image> {
        let folder = self
            .next
            .as_deref()
            .context("CORBEL_IMAGE_NEXT is not set: start this by `cargo xtask e2e`")?;
        Image::open(folder)
    }

    /// Where this run's logs are; a failure names it.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// How machines are run.
    pub fn accel(&self) -> Accel {
        self.accel
    }

    /// A new folder for the files of one machine.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn machine_folder(&self) -> anyhow::Result<PathBuf> {
        let number = self.machines.fetch_add(1, Ordering::Relaxed) + 1;
        let folder = self.logs.join(format!("machine-{number}"));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// A file of this text beside the logs, to be given to a node.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let file = self.logs.join(name);
        keep(&file, text)?;
        Ok(file)
    }
}

/// Locks (flock(2)) a file beside the folder `name` in `logs`, until the file is dropped or its process ends, however it does: the
/// folder holds the keys and sockets of a node that may still run.
fn claim(logs: &Path, name: &str) -> anyhow::Result<File> {
    std::fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let path = logs.join(format!("{name}.lock"));
    let file = File::options().write(true).create(true).truncate(false).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "another run still uses {}: end it, or wait until it has ended",
            logs.join(name).display()
        ),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Runs a tool of the host to its end and gives what it printed.
///
/// # Errors
/// When it is missing or ends with anything but 0; then with what it said.
pub fn tool(name: &str, arguments: impl FnOnce(&mut Command) -> &mut Command) -> anyhow::Result<String> {
    #[allow(clippy::disallowed_methods)] // e2e may not use the host room
    let mut command = Command::new(name);
    arguments(&mut command).stdin(Stdio::null());
    // Debian keeps the makers of file systems out of a user's PATH.
    let path = std::env::var("PATH").unwrap_or_default();
    let output = command.env("PATH", format!("{path}:/usr/sbin:/sbin")).output();
    let output = output.with_context(|| format!("cannot start {name}: `cargo xtask packages` installs it"))?;
    if !output.status.success() {
        bail!(
            "{name} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Writes a file of this run; readable by us alone, since keys are among them.
///
/// # Errors
/// When it cannot be written.
pub fn keep(path: &Path, text: &str) -> anyhow::Result<()> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_runs_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (image, logs) = (folder.path(), folder.path().join("up"));
        File::create(image.join("a.iso")).unwrap();
        let first = Run::new(image, &logs, "node", "tcg").unwrap();
        first.file("key", "secret").unwrap();

        let refused = Run::new(image, &logs, "node", "tcg").unwrap_err().to_string();
        assert!(refused.contains(&logs.join("node").display().to_string()), "{refused}");
        assert!(first.logs().join("key").exists(), "the running node lost its files");
        let other = Run::new(image, &logs, "other", "tcg").unwrap();

        drop((first, other));
        let next = Run::new(image, &logs, "node", "tcg").unwrap();
        assert!(!next.logs().join("key").exists());
    }
}
