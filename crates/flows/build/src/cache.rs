//! Layers keyed by content: `<cache>/layers/<name>-<key>/`. A layer is made under a temporary name and renamed when complete,
//! so that a cut build leaves nothing that looks finished.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::BuildError;

/// Layers of one kind that are kept besides the newest.
const KEEP: usize = 4;

/// Collects what a layer is made from.
#[derive(Debug, Clone)]
pub(crate) struct Key(Sha256);

impl Key {
    /// `kind` includes the version of the code that makes it: raise that when the same inputs give another result.
    pub(crate) fn new(kind: &str) -> Self {
        Self(Sha256::new()).with(kind.as_bytes())
    }
    #[must_use]
    pub(crate) fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        self.0
            .update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.update(part);
        self
    }
    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder for what is only needed while building; removed when dropped, on Ctrl-C too.
pub(crate) fn work_folder(cache: &Path) -> Result<tempfile::TempDir, BuildError> {
    fs::create_dir_all(cache).map_err(BuildError::io("make the cache folder", cache))?;
    tempfile::Builder::new()
        .prefix("work-")
        .tempdir_in(cache)
        .map_err(BuildError::io("make a work folder in", cache))
}

/// The folder of the layer `name` with `key`, made by `make` when it is not there. Tells whether it was.
pub(crate) fn layer(
    cache: &Path,
    name: &str,
    key: Key,
    make: impl FnOnce(&Path) -> Result<(), BuildError>,
) -> Result<(PathBuf, bool), BuildError> {
    let layers = cache.join("layers");
    let folder = layers.join(format!("{name}-{}", &key.finish()[..32]));
    if folder.is_dir() {
        // The modification time says when it was last used; a cache that cannot be touched still works.
        let _ = fs::File::open(&folder).and_then(|f| f.set_modified(std::time::SystemTime::now()));
        return Ok((folder, true));
    }
    fs::create_dir_all(&layers).map_err(BuildError::io("make", &layers))?;
    let temporary = tempfile::Builder::new()
        .prefix(".making-")
        .tempdir_in(&layers)
        .map_err(BuildError::io("make a folder in", &layers))?;
    make(temporary.path())?;
    let made = temporary.keep();
    match fs::rename(&made, &folder) {
        Ok(()) => {}
        // Another build was quicker with the same layer.
        Err(_) if folder.is_dir() => {
            let _ = fs::remove_dir_all(&made);
        }
        Err(source) => {
            let _ = fs::remove_dir_all(&made);
            return Err(BuildError::io("rename a finished layer to", &folder)(source));
        }
    }
    forget_old(&layers, name, &folder);
    Ok((folder, false))
}

/// Remove the oldest layers of this name. Failing to is no failure of the build.
fn forget_old(layers: &Path, name: &str, newest: &Path) {
    let prefix = format!("{name}-");
    let Ok(entries) = fs::read_dir(layers) else { return };
    let mut old: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|e| e.file_name().to_string_lossy().starts_with(&prefix) && e.path() != newest)
        .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
        .collect();
    old.sort();
    let surplus = old.len().saturating_sub(KEEP);
    for (_, path) in old.into_iter().take(surplus) {
        let _ = fs::remove_dir_all(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_is_made_once_and_never_half() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = || Key::new("test-1").with("a");
        let failed = layer(dir.path(), "x", key(), |_| Err(BuildError::Cancelled));
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(dir.path().join("layers")).expect("list").count(), 0);
        let (first, cached) = layer(dir.path(), "x", key(), |p| {
            Ok(corbel_sys::write_atomic(&p.join("f"), b"1", 0o644)?)
        })
        .expect("made");
        assert!(!cached && first.join("f").is_file());
        let (second, cached) = layer(dir.path(), "x", key(), |_| panic!("not made again")).expect("found");
        assert!(cached && first == second);
        for n in 0..8 {
            layer(dir.path(), "x", Key::new("t").with([n]), |_| Ok(())).expect("made");
        }
        assert!(fs::read_dir(dir.path().join("layers")).expect("list").count() <= KEEP + 1);
    }

    #[test]
    fn keys_keep_parts_apart() {
        let key = |a: &str, b: &str| Key::new("k").with(a).with(b).finish();
        assert_ne!(key("ab", "c"), key("a", "bc"));
    }
}
