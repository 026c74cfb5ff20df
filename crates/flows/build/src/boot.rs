//! The boot files: a UKI with one profile per menu entry, the EFI partition with systemd-boot, and GRUB for BIOS, which
//! reads kernel and initrd out of the same UKI, so that they are on the medium once.

use std::fs;
use std::path::{Path, PathBuf};

use corbel_layout::{grub, pe};
use corbel_release::manifest::Entry;
use corbel_sys::write_atomic;

use crate::BuildError;
use crate::base::Base;
use crate::cache::hex;
use crate::next_boot;
use crate::recipe::Loaded;
use crate::report::Step;
use crate::tools::{Tools, set_time};

/// Volume id of the ISO: how the initrd and GRUB know the medium.
pub(crate) const VOLUME: &str = "CORBEL";
/// The UKI in the EFI partition (Boot Loader Specification, type 2).
const UKI: &str = "EFI/Linux/corbel.efi";

#[derive(Debug, Clone)]
pub(crate) struct BootFiles {
    pub(crate) uki: PathBuf,
    pub(crate) esp: PathBuf,
    /// El Torito image of GRUB.
    pub(crate) grub: PathBuf,
    pub(crate) grub_config: PathBuf,
}

/// What a UKI is joined from, beside its words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UkiParts<'a> {
    pub(crate) base: &'a Base,
    pub(crate) initrd: &'a Path,
    pub(crate) os_release: &'a str,
}

/// Words that every entry has, and all that a node needs to start from the network or from its own disk.
pub(crate) fn common_words(recipe: &Loaded, root_hash: &str) -> String {
    let mut words = vec![format!("corbel.root={root_hash}")];
    words.extend(recipe.recipe.boot.words.iter().cloned());
    words.join(" ")
}

/// The menu: title and kernel words of each entry.
pub(crate) fn entries(recipe: &Loaded, version: &str, root_hash: &str) -> Vec<Entry> {
    let boot = &recipe.recipe.boot;
    boot.entry
        .iter()
        .map(|entry| {
            let mut words = vec![common_words(recipe, root_hash)];
            words.extend(entry.words.iter().cloned());
            let title = entry
                .title
                .replace("{name}", &recipe.recipe.os.name)
                .replace("{version}", version);
            Entry {
                title,
                words: words.join(" "),
            }
        })
        .collect()
}

pub(crate) fn boot_files(
    work: &Path,
    parts: &UkiParts<'_>,
    recipe: &Loaded,
    entries: &[Entry],
    tools: &Tools,
    step: &Step<'_>,
) -> Result<BootFiles, BuildError> {
    let uki = uki(work, parts, entries, tools, step)?;
    let esp = esp(work, &uki, recipe, tools, step)?;
    let (grub, grub_config) = grub(work, &uki, recipe, entries, tools, step)?;
    Ok(BootFiles {
        uki,
        esp,
        grub,
        grub_config,
    })
}

