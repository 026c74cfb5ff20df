//! Cases that need a running node: `corbel-measure` of the e2e crate boots it and prints the measures as JSON.

use std::path::Path;

use anyhow::Context as _;

use super::Measure;
use crate::{context::Context, e2e::Accel};

/// Runs one case of `corbel-measure`.
pub(super) fn measure(context: &Context, case: &str, image: &Path, accel: Accel) -> anyhow::Result<Vec<Measure>> {
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
        Some(super::reference::make(context)?)
    } else {
        None
    };
    let reference = reference
        .into_iter()
        .flat_map(|folder| ["--reference".into(), folder.into_os_string()]);
    let text = context
        .program(context.target().join("debug/corbel-measure"))
        .args([case, "--accel", accel.name(), "--image"])
        .args([image])
        .args(["--logs"])
        .args([context.build().join("bench/logs")])
        .args(reference)
        .text()?;
    serde_json::from_str(&text).with_context(|| format!("corbel-measure {case} printed no measures"))
}
