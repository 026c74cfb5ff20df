//! The two layers that mmdebstrap makes, both as tar: the installed packages, and the unpacked tools.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_release::lock::{Lock, Locked};
use corbel_sys::{Program, write_atomic};

use crate::BuildError;
use crate::cache::{Key, layer};
use crate::fetch;
use crate::recipe::{Loaded, OverlayContent};
use crate::report::Step;
use crate::scratch::{Scratch, temporary};

/// Users and groups of our own are made together with those of the packages.
const SYSUSERS: &str = "usr/lib/sysusers.d/corbel.conf";

/// Installed packages: `<layer>/packages.tar`, with the package database still in it.
pub(crate) fn installed(cache: &Path, lock: &Lock, recipe: &Loaded, step: &Step<'_>) -> Result<PathBuf, BuildError> {
    let sysusers = match recipe.overlay.get(SYSUSERS).map(|file| &file.content) {
        Some(OverlayContent::Bytes(bytes)) => bytes.clone(),
        _ => return Err(BuildError::content(format!("the recipe's overlay has no {SYSUSERS}"))),
    };
    let key = locked_key("packages-3", lock, &lock.image).with(&sysusers);
    let (folder, cached) = layer(cache, "packages", key, step, |folder| {
        let stage = stage()?;
        // Beside the packages, where mmdebstrap's own users may read it; a home folder they may not.
        let users = stage.path().join("sysusers.conf");
        write_atomic(&users, &sysusers, 0o644)?;
        let names: Vec<_> = recipe.packages.package.iter().map(|p| p.name.as_str()).collect();
        let program = Program::new("mmdebstrap")
            .args(["--variant=custom", &format!("--include={}", names.join(","))])
            .arg(format!(
                "--customize-hook=mkdir -p \"$1\"/usr/lib/sysusers.d && cp {} \"$1\"/{SYSUSERS}",
                users.display()
            ))
            .arg("--customize-hook=chroot \"$1\" systemd-sysusers");
        let tar = folder.join("packages.tar");
        bootstrap(cache, lock, &lock.image, program, stage.path(), &tar, step)
    })?;
    if cached {
        step.cached();
    }
    Ok(folder.join("packages.tar"))
}

/// The tools tree: `<layer>/tree`, unpacked without running anything of it.
pub(crate) fn tools(cache: &Path, lock: &Lock, recipe: &Loaded, step: &Step<'_>) -> Result<PathBuf, BuildError> {
    let key = locked_key("tools-1", lock, &lock.tools);
    let (folder, cached) = layer(cache, "tools", key, step, |folder| {
        let names: Vec<_> = recipe.tools.package.iter().map(|p| p.name.as_str()).collect();
        let program = Program::new("mmdebstrap").args(["--variant=extract", &format!("--include={}", names.join(","))]);
        let tar = folder.join("tools.tar");
        let stage = stage()?;
        bootstrap(cache, lock, &lock.tools, program, stage.path(), &tar, step)?;
        unpack(&tar, &folder.join("tree"))?;
        fs::remove_file(&tar).map_err(BuildError::io("remove", &tar))
    })?;
    if cached {
        step.cached();
    }
    Ok(folder.join("tree"))
}

fn locked_key(kind: &str, lock: &Lock, packages: &[Locked]) -> Key {
    packages.iter().fold(
        Key::new(kind).with(&lock.suite).with(lock.epoch.to_le_bytes()),
        |key, p| key.with(&p.name).with(&p.sha256),
    )
}

/// A folder for a repository and for mmdebstrap's own temporary files. mmdebstrap's user namespace maps other ids than ours:
/// everyone must be able to reach what it reads.
fn stage() -> Result<Scratch, BuildError> {
    let stage = Scratch::new(&temporary(), "corbel-packages-")?;
    let tmp = stage.path().join("tmp");
    fs::create_dir(&tmp)
        .and_then(|()| fs::set_permissions(&tmp, fs::Permissions::from_mode(0o755)))
        .map_err(BuildError::io("make", &tmp))?;
    Ok(stage)
}

/// Run mmdebstrap against a repository that holds exactly the locked files.
fn bootstrap(
    cache: &Path,
    lock: &Lock,
    packages: &[Locked],
    program: Program,
    stage: &Path,
    tar: &Path,
    step: &Step<'_>,
) -> Result<(), BuildError> {
    step.note(format!("checking {} packages", packages.len()));
    repository(cache, packages, stage, step)?;
    let program = program
        .args(["--mode=auto", "--architectures=amd64", "--format=tar"])
        // A plain container cannot mount these, and what package scripts do depends on them (systemd-tmpfiles needs /proc):
        // nobody gets them, so that root, user and container make the same tree. At boot, tmpfiles.d makes what is missing.
        .arg("--skip=chroot/mount/proc,chroot/mount/sys")
        .arg("--aptopt=APT::Install-Recommends \"false\"")
        .arg(&lock.suite)
        .arg(tar)
        .arg(format!("deb [trusted=yes] copy://{} ./", stage.display()))
        .env("TMPDIR", stage.join("tmp"))
        .env("SOURCE_DATE_EPOCH", lock.epoch.to_string())
        // Maintainer scripts look for these; a root's PATH may lack them.
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .deadline(Duration::from_secs(3600));
    program
        .run_with(step.cancel(), |line| {
            if let Some(note) = line.strip_prefix("I: ") {
                step.note(note);
            }
        })
        .map_err(BuildError::program("install the packages into a tree (mmdebstrap)"))?;
    Ok(())
}

/// A flat repository (sources.list(5)): the files and a `Packages` index made from their own control data.
fn repository(cache: &Path, packages: &[Locked], stage: &Path, step: &Step<'_>) -> Result<(), BuildError> {
    let mut index = String::new();
    for package in packages {
        step.go_on()?;
        let from = fetch::verify(cache, package)?;
        let name = format!("{}_{}.deb", package.name, &package.sha256[..12]);
        let to = stage.join(&name);
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).map_err(BuildError::io("copy a package to", &to))?;
        }
        fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).map_err(BuildError::io("set the mode of", &to))?;
        let control = Program::new("dpkg-deb")
            .arg("--field")
            .arg(&to)
            .run(step.cancel())
            .map_err(BuildError::program("read a package's control data"))?;
        let control = control.text();
        index.push_str(&format!(
            "{}\nFilename: ./{name}\nSize: {}\nSHA256: {}\n\n",
            control.trim_end(),
            package.size,
            package.sha256
        ));
    }
    Ok(write_atomic(&stage.join("Packages"), index.as_bytes(), 0o644)?)
}

/// Unpack a tar as the user that we are: no owners, no devices.
fn unpack(tar: &Path, to: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(to).map_err(BuildError::io("make", to))?;
    let file = fs::File::open(tar).map_err(BuildError::io("open", tar))?;
    let mut archive = tar::Archive::new(file);
    archive.set_preserve_permissions(false);
    archive.set_preserve_ownerships(false);
    archive.set_overwrite(true);
    for entry in archive.entries().map_err(BuildError::io("read", tar))? {
        let mut entry = entry.map_err(BuildError::io("read", tar))?;
        let kind = entry.header().entry_type();
        if kind.is_block_special() || kind.is_character_special() || kind.is_fifo() {
            continue;
        }
        entry.unpack_in(to).map_err(BuildError::io("unpack tools into", to))?;
    }
    Ok(())
}