fn uki(
    work: &Path,
    parts: &UkiParts<'_>,
    entries: &[Entry],
    tools: &Tools,
    step: &Step<'_>,
) -> Result<PathBuf, BuildError> {
    let UkiParts {
        base,
        initrd,
        os_release,
    } = *parts;
    let stub = tools.file("the UKI stub", "usr/lib/systemd/boot/efi/linuxx64.efi.stub")?;
    // Profiles are not started themselves: theirs is the stub that has no SBAT section of its own.
    let addon = tools.file("the addon stub", "usr/lib/systemd/boot/efi/addonx64.efi.stub")?;
    let ukify = |stub: &Path| {
        tools
            .python("usr/bin/ukify")
            .args(["build", "--efi-arch=x64"])
            .arg("--stub")
            .arg(stub)
    };
    let profile = |number: usize, entry: &Entry| format!("--profile=ID=entry{number}\nTITLE={}", entry.title);
    let mut joined = Vec::new();
    for (number, entry) in entries.iter().enumerate().skip(1) {
        let path = work.join(format!("profile{number}.efi"));
        ukify(&addon)
            .arg(profile(number, entry))
            .arg(format!("--cmdline={}", entry.words))
            .arg("--output")
            .arg(&path)
            .run(step.cancel())
            .map_err(BuildError::program("make a boot profile (ukify)"))?;
        joined.push(path);
    }
    let first = entries
        .first()
        .ok_or_else(|| BuildError::content("the recipe has no boot entry"))?;
    let uki = work.join("corbel.efi");
    ukify(&stub)
        .arg("--linux")
        .arg(&base.kernel)
        .arg("--initrd")
        .arg(initrd)
        .arg(format!("--cmdline={}", first.words))
        .arg(format!("--os-release={os_release}"))
        .arg(format!("--uname={}", base.facts.kernel_version))
        .arg(profile(0, first))
        .args(joined.iter().map(|path| format!("--join-profile={}", path.display())))
        .arg("--output")
        .arg(&uki)
        .run(step.cancel())
        .map_err(BuildError::program("join kernel, initrd and words (ukify)"))?;
    Ok(uki)
}

/// A FAT volume of exactly the size that its files need.
fn esp(work: &Path, uki: &Path, recipe: &Loaded, tools: &Tools, step: &Step<'_>) -> Result<PathBuf, BuildError> {
    let loader = tools.file("systemd-boot", "usr/lib/systemd/boot/efi/systemd-bootx64.efi")?;
    let config = work.join("loader.conf");
    write_atomic(
        &config,
        format!("timeout {}\nconsole-mode keep\n", recipe.recipe.boot.timeout).as_bytes(),
        0o644,
    )?;
    let size = |path: &Path| path.metadata().map(|m| m.len()).map_err(BuildError::io("read", path));
    // 1 MiB for the tables of FAT and the folders.
    let kib = (size(uki)? + size(&loader)?).div_ceil(1024) + 1024;
    let esp = work.join("esp.img");
    fat(&esp, kib, "CORBEL-ESP", recipe, tools, step)?;
    let (next, local) = (work.join("next.efi"), work.join("local.conf"));
    write_atomic(&next, &next_boot::program(), 0o644)?;
    write_atomic(&local, next_boot::ENTRY.as_bytes(), 0o644)?;
    for folder in ["EFI", "EFI/BOOT", "EFI/Linux", "EFI/corbel", "loader", "loader/entries"] {
        make_folder(&esp, folder, tools, step)?;
    }
    for (from, to) in [
        (loader.as_path(), "EFI/BOOT/BOOTX64.EFI"),
        (uki, UKI),
        (config.as_path(), "loader/loader.conf"),
        (&next, next_boot::PROGRAM),
        (&local, next_boot::ENTRY_PATH),
    ] {
        copy_in(&esp, from, to, tools, step)?;
    }
    Ok(esp)
}

/// Make a FAT volume in a new file. The volume's number follows from its label, so that it is the same each time.
pub(crate) fn fat(
    path: &Path,
    kib: u64,
    label: &str,
    recipe: &Loaded,
    tools: &Tools,
    step: &Step<'_>,
) -> Result<(), BuildError> {
    let number = crate::cache::Key::new("fat")
        .with(label)
        .with(&recipe.recipe.os.id)
        .finish();
    tools
        .program("usr/sbin/mkfs.vfat")
        .args(["--invariant", "-C", "-n", label, "-i", &number[..8]])
        .arg(path)
        .arg(kib.to_string())
        .run(step.cancel())
        .map_err(BuildError::program("make a FAT volume (mkfs.vfat)"))?;
    Ok(())
}

fn make_folder(image: &Path, folder: &str, tools: &Tools, step: &Step<'_>) -> Result<(), BuildError> {
    let program = tools
        .program("usr/bin/mtools")
        .args(["-c", "mmd", "-i"])
        .arg(image)
        .arg(format!("::/{folder}"));
    program
        .run(step.cancel())
        .map(|_| ())
        .map_err(BuildError::program("make a folder in a FAT volume (mmd)"))
}

