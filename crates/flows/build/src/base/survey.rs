//! The first look through the packages: which kernel, which units, which file belongs to which package.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use corbel_release::manifest::parse_dpkg_status;

use super::keymaps::{KEYMAP_END, KEYMAPS};
use crate::BuildError;
use crate::report::Step;

#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) kernel_version: String,
    /// Unit name → text.
    pub(super) units: BTreeMap<String, String>,
    /// Keymaps of the console: paths from the root.
    pub(super) keymaps: Vec<String>,
    /// Path from the root → package.
    pub(super) owners: BTreeMap<String, String>,
    /// Name and version.
    pub(super) installed: Vec<(String, String)>,
}

/// A path as the archive has it, without `./` and trailing `/`.
pub(super) fn plain(path: &[u8]) -> String {
    String::from_utf8_lossy(path)
        .trim_start_matches("./")
        .trim_matches('/')
        .to_owned()
}

pub(super) fn survey(tar: &Path, step: &Step<'_>) -> Result<Survey, BuildError> {
    let failed = || BuildError::io("read", tar);
    let file = File::open(tar).map_err(failed())?;
    let mut archive = tar::Archive::new(std::io::BufReader::with_capacity(1 << 20, file));
    let mut survey = Survey::default();
    for entry in archive.entries().map_err(failed())? {
        step.go_on()?;
        let mut entry = entry.map_err(failed())?;
        let path = plain(&entry.path_bytes());
        let is_file = entry.header().entry_type().is_file();
        let mut text = || -> Result<String, BuildError> {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(BuildError::io("read", tar))?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        if let Some(rest) = path.strip_prefix("usr/lib/modules/") {
            if survey.kernel_version.is_empty() && !rest.is_empty() {
                survey.kernel_version = rest.split('/').next().unwrap_or(rest).to_owned();
            }
        } else if let Some(unit) = path.strip_prefix("usr/lib/systemd/system/") {
            if is_file && !unit.contains('/') {
                survey.units.insert(unit.to_owned(), text()?);
            }
        } else if path.starts_with(KEYMAPS) && path.ends_with(KEYMAP_END) {
            survey.keymaps.push(path);
        } else if path == "var/lib/dpkg/status" {
            survey.installed = parse_dpkg_status(&text()?);
        } else if let Some(list) = path
            .strip_prefix("var/lib/dpkg/info/")
            .and_then(|p| p.strip_suffix(".list"))
        {
            let package = list.split(':').next().unwrap_or(list).to_owned();
            for line in text()?.lines() {
                survey
                    .owners
                    .insert(merged(line.trim_start_matches('/')), package.clone());
            }
        }
    }
    if survey.kernel_version.is_empty() {
        return Err(BuildError::content(
            "the packages hold no kernel: packages.toml must name one",
        ));
    }
    if survey.installed.is_empty() {
        return Err(BuildError::content("the packages layer has no package database"));
    }
    Ok(survey)
}

/// Packages may still list `/bin/x`; the files stand below `/usr` (merged-usr).
fn merged(path: &str) -> String {
    let top = path.split('/').next().unwrap_or_default();
    if matches!(top, "bin" | "sbin" | "lib" | "lib64") {
        format!("usr/{path}")
    } else {
        path.to_owned()
    }
}
