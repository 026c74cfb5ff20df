//! The QEMU that machines of ours run in. QEMU 7.2 of Debian 12 loses the flags of `cmpxchg16b` under emulation once in some twenty
//! boots, which is a double fault in the node's kernel that no real machine has; it knows no SHA instructions either. On a host whose
//! QEMU is older than [`LEAST`], the one of the node's own suite is unpacked beside the other tools and runs by its own loader.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{context::Context, packages, report, tools};

/// The variable by which e2e knows which one to start.
pub(crate) const VARIABLE: &str = "CORBEL_QEMU";
/// Its emulation has 16-byte atomics and the SHA instructions.
const LEAST: u32 = 9;
const NAME: &str = "qemu-system-x86_64";
/// Starts the unpacked one; `$0` is the script.
const STARTER: &str = "#!/bin/sh
tree=$(dirname \"$(dirname \"$0\")\")/tree/usr
exec \"$tree/lib64/ld-linux-x86-64.so.2\" --argv0 qemu-system-x86_64 --library-path \"$tree/lib/x86_64-linux-gnu\" \\
    \"$tree/bin/qemu-system-x86_64\" -L \"$tree/share/qemu\" -L \"$tree/share/seabios\" \"$@\"
";

/// The program to start.
pub(crate) fn ensure(context: &Context) -> anyhow::Result<PathBuf> {
    if major_version(context).is_some_and(|major| major >= LEAST) {
        return Ok(NAME.into());
    }
    let home = tools::cache()?.join("tools").join(format!("qemu-{}", packages::SUITE));
    let program = home.join("bin").join(NAME);
    if !program.exists() {
        report::talk(&format!("unpacking QEMU of Debian's {}", packages::SUITE));
        unpack(context, &home)?;
    }
    Ok(program)
}

fn major_version(context: &Context) -> Option<u32> {
    let text = context.program(NAME).args(["--version"]).text().ok()?;
    let (_, rest) = text.split_once("version ")?;
    rest.split('.').next()?.parse().ok()
}

fn unpack(context: &Context, home: &Path) -> anyhow::Result<()> {
    let partial = home.with_extension("partial");
    if partial.exists() {
        std::fs::remove_dir_all(&partial).with_context(|| format!("cannot remove {}", partial.display()))?;
    }
    std::fs::create_dir_all(partial.join("tree"))?;
    std::fs::create_dir_all(partial.join("bin"))?;
    let archive = partial.join("tree.tar");
    context
        .program("mmdebstrap")
        .args([
            "--quiet",
            "--variant=extract",
            "--format=tar",
            "--aptopt=APT::Install-Recommends false",
            "--include=qemu-system-x86,seabios",
            packages::SUITE,
        ])
        .args([&archive])
        .args([packages::archive(context)?])
        .run()?;
    context
        .program("tar")
        .args(["--extract", "--no-same-owner", "--wildcards", "--file"])
        .args([&archive])
        .args(["--directory"])
        .args([partial.join("tree")])
        .args([
            "./usr/bin/qemu-system-x86_64",
            "./usr/lib64/*",
            "./usr/lib/x86_64-linux-gnu/*.so*",
            "./usr/share/qemu/*",
            "./usr/share/seabios/*",
        ])
        .run()?;
    std::fs::remove_file(&archive)?;
    let starter = partial.join("bin").join(NAME);
    #[allow(clippy::disallowed_methods)] // a file in a folder that counts only once it was renamed
    std::fs::write(&starter, STARTER)?;
    std::fs::set_permissions(&starter, std::fs::Permissions::from_mode(0o755))?;
    context
        .program(&starter)
        .args(["--version"])
        .text()
        .context("the unpacked QEMU does not start")?;
    std::fs::rename(&partial, home).with_context(|| format!("cannot rename {}", partial.display()))
}