pub(crate) fn copy_in(image: &Path, from: &Path, to: &str, tools: &Tools, step: &Step<'_>) -> Result<(), BuildError> {
    // mcopy -m keeps the file's time; ours must be that of the image.
    let staged = image.with_extension("copy");
    fs::copy(from, &staged).map_err(BuildError::io("copy to", &staged))?;
    set_time(&staged, tools.epoch)?;
    tools
        .program("usr/bin/mtools")
        .args(["-c", "mcopy", "-m", "-i"])
        .args([image, &staged])
        .arg(format!("::/{to}"))
        .run(step.cancel())
        .map_err(BuildError::program("copy a file into a FAT volume (mcopy)"))?;
    fs::remove_file(&staged).map_err(BuildError::io("remove", &staged))
}

/// GRUB's image and its menu.
fn grub(
    work: &Path,
    uki: &Path,
    recipe: &Loaded,
    entries: &[Entry],
    tools: &Tools,
    step: &Step<'_>,
) -> Result<(PathBuf, PathBuf), BuildError> {
    let early = work.join("grub-early.cfg");
    let text = format!("search --no-floppy --set=root --label {VOLUME}\nset prefix=($root)/boot/grub\n");
    write_atomic(&early, text.as_bytes(), 0o644)?;
    let modules = [
        "biosdisk",
        "iso9660",
        "fat",
        "part_gpt",
        "part_msdos",
        "loopback",
        "linux",
        "normal",
        "configfile",
        "search",
        "search_label",
        "serial",
        "terminal",
        "test",
        "echo",
        "halt",
        "reboot",
        "chain",
        "boot",
        "sleep",
        "all_video",
        "keystatus",
    ];
    let image = work.join("grub-eltorito.img");
    tools
        .program("usr/bin/grub-mkimage")
        .args(["--format=i386-pc-eltorito", "--prefix=/boot/grub", "--compression=auto"])
        .arg(format!(
            "--directory={}",
            tools.tree.join("usr/lib/grub/i386-pc").display()
        ))
        .arg(format!("--config={}", early.display()))
        .arg(format!("--output={}", image.display()))
        .args(modules)
        .run(step.cancel())
        .map_err(BuildError::program("make the BIOS loader (grub-mkimage)"))?;
    let config = work.join("grub.cfg");
    write_atomic(&config, menu(uki, recipe, entries)?.as_bytes(), 0o644)?;
    Ok((image, config))
}

/// `grub.cfg`. The UKI inside the EFI partition's file becomes a device, and its sections are read from that by block list:
/// first sector and number of sectors, decimal without leading zeros (GRUB takes those for octal).
fn menu(uki: &Path, recipe: &Loaded, entries: &[Entry]) -> Result<String, BuildError> {
    let file = fs::read(uki).map_err(BuildError::io("read", uki))?;
    let sections = pe::sections(file.as_slice(), file.len() as u64)
        .map_err(|e| BuildError::content(format!("the UKI that ukify made cannot be read: {e}")))?;
    let blocks = grub::blocks(&sections).map_err(|e| BuildError::content(e.to_string()))?;
    let mut text = format!(
        "# {VOLUME} is the name of the volume.\n{}loopback esp /boot/esp.img\nloopback uki (esp)/{UKI}\n\n",
        grub::head(recipe.recipe.boot.timeout)
    );
    for entry in entries {
        text.push_str(&grub::entry(&entry.title, &blocks, &entry.words));
    }
    text.push_str("menuentry \"Boot from the local disk\" {\n\texit 1\n}\n");
    Ok(text)
}

/// The first hex digits of a text's SHA-256: for numbers that differ between images and stay the same for one.
pub(crate) fn derived(text: &str, digits: usize) -> String {
    use sha2::{Digest, Sha256};
    hex(&Sha256::digest(text.as_bytes()))[..digits].to_owned()
}

#[cfg(test)]
mod tests;
