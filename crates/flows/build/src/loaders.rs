//! The loaders that an installed disk gets, made once and carried in the root: GRUB's two images for BIOS, and systemd-boot for
//! UEFI, so that a node needs no tools of GRUB to install itself.

use std::fs;
use std::path::{Path, PathBuf};

use crate::BuildError;
use crate::report::Step;
use crate::tools::{Tools, set_time};

/// What GRUB needs to read the EFI partition of its disk, choose a slot, count the try, and load kernel and initrd out of the slot's UKI.
const MODULES: [&str; 21] = [
    "biosdisk",
    "part_gpt",
    "fat",
    "loopback",
    "linux",
    "normal",
    "configfile",
    "loadenv",
    "test",
    "true",
    "regexp",
    "echo",
    "serial",
    "terminal",
    "reboot",
    "halt",
    "boot",
    "sleep",
    "all_video",
    "keystatus",
    "probe",
];
/// Of the disk that GRUB was loaded from, whichever number the BIOS gives it: the first partition is the EFI partition.
const PREFIX: &str = "(,gpt1)/corbel";

/// Write the folder with `grub-boot.img`, `grub-core.img` and `systemd-bootx64.efi` below `work`.
pub(crate) fn loaders(work: &Path, tools: &Tools, step: &Step<'_>) -> Result<PathBuf, BuildError> {
    let folder = work.join("loaders");
    fs::create_dir_all(&folder).map_err(BuildError::io("make", &folder))?;
    let core = folder.join("grub-core.img");
    let modules = tools.tree.join("usr/lib/grub/i386-pc");
    tools
        .program("usr/bin/grub-mkimage")
        .args(["--format=i386-pc", "--compression=auto"])
        .arg(format!("--prefix={PREFIX}"))
        .arg(format!("--directory={}", modules.display()))
        .arg(format!("--output={}", core.display()))
        .args(MODULES)
        .run(step.cancel())
        .map_err(BuildError::program("make the BIOS loader of disks (grub-mkimage)"))?;
    for (what, from, name) in [
        (
            "GRUB's boot sector of disks",
            "usr/lib/grub/i386-pc/boot.img",
            "grub-boot.img",
        ),
        (
            "systemd-boot",
            "usr/lib/systemd/boot/efi/systemd-bootx64.efi",
            "systemd-bootx64.efi",
        ),
    ] {
        let to = folder.join(name);
        fs::copy(tools.file(what, from)?, &to).map_err(BuildError::io("copy to", &to))?;
    }
    for name in ["grub-boot.img", "grub-core.img", "systemd-bootx64.efi"] {
        let path = folder.join(name);
        crate::root::set_mode(&path, 0o644)?;
        set_time(&path, tools.epoch)?;
    }
    Ok(folder)
}
