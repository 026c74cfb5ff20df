//! The base layer: the packages' files, pruned, with overlay, enabled units and module indexes, as one squashfs, plus what the
//! boot files need of it (kernel, modules). Works on tar streams, so that owners and capabilities survive without root.

mod extras;
mod keymaps;
mod survey;
mod write;

use std::fs;
use std::path::{Path, PathBuf};

use corbel_release::manifest::ManifestPackage;
use corbel_sys::write_atomic;
use serde::{Deserialize, Serialize};

use crate::BuildError;
use crate::cache::{Key, layer};
use crate::recipe::Loaded;
use crate::report::Step;
use crate::tools::Tools;

pub(crate) use extras::{OURS, PROGRAMS};

/// What the base layer's folder holds.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) squashfs: PathBuf,
    pub(crate) kernel: PathBuf,
    /// A folder with `lib/modules/<version>` below it.
    pub(crate) modules: PathBuf,
    pub(crate) facts: BaseFacts,
}

/// `facts.json` of the layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BaseFacts {
    pub(crate) kernel_version: String,
    pub(crate) packages: Vec<ManifestPackage>,
}

/// What the layer is made from.
pub(crate) struct Inputs<'a> {
    pub(crate) packages_tar: &'a Path,
    /// Name of the packages layer: its key.
    pub(crate) recipe: &'a Loaded,
    pub(crate) tools: &'a Tools,
    pub(crate) lock: &'a corbel_release::lock::Lock,
}

/// Make the layer, or find it.
pub(crate) fn base(cache: &Path, inputs: &Inputs<'_>, step: &Step<'_>) -> Result<Base, BuildError> {
    let recipe = inputs.recipe;
    let name_of = |path: &Path| {
        path.parent()
            .and_then(Path::file_name)
            .map(|n| n.as_encoded_bytes().to_owned())
            .unwrap_or_default()
    };
    let mut key = Key::new("base-7")
        .with(name_of(inputs.packages_tar))
        .with(name_of(&inputs.tools.tree))
        .with(inputs.tools.epoch.to_le_bytes());
    for layout in corbel_model::keyboard::LAYOUTS {
        key = key.with(layout.name);
    }
    for file in ["recipe.toml", "prune.toml", "modules.toml", "units.toml"] {
        key = key.with(recipe.text(file));
    }
    let (folder, cached) = layer(cache, "base", recipe.key_overlay(key), step, |folder| {
        make(folder, inputs, step)
    })?;
    if cached {
        step.cached();
    }
    let facts = folder.join("facts.json");
    let text = fs::read_to_string(&facts).map_err(BuildError::io("read", &facts))?;
    let facts =
        serde_json::from_str(&text).map_err(|e| BuildError::content(format!("{} is damaged: {e}", facts.display())))?;
    Ok(Base {
        squashfs: folder.join("base.squashfs"),
        kernel: folder.join("vmlinuz"),
        modules: folder.join("modules"),
        facts,
    })
}

fn make(folder: &Path, inputs: &Inputs<'_>, step: &Step<'_>) -> Result<(), BuildError> {
    step.note("looking through the packages' files");
    let survey = survey::survey(inputs.packages_tar, step)?;
    keymaps::check(inputs.recipe, &survey)?;
    let extras = extras::extras(inputs.recipe, &survey)?;
    step.note("pruning");
    let tar = folder.join("base.tar");
    let sizes = write::write(inputs, &survey, &extras, folder, &tar, step)?;
    step.note("compressing");
    compress(inputs, folder, &tar, step)?;
    fs::remove_file(&tar).map_err(BuildError::io("remove", &tar))?;
    let facts = BaseFacts {
        kernel_version: survey.kernel_version,
        packages: package_facts(inputs, survey.installed, &sizes),
    };
    let text = serde_json::to_string_pretty(&facts).expect("facts are plain values");
    Ok(write_atomic(&folder.join("facts.json"), text.as_bytes(), 0o644)?)
}

fn compress(inputs: &Inputs<'_>, folder: &Path, tar: &Path, step: &Step<'_>) -> Result<(), BuildError> {
    let root = &inputs.recipe.recipe.root;
    inputs
        .tools
        .program("usr/bin/sqfstar")
        .args([
            "-comp",
            &root.compression,
            "-Xcompression-level",
            &root.level.to_string(),
        ])
        .args(["-b", &format!("{}K", root.block_kib), "-no-progress", "-quiet"])
        // Else the root is whose who builds.
        .args(["-root-mode", "0755", "-root-uid", "0", "-root-gid", "0"])
        .arg(folder.join("base.squashfs"))
        .stdin_file(tar)
        .run(step.cancel())
        .map_err(BuildError::program("compress the root file system (sqfstar)"))?;
    Ok(())
}

fn package_facts(
    inputs: &Inputs<'_>,
    installed: Vec<(String, String)>,
    sizes: &std::collections::BTreeMap<String, u64>,
) -> Vec<ManifestPackage> {
    let sha256 = |name: &str| {
        inputs
            .lock
            .image
            .iter()
            .find(|p| p.name == name)
            .map(|p| p.sha256.clone())
            .unwrap_or_default()
    };
    installed
        .into_iter()
        .map(|(name, version)| ManifestPackage {
            installed: sizes.get(&name).copied().unwrap_or(0),
            sha256: sha256(&name),
            name,
            version,
        })
        .collect()
}

#[cfg(test)]
mod tests;
