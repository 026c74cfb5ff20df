//! Installing from what this system runs from, and giving disks back.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use corbel_agent::SystemError;
use corbel_agent::security::Signer;
use corbel_install::{BOOT_FILES, BootFiles, InstallError, System};
use corbel_model::install::{InstallRequest, UninstallRequest};
use corbel_plan::install::{UninstallPlan, beyond_release};
use corbel_progress::Sink;
use corbel_release::release::{KeySet, Policy, Refusal, Signed, signed};
use corbel_sys::{Cancel, chain};
use corbel_upgrade::{Release, load_keys};

use super::slots::{ARCHITECTURE, KEYS, NAME, ReadOnly};
use super::{disks, failed, refused, removal};

const BLOCK: &str = "/sys/class/block";

/// The release that this system runs from. That it is not signed is no obstacle: somebody has started the machine from it. A signature
/// that is there must be right: what does not fit it was changed or damaged.
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
    let folder = Path::new(disks::NETWORK_RELEASE);
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
    let opened = opened.map_err(|error| refused(chain(&error)))?;
    if is_wrong(opened.signed(), &keys) {
        let version = opened.manifest().version.clone();
        return Err(refused(Refusal::WrongSignature { version }.to_string()));
    }
    Ok(opened)
}

/// An image without a key cannot check what signed it later.
fn is_wrong(signed: &Signed, keys: &KeySet) -> bool {
    *signed == Signed::Wrong && !keys.is_empty()
}

/// Who signed the medium that this system runs from. `None` where there is no medium.
pub(super) fn signer() -> Option<Signer> {
    let boot = disks::boot();
    if !matches!(boot.source.as_deref(), Some("cd" | "disk" | "network")) {
        return None;
    }
    let keys = load_keys(Path::new(KEYS)).unwrap_or_default();
    let manifest = disks::manifest(boot.medium.as_deref())?;
    let signature = disks::signature(boot.medium.as_deref());
    let signature = signature.as_deref().map(String::from_utf8_lossy);
    Some(match signed(&manifest, signature.as_deref(), &keys) {
        Signed::By(key) => Signer::Key(key),
        Signed::Not | Signed::Wrong => Signer::Nobody,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_medium_need_not_be_signed_but_not_wrongly() {
        let mut keys = KeySet::new();
        assert!(!is_wrong(&Signed::Wrong, &keys), "there is nothing to check it with");
        let key = "RWSi/QMo8YPle4i8GB2z7JohBdQ4zqBVPNmPV/a52ewcBV6hvH6yncMc";
        keys.add("a.pub", key).unwrap();
        assert!(is_wrong(&Signed::Wrong, &keys));
        assert!(!is_wrong(&Signed::Not, &keys));
        assert!(!is_wrong(&Signed::By("a.pub".to_owned()), &keys));
    }
}
