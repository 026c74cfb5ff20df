//! Cases that need a running node: `corbel-measure` of the e2e crate boots it and prints the measures as JSON.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Arguments, Measure};
use crate::context::Context;

/// Runs one case of `corbel-measure`.
pub(super) fn measure(
    context: &Context,
    case: &str,
    image: &Path,
    arguments: &Arguments,
) -> anyhow::Result<Vec<Measure>> {
    context
        .cargo(&[
            "build",
            "--quiet",
            "--locked",
            "--package",
            "corbel-e2e",
            "--bin",
            "corbel-measure",
        ])
        .run()?;
    let reference = if case == "boot-ratio" {
        Some(super::reference::make(context, arguments.yes)?)
    } else {
        None
    };
    let reference = reference
        .into_iter()
        .flat_map(|folder| ["--reference".into(), folder.into_os_string()]);
    let helper = match case {
        "list-ratio" => Some(compile(context, "list", &["-lvirt"])?),
        "collection-cost" => Some(compile(context, "work", &[])?),
        _ => None,
    };
    let helper = helper
        .into_iter()
        .flat_map(|path| ["--helper".into(), path.into_os_string()]);
    let mut program = context
        .program(context.target().join("debug/corbel-measure"))
        .env(crate::emulator::VARIABLE, crate::emulator::ensure(context)?);
    if matches!(case, "upgrade-ratio" | "fall-back") {
        crate::image::compile(context)?;
        program = program.env("CORBEL_IMAGE_NEXT", crate::image::build_next(context)?);
    }
    let text = program
        .args([case, "--accel", arguments.accel.name(), "--image"])
        .args([image])
        .args(["--logs"])
        .args([context.build().join("bench/logs")])
        .args(reference)
        .args(helper)
        .text()?;
    serde_json::from_str(&text).with_context(|| format!("corbel-measure {case} printed no measures"))
}

/// Compiles a program that runs inside the node. It needs nothing there but the C library and libvirt's, whose names do not change.
fn compile(context: &Context, name: &str, libraries: &[&str]) -> anyhow::Result<PathBuf> {
    let folder = context.build().join("bench");
    std::fs::create_dir_all(&folder)?;
    let program = folder.join(name);
    context
        .program("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .args([&program])
        .args([format!("e2e/measure/{name}.c")])
        .args(libraries)
        .run()?;
    Ok(program)
}
