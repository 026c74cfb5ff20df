//! The root image: the base layer with our programs appended as a second layer, and the dm-verity tree behind it.

use std::fs;
use std::path::{Path, PathBuf};

use corbel_release::manifest::Manifest;
use corbel_release::sbom::{parse_cargo_lock, render_spdx};
use corbel_sys::{hash_file, write_atomic};

use crate::BuildError;
use crate::base::{Base, OURS, PROGRAMS};
use crate::binaries::Binaries;
use crate::recipe::Loaded;
use crate::report::Step;
use crate::tools::{Tools, set_time};

/// Data and hash blocks of the verity tree, bytes.
const BLOCK: u64 = 4096;

#[derive(Debug, Clone)]
pub(crate) struct Root {
    pub(crate) image: PathBuf,
    pub(crate) hash: String,
}

/// What is appended to the base beside the programs.
pub(crate) struct Additions<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) manifest: &'a Manifest,
    pub(crate) os_release: &'a str,
    /// Folder with the loaders of an installed disk.
    pub(crate) loaders: &'a Path,
    /// Public keys that a node trusts: name of the file, text.
    pub(crate) keys: &'a [(String, String)],
}

/// `os-release` (os-release(5)).
pub(crate) fn os_release(recipe: &Loaded, version: &str) -> String {
    let os = &recipe.recipe.os;
    let pretty = os.pretty_name.replace("{version}", version);
    format!(
        "ID={}\nID_LIKE=debian\nNAME=\"{}\"\nVERSION_ID={version}\nPRETTY_NAME=\"{pretty}\"\nHOME_URL=\"{}\"\n",
        os.id, os.name, os.home
    )
}

/// Append `/corbel` to a copy of the base.
pub(crate) fn append(
    work: &Path,
    base: &Base,
    additions: &Additions<'_>,
    tools: &Tools,
    step: &Step<'_>,
) -> Result<PathBuf, BuildError> {
    let Additions { binaries, manifest, .. } = additions;
    let ours = work.join(OURS);
    let folders = ["bin", "share", "boot", "keys"].map(|name| ours.join(name));
    let [bin, share, boot, keys] = &folders;
    for folder in &folders {
        fs::create_dir_all(folder).map_err(BuildError::io("make", folder))?;
    }
    for entry in fs::read_dir(additions.loaders).map_err(BuildError::io("read", additions.loaders))? {
        let from = entry.map_err(BuildError::io("read", additions.loaders))?.path();
        let to = boot.join(from.file_name().unwrap_or_default());
        fs::copy(&from, &to).map_err(BuildError::io("copy a loader to", &to))?;
        set_time(&to, tools.epoch)?;
    }
    for (name, text) in additions.keys {
        let path = keys.join(name);
        write_atomic(&path, text.as_bytes(), 0o644)?;
        set_time(&path, tools.epoch)?;
    }
    for program in PROGRAMS {
        let to = bin.join(program);
        fs::copy(binaries.node.join(program), &to).map_err(BuildError::io("copy a program to", &to))?;
        set_mode(&to, 0o755)?;
        set_time(&to, tools.epoch)?;
    }
    let text = serde_json::to_string_pretty(manifest).expect("a manifest is plain values");
    let crates = fs::read_to_string(&binaries.cargo_lock).map_err(BuildError::io("read", &binaries.cargo_lock))?;
    let crates =
        parse_cargo_lock(&crates).map_err(|e| BuildError::content(format!("Cargo.lock cannot be read: {e}")))?;
    let created = jiff::Timestamp::from_second(i64::try_from(tools.epoch).unwrap_or(0))
        .unwrap_or_default()
        .to_string();
    let sbom =
        serde_json::to_string_pretty(&render_spdx(manifest, &crates, &created)).expect("a document is plain values");
    let os_release = additions.os_release.to_owned();
    for (name, text) in [
        ("manifest.json", text),
        ("sbom.spdx.json", sbom),
        ("os-release", os_release),
    ] {
        let path = share.join(name);
        write_atomic(&path, text.as_bytes(), 0o644)?;
        set_time(&path, tools.epoch)?;
    }
    for folder in folders.iter().chain([&ours]) {
        set_mode(folder, 0o755)?;
        set_time(folder, tools.epoch)?;
    }
    let image = work.join("root.img");
    fs::copy(&base.squashfs, &image).map_err(BuildError::io("copy the base layer to", &image))?;
    tools
        .program("usr/bin/mksquashfs")
        .arg(&ours)
        .arg(&image)
        .args([
            // What is appended to must not lend the root its owner and mode.
            "-root-mode",
            "0755",
            "-root-uid",
            "0",
            "-root-gid",
            "0",
            "-keep-as-directory",
            "-no-recovery",
            "-all-root",
            "-no-progress",
            "-quiet",
        ])
        .run(step.cancel())
        .map_err(BuildError::program("append our programs to the root (mksquashfs)"))?;
    Ok(image)
}

/// Pad to whole blocks and write the hash tree behind the data.
pub(crate) fn seal(image: PathBuf, tools: &Tools, step: &Step<'_>) -> Result<Root, BuildError> {
    let size = image
        .metadata()
        .map_err(BuildError::io("read", &image))?
        .len()
        .next_multiple_of(BLOCK);
    let file = fs::File::options()
        .write(true)
        .open(&image)
        .map_err(BuildError::io("open", &image))?;
    file.set_len(size).map_err(BuildError::io("pad", &image))?;
    // Salt and UUID follow from the content: reproducible, and still another for each image.
    let digest = hash_file(&image)?;
    let uuid = format!(
        "{}-{}-{}-{}-{}",
        &digest[..8],
        &digest[8..12],
        &digest[12..16],
        &digest[16..20],
        &digest[20..32]
    );
    let hash_file_path = image.with_extension("roothash");
    tools
        .program("usr/sbin/veritysetup")
        .arg("format")
        .args([&image, &image])
        .args([
            format!("--hash-offset={size}"),
            format!("--data-blocks={}", size / BLOCK),
        ])
        .args([format!("--salt={digest}"), format!("--uuid={uuid}")])
        .args(["--hash=sha256", "--data-block-size=4096", "--hash-block-size=4096"])
        .arg("--root-hash-file")
        .arg(&hash_file_path)
        .run(step.cancel())
        .map_err(BuildError::program("make the hash tree (veritysetup)"))?;
    let hash = fs::read_to_string(&hash_file_path)
        .map_err(BuildError::io("read", &hash_file_path))?
        .trim()
        .to_owned();
    if hash.len() != 64 {
        return Err(BuildError::content(format!(
            "veritysetup gave {hash:?} for a root hash"
        )));
    }
    Ok(Root { image, hash })
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), BuildError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(BuildError::io("set the mode of", path))
}
