//! Makes the image: the builder is compiled, then told to build.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::{context::Context, proc::Program};

/// Compiles the image builder and builds the image; gives the folder that holds it.
pub(crate) fn build(context: &Context) -> anyhow::Result<PathBuf> {
    compile(context)?;
    let out = context.build().join("image");
    signed(context, &out)?.run()?;
    remove_older(&out)?;
    Ok(out)
}

/// The same as a newer version, signed with the same key: what the other can be upgraded to. The builder must be compiled.
pub(crate) fn build_next(context: &Context) -> anyhow::Result<PathBuf> {
    let out = context.build().join("image-next");
    let version = concat!(env!("CARGO_PKG_VERSION"), ".1");
    signed(context, &out)?.args(["--version", version]).run()?;
    remove_older(&out)?;
    Ok(out)
}

/// What builds of other versions left in one of our own folders: who looks for the image there wants to find one.
fn remove_older(out: &Path) -> anyhow::Result<()> {
    let sums = out.join("SHA256SUMS");
    let written = std::fs::read_to_string(&sums).with_context(|| format!("cannot read {}", sums.display()))?;
    let entries = std::fs::read_dir(out).with_context(|| format!("cannot read {}", out.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", out.display()))?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() && name.to_str().is_some_and(|name| is_older(name, &written)) {
            let path = entry.path();
            std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Whether the builder gives such a name, `corbel-VERSION-ARCHITECTURE.ENDING`, to a file, and it is not among those that the last build
/// wrote: the lines of its sums (sha256sum(1)).
fn is_older(name: &str, written: &str) -> bool {
    const ENDINGS: [&str; 5] = [".iso", ".manifest.json", ".lock", ".release.json", ".release.sig"];
    let versioned = name
        .strip_prefix("corbel-")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let ending = ENDINGS.iter().any(|ending| name.ends_with(ending));
    let mut names = written.lines().filter_map(|line| line.split_once("  "));
    versioned && ending && !names.any(|(_, kept)| kept == name)
}

fn signed(context: &Context, out: &Path) -> anyhow::Result<Program> {
    let key = development_key(context)?;
    Ok(builder(context)
        .args(["--out"])
        .args([out])
        .args(["--sign-key"])
        .args([&key]))
}

/// The key that releases made here are signed with. It is this user's and nobody else's: in the cache, never in the repository.
pub(crate) fn development_key(context: &Context) -> anyhow::Result<PathBuf> {
    let key = crate::tools::cache()?.join("development.key");
    if !key.exists() {
        context
            .program(context.target().join("release/corbel"))
            .args(["image", "key"])
            .args([&key])
            .run()?;
    }
    Ok(key)
}

/// `cargo build --release -p corbel`.
pub(crate) fn compile(context: &Context) -> anyhow::Result<()> {
    context
        .cargo(&["build", "--release", "--locked", "--package", "corbel"])
        .run()
}

/// `corbel image build`, without arguments so far.
pub(crate) fn builder(context: &Context) -> Program {
    context
        .program(context.target().join("release/corbel"))
        .args(["image", "build"])
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs::File, io::Write as _};

    use super::*;

    #[test]
    fn only_files_of_other_versions_are_removed() {
        let folder = std::env::temp_dir().join(format!("xtask-image-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("corbel-0.1.0-amd64.iso.d")).unwrap();
        std::fs::create_dir_all(folder.join("corbel-0.0.9-amd64.iso")).unwrap();
        let older = ["iso", "manifest.json", "lock", "release.json", "release.sig"];
        let kept = [
            "corbel-0.2.0-amd64.iso",
            "corbel-0.2.0-amd64.lock",
            "corbel-notes.iso",
            "debian.iso",
        ];
        let names = older.iter().map(|ending| format!("corbel-0.1.0-amd64.{ending}"));
        for name in names.chain(kept.map(str::to_owned)) {
            File::create(folder.join(name)).unwrap();
        }
        let mut sums = File::create(folder.join("SHA256SUMS")).unwrap();
        sums.write_all(b"aa  corbel-0.2.0-amd64.iso\nbb  corbel-0.2.0-amd64.lock\ncc  netboot/vmlinuz\n")
            .unwrap();

        remove_older(&folder).unwrap();

        let left: BTreeSet<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let folders = ["SHA256SUMS", "corbel-0.0.9-amd64.iso", "corbel-0.1.0-amd64.iso.d"];
        let expected: BTreeSet<String> = kept.into_iter().chain(folders).map(str::to_owned).collect();
        assert_eq!(left, expected);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
