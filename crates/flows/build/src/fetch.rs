//! Package files by checksum: `<cache>/packages/<sha256>.deb`. apt's own downloader fetches and verifies them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_release::lock::{Lock, Locked};
use corbel_sys::{Program, ProgramError, hash_file};

use crate::BuildError;
use crate::error::is_full;
use crate::mirror::Mirrors;
use crate::report::Step;
use crate::scratch::Scratch;

/// Files that one call of apt's helper fetches: enough to keep the connection busy, few enough for progress.
const BATCH: usize = 16;

/// Where the package file lies once fetched.
pub(crate) fn path(cache: &Path, package: &Locked) -> PathBuf {
    cache.join("packages").join(format!("{}.deb", package.sha256))
}

/// Have every package of the lock in the cache. `mirrors` is absent when offline.
pub(crate) fn all(cache: &Path, lock: &Lock, mirrors: Option<&Mirrors>, step: &Step<'_>) -> Result<(), BuildError> {
    let folder = cache.join("packages");
    fs::create_dir_all(&folder).map_err(BuildError::io("make", &folder))?;
    let mut missing: Vec<&Locked> = lock
        .image
        .iter()
        .chain(&lock.tools)
        .filter(|p| path(cache, p).metadata().map_or(true, |meta| meta.len() != p.size))
        .collect();
    missing.sort_by(|a, b| a.sha256.cmp(&b.sha256));
    missing.dedup_by(|a, b| a.sha256 == b.sha256);
    let Some(first) = missing.first() else {
        step.cached();
        return Ok(());
    };
    let Some(mirrors) = mirrors else {
        return Err(BuildError::NotCached {
            package: match missing.len() {
                1 => format!("{} {}", first.name, first.version),
                many => format!("{} {} (like {} more)", first.name, first.version, many - 1),
            },
        });
    };
    let total = missing.iter().map(|p| p.size).sum();
    let mut done = 0;
    step.bytes(0, Some(total));
    for batch in missing.chunks(BATCH) {
        step.go_on()?;
        step.note(format!("{} and {} more", batch[0].name, batch.len() - 1));
        fetch(&folder, batch, mirrors, step)?;
        done += batch.iter().map(|p| p.size).sum::<u64>();
        step.bytes(done, Some(total));
    }
    Ok(())
}

fn fetch(folder: &Path, batch: &[&Locked], mirrors: &Mirrors, step: &Step<'_>) -> Result<(), BuildError> {
    let incoming = Scratch::new(folder, ".incoming-")?;
    let mut program = Program::new("/usr/lib/apt/apt-helper")
        .args([
            "-o",
            "APT::Sandbox::User=root",
            "-o",
            "Acquire::Retries=3",
            "download-file",
        ])
        .deadline(Duration::from_secs(1800));
    for package in batch {
        program = program
            .arg(format!("{}{}", mirrors.root(package.archive), package.path))
            .arg(incoming.path().join(&package.sha256))
            .arg(format!("SHA256:{}", package.sha256));
    }
    program.run(step.cancel()).map_err(|source| match source {
        source @ (ProgramError::Cancelled { .. } | ProgramError::Missing { .. }) => {
            BuildError::program("fetch packages")(source)
        }
        source if is_full(&source) => BuildError::DiskFull {
            operation: "fetch packages into",
            path: folder.to_owned(),
        },
        source => {
            let absent = batch
                .iter()
                .find(|p| !incoming.path().join(&p.sha256).is_file())
                .unwrap_or(&batch[0]);
            BuildError::Fetch {
                package: format!("{} {}", absent.name, absent.version),
                from: mirrors.root(absent.archive).to_owned(),
                source,
            }
        }
    })?;
    for package in batch {
        let from = incoming.path().join(&package.sha256);
        let to = folder.join(format!("{}.deb", package.sha256));
        // For everybody to read, whatever the umask: mmdebstrap and apt read it as other users.
        fs::set_permissions(&from, fs::Permissions::from_mode(0o644)).map_err(BuildError::io("keep", &to))?;
        fs::rename(&from, &to).map_err(BuildError::io("keep", &to))?;
    }
    Ok(())
}

/// Check a cached file against the lock just before it is used; a damaged one is removed.
pub(crate) fn verify(cache: &Path, package: &Locked) -> Result<PathBuf, BuildError> {
    let path = path(cache, package);
    if hash_file(&path)? == package.sha256 {
        return Ok(path);
    }
    fs::remove_file(&path).map_err(BuildError::io("remove", &path))?;
    Err(BuildError::DamagedPackage {
        package: format!("{} {}", package.name, package.version),
    })
}
