//! Layers keyed by content: `<cache>/layers/<name>-<key>/`. A layer is made under a temporary name and renamed when complete,
//! so that a cut build leaves nothing that looks finished; one that was damaged later is noticed and made anew.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::report::Step;
use crate::scratch::{Scratch, sweep};
use crate::{BuildError, contents};

/// Layers of one kind that are kept besides the newest.
const KEEP: usize = 4;
/// What a layer is called before it is finished, before its final name.
const MAKING: &str = ".making-";

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

/// The folder of the layer `name` with `key`, made by `make` when it is not there or damaged. Tells whether it was there.
pub(crate) fn layer(
    cache: &Path,
    name: &str,
    key: Key,
    step: &Step<'_>,
    make: impl FnOnce(&Path) -> Result<(), BuildError>,
) -> Result<(PathBuf, bool), BuildError> {
    let layers = cache.join("layers");
    let id = format!("{name}-{}", &key.finish()[..32]);
    let folder = layers.join(&id);
    if usable(&folder, step) {
        return Ok((folder, true));
    }
    fs::create_dir_all(&layers).map_err(BuildError::io("make", &layers))?;
    sweep(&layers, MAKING);
    let making = Scratch::wait(&layers.join(format!("{MAKING}{id}")), step)?;
    // Another build may have made it while we waited.
    if folder.is_dir() && contents::problem(&folder).is_none() {
        return Ok((folder, true));
    }
    make(making.path())?;
    contents::write(making.path())?;
    if folder.is_dir() {
        fs::remove_dir_all(&folder).map_err(BuildError::io("remove a damaged layer from", &folder))?;
    }
    making
        .rename(&folder)
        .map_err(BuildError::io("rename a finished layer to", &folder))?;
    forget_old(&layers, name, &folder);
    Ok((folder, false))
}

/// Whether a finished layer is there and whole.
fn usable(folder: &Path, step: &Step<'_>) -> bool {
    if !folder.is_dir() {
        return false;
    }
    if let Some(problem) = contents::problem(folder) {
        step.warn(format!(
            "the layer {} in the cache is damaged and made anew: {problem}",
            folder.display()
        ));
        return false;
    }
    // The modification time says when it was last used; a cache that cannot be touched still works.
    let _ = fs::File::open(folder).and_then(|f| f.set_modified(std::time::SystemTime::now()));
    true
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
    use corbel_sys::Cancel;

    use super::*;
    use crate::report::testing::step;

    fn make(
        cache: &Path,
        key: Key,
        make: impl FnOnce(&Path) -> Result<(), BuildError>,
    ) -> Result<(PathBuf, bool), BuildError> {
        step(&Cancel::new(), |step| layer(cache, "x", key, step, make))
    }

    fn put(folder: &Path, text: &str) -> Result<(), BuildError> {
        Ok(corbel_sys::write_atomic(&folder.join("f"), text.as_bytes(), 0o644)?)
    }

    #[test]
    fn a_layer_is_made_once_and_never_half() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = || Key::new("test-1").with("a");
        let failed = make(dir.path(), key(), |folder| {
            put(folder, "1")?;
            Err(BuildError::Cancelled)
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(dir.path().join("layers")).expect("list").count(), 0);
        let (first, cached) = make(dir.path(), key(), |folder| put(folder, "1")).expect("made");
        assert!(!cached && first.join("f").is_file());
        let (second, cached) = make(dir.path(), key(), |_| panic!("not made again")).expect("found");
        assert!(cached && first == second);
        for n in 0..8 {
            make(dir.path(), Key::new("t").with([n]), |_| Ok(())).expect("made");
        }
        assert!(fs::read_dir(dir.path().join("layers")).expect("list").count() <= KEEP + 1);
    }

    #[test]
    fn a_damaged_layer_is_made_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let key = || Key::new("test-1");
        let (folder, _) = make(dir.path(), key(), |folder| put(folder, "whole")).expect("made");
        put(&folder, "whol").expect("written");
        let (_, cached) = make(dir.path(), key(), |folder| put(folder, "whole")).expect("made anew");
        assert!(!cached);
        assert_eq!(fs::read(folder.join("f")).expect("read"), b"whole");
    }

    #[test]
    fn two_builds_make_a_layer_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let made = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    make(dir.path(), Key::new("test-1"), |folder| {
                        made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        put(folder, "1")
                    })
                    .expect("made or found")
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn keys_keep_parts_apart() {
        let key = |a: &str, b: &str| Key::new("k").with(a).with(b).finish();
        assert_ne!(key("ab", "c"), key("a", "bc"));
    }
}
