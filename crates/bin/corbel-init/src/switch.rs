//! Leaving the initramfs: its memory is given back, the real root becomes `/`, and systemd becomes PID 1.

use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

use anyhow::{Context as _, bail};
use rustix::fs::statfs;

use crate::log::info;
use crate::root::SYSROOT;
use crate::words::{DEFAULT_INIT, Words};

const RAMFS_MAGIC: u64 = 0x8584_58f6;
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Switches to the root at `/sysroot` and runs `init=` in the place of this program, with its arguments.
pub(crate) fn into_system(words: &Words) -> anyhow::Result<Infallible> {
    let init = words.init.as_str();
    let in_root = Path::new(SYSROOT).join(init.trim_start_matches('/'));
    if fs::symlink_metadata(&in_root).is_err() {
        bail!("the root image has no {init}, which the kernel word init= names or which is the default");
    }
    std::env::set_current_dir(SYSROOT).context("entering the new root")?;
    free_initramfs()?;
    rustix::mount::mount_move(SYSROOT, "/").context("moving the new root to /")?;
    rustix::process::chroot(".").context("changing to the new root")?;
    std::env::set_current_dir("/").context("entering the new root")?;
    info(format!("starting {init}"));
    // Nothing is started beside us: this program becomes the other one, so the usual door for programs does not fit.
    #[allow(clippy::disallowed_methods)]
    let error = std::process::Command::new(init)
        .args(unit(words))
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).with_context(|| format!("starting {init}"))
}

/// What systemd starts instead of its default. On an installed node `rescue` is a unit of ours, which asks for the password.
///
/// systemd(1) would take the bare word `rescue` for its own rescue.target, where root logs in, who is locked here. The shell
/// that the word asked for was there before; what follows is the usual boot. Arguments come before kernel words.
fn unit(words: &Words) -> Option<&'static str> {
    (words.rescue && words.init == DEFAULT_INIT).then_some(match words.slot {
        Some(_) => "--unit=corbel-rescue.target",
        None => "--unit=multi-user.target",
    })
}

/// Deletes what the initramfs holds. An image that a loop device reads stays in memory until that device goes.
fn free_initramfs() -> anyhow::Result<()> {
    let kind = statfs("/").context("looking at the initramfs")?.f_type as u64;
    // Were `/` anything but memory, deleting it would be a disaster.
    if kind != RAMFS_MAGIC && kind != TMPFS_MAGIC {
        bail!("/ is not an initramfs (file system type {kind:#x}); corbel-init runs only as PID 1 of an initrd");
    }
    let device = fs::metadata("/").context("looking at the initramfs")?.dev();
    delete_below(Path::new("/"), device);
    Ok(())
}

/// Deletes files and directories on `device`; mounts of others stay, and so does what cannot be deleted.
fn delete_below(directory: &Path, device: u64) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(data) = fs::symlink_metadata(&path) else {
            continue;
        };
        if data.dev() != device {
            continue;
        }
        if data.is_dir() {
            delete_below(&path, device);
            let _ = fs::remove_dir(&path);
        } else {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_rescue_is_ours_and_not_systemds() {
        assert_eq!(unit(&Words::parse("rescue")), Some("--unit=multi-user.target"));
        assert_eq!(
            unit(&Words::parse("corbel.slot=a rescue")),
            Some("--unit=corbel-rescue.target")
        );
        assert_eq!(unit(&Words::parse("rescue=no")), None);
        assert_eq!(unit(&Words::parse("rescue init=/bin/sh")), None);
    }
}
