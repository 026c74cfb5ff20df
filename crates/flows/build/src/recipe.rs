//! Loading the recipe folder: the TOML files, the overlay, and their texts for the layer keys.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use corbel_release::recipe::{self as parse, Modules, Packages, Prune, Recipe, Units};

use crate::cache::Key;
use crate::{BuildError, keys};

/// A recipe, read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) recipe: Recipe,
    pub(crate) packages: Packages,
    pub(crate) tools: Packages,
    pub(crate) prune: Prune,
    pub(crate) modules: Modules,
    pub(crate) units: Units,
    /// Path from the root → file.
    pub(crate) overlay: BTreeMap<String, OverlayFile>,
    /// Public keys that the node trusts besides the one of the build: name of the file → text.
    pub(crate) keys: BTreeMap<String, String>,
    /// The texts as they stand, for keys.
    texts: BTreeMap<&'static str, String>,
}

#[derive(Debug, Clone)]
pub(crate) struct OverlayFile {
    pub(crate) mode: u32,
    pub(crate) content: OverlayContent,
}

#[derive(Debug, Clone)]
pub(crate) enum OverlayContent {
    Bytes(Vec<u8>),
    Link(PathBuf),
}

impl Loaded {
    /// Text of one of the recipe's files.
    pub(crate) fn text(&self, file: &'static str) -> &str {
        self.texts.get(file).map_or("", String::as_str)
    }

    /// Add the overlay to a key.
    pub(crate) fn key_overlay(&self, key: Key) -> Key {
        self.overlay.iter().fold(key, |key, (path, file)| {
            let key = key.with(path).with(file.mode.to_le_bytes());
            match &file.content {
                OverlayContent::Bytes(bytes) => key.with(bytes),
                OverlayContent::Link(target) => key.with(target.as_os_str().as_encoded_bytes()),
            }
        })
    }
}

/// Read and check the recipe in `folder`.
pub(crate) fn load(folder: &Path) -> Result<Loaded, BuildError> {
    if !folder.join("recipe.toml").is_file() {
        return Err(BuildError::NoRecipe {
            folder: folder.to_owned(),
        });
    }
    let mut texts = BTreeMap::new();
    for file in [
        "recipe.toml",
        "packages.toml",
        "tools.toml",
        "prune.toml",
        "modules.toml",
        "units.toml",
    ] {
        let path = folder.join(file);
        texts.insert(file, fs::read_to_string(&path).map_err(BuildError::io("read", &path))?);
    }
    let bad = |source| BuildError::Recipe {
        folder: folder.to_owned(),
        source,
    };
    let mut overlay = BTreeMap::new();
    let root = folder.join("overlay");
    if root.is_dir() {
        read_overlay(&root, &root, &mut overlay)?;
    }
    Ok(Loaded {
        recipe: parse::parse_recipe(&texts["recipe.toml"]).map_err(bad)?,
        packages: parse::parse_packages("packages.toml", &texts["packages.toml"]).map_err(bad)?,
        tools: parse::parse_packages("tools.toml", &texts["tools.toml"]).map_err(bad)?,
        prune: parse::parse_prune(&texts["prune.toml"]).map_err(bad)?,
        modules: parse::parse_modules(&texts["modules.toml"]).map_err(bad)?,
        units: parse::parse_units(&texts["units.toml"]).map_err(bad)?,
        overlay,
        keys: keys::load(&folder.join("keys"))?,
        texts,
    })
}

fn read_overlay(root: &Path, folder: &Path, files: &mut BTreeMap<String, OverlayFile>) -> Result<(), BuildError> {
    let failed = |path: &Path| BuildError::io("read", path);
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let meta = path.symlink_metadata().map_err(failed(&path))?;
        if meta.is_dir() {
            read_overlay(root, &path, files)?;
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        let content = if meta.is_symlink() {
            OverlayContent::Link(fs::read_link(&path).map_err(failed(&path))?)
        } else {
            OverlayContent::Bytes(fs::read(&path).map_err(failed(&path))?)
        };
        // Git keeps only the executable bit; the checkout's umask must not reach the image.
        let mode = if meta.permissions().mode() & 0o100 != 0 {
            0o755
        } else {
            0o644
        };
        files.insert(name, OverlayFile { mode, content });
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod testing;
