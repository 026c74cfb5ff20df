//! The QEMU that machines of ours run in. QEMU 7.2 of Debian 12 loses the flags of `cmpxchg16b` under emulation once in some twenty
//! boots, which is a double fault in the node's kernel that no real machine has; it knows no SHA instructions either. On a host whose
//! QEMU is older than [`LEAST`], the one of the node's own suite is unpacked beside the other tools and runs by its own loader.

use std::path::PathBuf;

use crate::{
    context::Context,
    trees::{Program, Tree},
};

/// The variable by which e2e knows which one to start.
pub(crate) const VARIABLE: &str = "CORBEL_QEMU";
/// Its emulation has 16-byte atomics and the SHA instructions.
const LEAST: u32 = 9;
const NAME: &str = "qemu-system-x86_64";

const UNPACKED: Tree = Tree {
    name: "qemu",
    packages: "qemu-system-x86,seabios",
    files: &[
        "./usr/bin/qemu-system-x86_64",
        "./usr/share/qemu/*",
        "./usr/share/seabios/*",
    ],
    programs: &[Program {
        path: "bin/qemu-system-x86_64",
        libraries: "",
        arguments: "-L \"$tree/share/qemu\" -L \"$tree/share/seabios\"",
        version: "--version",
    }],
};

/// The program to start.
pub(crate) fn ensure(context: &Context) -> anyhow::Result<PathBuf> {
    if major_version(context).is_some_and(|major| major >= LEAST) {
        return Ok(NAME.into());
    }
    Ok(UNPACKED.ensure(context)?.join("bin").join(NAME))
}

fn major_version(context: &Context) -> Option<u32> {
    let text = context.program(NAME).args(["--version"]).text().ok()?;
    let (_, rest) = text.split_once("version ")?;
    rest.split('.').next()?.parse().ok()
}
