//! The release: what an upgrade or an installation checks before it writes anything. `RELEASE.JSON` names every part with its
//! SHA-256, and `RELEASE.SIG` signs it, so that one small signature vouches for the whole image.

use std::fs;
use std::path::{Path, PathBuf};

use corbel_release::release::{FORMAT, Release, ReleasePart};
use corbel_sys::{hash_file, write_atomic};

use crate::BuildError;
use crate::sign::SigningKey;

/// Seconds.
const DAY: u64 = 86_400;

/// The release as files of the work folder.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) json: PathBuf,
    pub(crate) signature: Option<PathBuf>,
}

/// What a release says about itself besides its parts.
pub(crate) struct Facts<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) architecture: &'a str,
    /// Of the lock, seconds since 1970: the same lock gives the same release.
    pub(crate) epoch: u64,
    pub(crate) expires_days: u32,
    pub(crate) root_hash: &'a str,
    /// Words that every entry of an installed node has.
    pub(crate) words: &'a str,
}

/// Write `release.json` below `work`, and `release.sig` when there is a key.
pub(crate) fn release(
    work: &Path,
    facts: &Facts<'_>,
    parts: &[(&str, &Path)],
    key: Option<&SigningKey>,
) -> Result<Signed, BuildError> {
    let parts = parts
        .iter()
        .map(|(name, path)| {
            Ok(ReleasePart {
                name: (*name).into(),
                bytes: fs::metadata(path).map_err(BuildError::io("read", path))?.len(),
                sha256: hash_file(path)?,
            })
        })
        .collect::<Result<_, BuildError>>()?;
    let release = Release {
        format: FORMAT,
        name: facts.name.into(),
        version: facts.version.into(),
        architecture: facts.architecture.into(),
        epoch: facts.epoch,
        expires: Some(facts.epoch + u64::from(facts.expires_days) * DAY),
        root_hash: facts.root_hash.into(),
        words: facts.words.into(),
        parts,
    };
    let text = serde_json::to_string_pretty(&release).expect("a release is plain values") + "\n";
    // What a node would refuse is not built.
    Release::parse(text.as_bytes())
        .map_err(|e| BuildError::content(format!("no node would take this release: {e}")))?;
    let json = work.join("release.json");
    write_atomic(&json, text.as_bytes(), 0o644)?;
    let signature = match key {
        Some(key) => {
            let path = work.join("release.sig");
            let comment = format!("{} {} {}", facts.name, facts.version, facts.architecture);
            write_atomic(&path, key.sign(text.as_bytes(), &comment).as_bytes(), 0o644)?;
            Some(path)
        }
        None => None,
    };
    Ok(Signed { json, signature })
}

#[cfg(test)]
mod tests {
    use corbel_release::release::{KERNEL_PART, KeySet, ROOT_PART, Signed as Judged, signed};

    use super::*;

    #[test]
    fn a_node_takes_what_is_built_and_signed_here() {
        let dir = tempfile::tempdir().expect("a folder");
        let put = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            write_atomic(&path, bytes, 0o644).expect("written");
            path
        };
        let (root, uki) = (put("a", b"root"), put("b", b"uki"));
        let hash = "ab".repeat(32);
        let words = format!("corbel.root={hash} quiet");
        let facts = Facts {
            name: "corbel",
            version: "1.2.3",
            architecture: "amd64",
            epoch: 1_000_000,
            expires_days: 2,
            root_hash: &hash,
            words: &words,
        };
        let parts = [(ROOT_PART, root.as_path()), (KERNEL_PART, uki.as_path())];
        let unsigned = release(dir.path(), &facts, &parts, None).expect("a release");
        assert_eq!(unsigned.signature, None);
        let secret = dir.path().join("k");
        crate::generate_key(&secret).expect("a key");
        let key = SigningKey::load(&secret).expect("the key");
        let made = release(dir.path(), &facts, &parts, Some(&key)).expect("a release");
        let bytes = fs::read(&made.json).expect("read");
        let text = fs::read_to_string(made.signature.expect("signed")).expect("read");
        let mut keys = KeySet::new();
        keys.add("ours", &key.public_text()).expect("a public key");
        assert_eq!(signed(&bytes, Some(&text), &keys), Judged::By("ours".into()));
        let read = Release::parse(&bytes).expect("a release");
        assert_eq!(read.expires, Some(1_000_000 + 2 * 86_400));
        assert_eq!((read.parts[1].bytes, read.parts[1].name.as_str()), (3, "corbel.efi"));
    }
}
