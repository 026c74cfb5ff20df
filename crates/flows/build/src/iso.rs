//! The ISO: CD, USB disk and carrier of the seed area in one file.
//!
//! ```text
//! ISO 9660: CORBEL/ROOT.IMG  CORBEL/MANIFEST.JSON  CORBEL/RELEASE.JSON  CORBEL/RELEASE.SIG  boot/esp.img  boot/grub/…     GPT: esp → boot/esp.img, CORBEL-SEED → behind it
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use corbel_release::release::{MANIFEST_PATH, SIGNATURE_PATH};

use crate::BuildError;
use crate::boot::{BootFiles, VOLUME, derived, fat};
use crate::recipe::Loaded;
use crate::release::Signed;
use crate::report::Step;
use crate::root::Root;
use crate::tools::{Tools, set_time};

/// GPT type of the seed area: Microsoft basic data, which every system shows to its owner.
const BASIC_DATA: &str = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7";

/// What the image says about itself.
pub(crate) struct Documents<'a> {
    pub(crate) manifest: &'a Path,
    pub(crate) release: &'a Signed,
}

pub(crate) fn iso(
    work: &Path,
    root: &Root,
    boot: &BootFiles,
    documents: &Documents<'_>,
    recipe: &Loaded,
    tools: &Tools,
    step: &Step<'_>,
) -> Result<PathBuf, BuildError> {
    let tree = work.join("iso");
    let Documents { manifest, release } = documents;
    let signature = release.signature.as_deref().map(|path| (path, SIGNATURE_PATH));
    for (from, to) in [
        (root.image.as_path(), "CORBEL/ROOT.IMG"),
        (manifest, "CORBEL/MANIFEST.JSON"),
        (&release.json, MANIFEST_PATH),
        (&boot.esp, "boot/esp.img"),
        (&boot.grub, "boot/grub/eltorito.img"),
        (&boot.grub_config, "boot/grub/grub.cfg"),
    ]
    .into_iter()
    .chain(signature)
    {
        let to = tree.join(to);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(BuildError::io("make", parent))?;
        }
        // The large ones are not copied twice.
        if fs::hard_link(from, &to).is_err() {
            fs::copy(from, &to).map_err(BuildError::io("copy to", &to))?;
        }
        set_time(&to, tools.epoch)?;
    }
    let seed = work.join("seed.img");
    fat(
        &seed,
        u64::from(recipe.recipe.seed.size_mib) * 1024,
        "CORBEL-SEED",
        recipe,
        tools,
        step,
    )?;
    let iso = work.join("corbel.iso");
    let mbr = tools.file("GRUB's boot sector", "usr/lib/grub/i386-pc/boot_hybrid.img")?;
    tools
        .program("usr/bin/xorriso")
        .args([
            "-as",
            "mkisofs",
            "-quiet",
            "-volid",
            VOLUME,
            "-iso-level",
            "3",
            "-rational-rock",
            "-joliet",
        ])
        .args(["-uid", "0", "-gid", "0", "-dir-mode", "0755", "-file-mode", "0644"])
        .args([
            "-b",
            "boot/grub/eltorito.img",
            "-no-emul-boot",
            "-boot-load-size",
            "4",
            "-boot-info-table",
            "--grub2-boot-info",
        ])
        .arg("--grub2-mbr")
        .arg(mbr)
        .args(["-eltorito-alt-boot", "-e", "boot/esp.img", "-no-emul-boot"])
        .args(["-efi-boot-part", "--efi-boot-image", "--protective-msdos-label"])
        // Folders, and when an entry was read or changed: SOURCE_DATE_EPOCH does not reach these.
        .arg("--set_all_file_dates")
        .arg(format!("={}", tools.epoch))
        .args(["-append_partition", "3", BASIC_DATA])
        .arg(&seed)
        .args(["-appended_part_as_gpt", "--gpt_disk_guid"])
        .arg(derived(&root.hash, 32))
        .arg("-output")
        .args([&iso, &tree])
        .run(step.cancel())
        .map_err(BuildError::program("write the ISO (xorriso)"))?;
    Ok(iso)
}
