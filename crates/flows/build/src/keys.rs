//! The public keys that a node of the image trusts: that of this build, and those of the recipe's folder `keys`, so that a release can
//! hand over from one key to the next.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use corbel_release::release::KeySet;
use corbel_sys::read_limited;

use crate::BuildError;
use crate::sign::SigningKey;

/// A public key of minisign has two short lines.
const KEY_LIMIT: u64 = 4096;

/// Name of the file → text of each `*.pub` in `folder`; none without such a folder.
///
/// # Errors
/// A file that is no key: a node with it would trust nobody at all.
pub(crate) fn load(folder: &Path) -> Result<BTreeMap<String, String>, BuildError> {
    let mut keys = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(keys);
    }
    for entry in fs::read_dir(folder).map_err(BuildError::io("read", folder))? {
        let path = entry.map_err(BuildError::io("read", folder))?.path();
        if path.extension().is_none_or(|extension| extension != "pub") {
            continue;
        }
        let bytes = read_limited(&path, KEY_LIMIT).map_err(BuildError::File)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        KeySet::new()
            .add(&path.to_string_lossy(), &text)
            .map_err(|error| BuildError::Content {
                problem: error.to_string(),
            })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        keys.insert(name, text);
    }
    Ok(keys)
}

/// All that goes into the image. The build's own key stands under its number, once.
pub(crate) fn trusted(own: Option<&SigningKey>, further: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let line = |text: &str| text.lines().last().unwrap_or_default().trim().to_owned();
    let own = own.map(|key| (format!("{}.pub", key.name()), key.public_text()));
    let is_own = |name: &str, text: &str| {
        own.as_ref()
            .is_some_and(|(own_name, own_text)| own_name == name || line(own_text) == line(text))
    };
    let mut keys: Vec<(String, String)> = further
        .iter()
        .filter(|(name, text)| !is_own(name, text))
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect();
    keys.extend(own);
    keys.sort();
    keys
}

#[cfg(test)]
mod tests {
    use corbel_sys::write_atomic;

    use super::*;
    use crate::sign::generate_key;

    fn key(folder: &Path, name: &str) -> (SigningKey, String) {
        let secret = folder.join(name);
        let public = generate_key(&secret).expect("a key");
        let text = fs::read_to_string(public).expect("its public half");
        (SigningKey::load(&secret).expect("its secret half"), text)
    }

    #[test]
    fn keys_of_the_recipe_are_trusted_beside_the_builds_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let ((own, own_text), (_, next)) = (key(folder.path(), "own"), key(folder.path(), "next"));
        let keys = folder.path().join("keys");
        assert!(load(&keys).expect("no folder is no fault").is_empty());
        let put = |name: &str, text: &str| write_atomic(&keys.join(name), text.as_bytes(), 0o644).expect("written");
        fs::create_dir(&keys).expect("a folder");
        put("next.pub", &next);
        put("now.pub", &own_text);
        put("README", "not a key");
        let further = load(&keys).expect("two keys");
        assert_eq!(further.keys().collect::<Vec<_>>(), ["next.pub", "now.pub"]);
        let own_name = format!("{}.pub", own.name());
        let mut expected = vec![(own_name, own_text), ("next.pub".to_owned(), next)];
        expected.sort();
        assert_eq!(trusted(Some(&own), &further), expected, "the own one only once");
        assert_eq!(trusted(None, &further).len(), 2);
        put("broken.pub", "x");
        let error = load(&keys).expect_err("no key").to_string();
        assert!(error.ends_with("broken.pub is not a public key of minisign"), "{error}");
    }
}
