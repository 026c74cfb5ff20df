//! Installing from what this system runs from, and giving disks back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use corbel_agent::SystemError;
use corbel_install::{BOOT_FILES, BootFiles, InstallError, System};
use corbel_model::install::{InstallRequest, UninstallRequest};
use corbel_plan::install::{UninstallPlan, beyond_release};
use corbel_progress::Sink;
use corbel_release::release::Policy;
use corbel_sys::Cancel;
use corbel_upgrade::{Release, load_keys};

use super::slots::{ARCHITECTURE, KEYS, NAME, ReadOnly};
use super::{disks, failed, refused, removal, sentence};

/// What a network boot left of its release.
const NETWORK_RELEASE: &str = "/run/corbel/release";
const BLOCK: &str = "/sys/class/block";

/// The release that this system runs from. That it is not signed is no obstacle: somebody has started the machine from it.
pub(super) fn release(adjust: impl FnOnce(&mut Policy)) -> Result<Release, SystemError> {
    let keys = load_keys(Path::new(KEYS)).map_err(|error| failed("reading the keys of this image", &error))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let mut policy = Policy {
        allow_unsigned: true,
        ..Policy::strict(now, NAME, ARCHITECTURE)
    };
    adjust(&mut policy);
    let open = |path: &Path| {
        let file = File::open(path).map_err(|error| failed("opening the medium of this system", &error))?;
        Ok::<_, SystemError>(Arc::new(ReadOnly(file)))
    };
    let folder = Path::new(NETWORK_RELEASE);
    let opened = if folder.is_dir() {
        let root = root_device().ok_or_else(|| refused("the root image of this system was not found"))?;
        Release::open_folder(folder, open(&root)?, &keys, &policy)
    } else {
        let boot = disks::boot();
        let medium = match (boot.source.as_deref(), boot.medium) {
            (Some("cd" | "disk"), Some(medium)) => medium,
            _ => {
                return Err(refused(
                    "this system does not run from a medium that it could be installed from",
                ));
            }
        };
        Release::open(open(Path::new(&medium))?, &keys, &policy)
    };
    opened.map_err(|error| refused(sentence(&error)))
}

/// The loop device below the verified root of a network boot: it holds the whole root image.
fn root_device() -> Option<PathBuf> {
    let list = |path: &Path| {
        let entries = std::fs::read_dir(path).ok();
        let names = entries.into_iter().flatten().flatten().map(|entry| entry.file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    let mapped = list(Path::new(BLOCK))
        .into_iter()
        .filter(|name| name.starts_with("dm-"));
    let below = mapped.flat_map(|name| list(&Path::new(BLOCK).join(name).join("slaves")));
    let found = below.into_iter().find(|name| name.starts_with("loop"))?;
    Some(Path::new("/dev").join(found))
}

fn of_install(error: InstallError) -> SystemError {
    match error {
        InstallError::Cancelled => SystemError::Cancelled,
        error => failed("the work on the disks", &error),
    }
}

pub(super) fn install(request: &InstallRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError> {
    let release = release(|_| {})?;
    let files = BootFiles::load(Path::new(BOOT_FILES)).map_err(|error| failed("reading the boot loaders", &error))?;
    let mut plan = disks::installation(request)?;
    plan.words = beyond_release(&release.manifest().words, &plan.words);
    let system = System {
        release: &release,
        images: files.images(),
    };
    corbel_install::install(&plan, &system, &corbel_install::Machine, sink, cancel).map_err(of_install)
}

pub(super) fn removes_itself(request: &UninstallRequest) -> Result<bool, SystemError> {
    disks::removal(request).map(|plan| is_of(&plan))
}

/// Whether this system runs from a disk of the plan.
fn is_of(plan: &UninstallPlan) -> bool {
    let boot = disks::boot();
    boot.source.as_deref() == Some("installed")
        && plan.disks.iter().any(|disk| Some(&disk.path) == boot.medium.as_ref())
}

pub(super) fn uninstall(request: &UninstallRequest, sink: &dyn Sink, cancel: &Cancel) -> Result<(), SystemError> {
    let plan = disks::removal(request)?;
    if is_of(&plan) {
        removal::let_go(sink)?;
    }
    corbel_install::uninstall(&plan, &corbel_install::Machine, sink, cancel).map_err(of_install)
}
