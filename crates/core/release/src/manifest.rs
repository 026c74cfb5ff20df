//! The manifest: what an image says of itself, in the image and beside it.

use serde::{Deserialize, Serialize};

/// `manifest.json`. Readers ignore fields that they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub name: String,
    pub version: String,
    pub suite: String,
    pub architecture: String,
    /// Seconds since 1970; every time stamp in the image.
    pub epoch: u64,
    pub kernel: String,
    pub packages: Vec<ManifestPackage>,
    pub parts: Vec<Part>,
    /// dm-verity root hash. Absent in the copy inside the root, which cannot know its own hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_hash: Option<String>,
    /// Kernel words per boot entry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPackage {
    pub name: String,
    pub version: String,
    /// Of the Debian package file.
    pub sha256: String,
    /// Bytes of its files that stay in the image, unpacked.
    pub installed: u64,
}

/// One part of the image and what it weighs there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub title: String,
    pub words: String,
}

/// Parse a manifest.
pub fn parse_manifest(text: &str) -> Result<Manifest, serde_json::Error> {
    serde_json::from_str(text)
}

/// Installed packages as `/var/lib/dpkg/status` tells them: name and version (deb822, dpkg-query(1)).
pub fn parse_dpkg_status(text: &str) -> Vec<(String, String)> {
    let field = |stanza: &str, name: &str| {
        stanza
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(|v| v.trim().to_owned()))
    };
    let mut packages: Vec<_> = text
        .split("\n\n")
        .filter_map(|stanza| Some((field(stanza, "Package")?, field(stanza, "Version")?)))
        .collect();
    packages.sort();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dpkg_status_is_read() {
        let text = "Package: b\nStatus: install ok installed\nVersion: 2\n\nPackage: a\nVersion: 1:1-1\nDescription: x\n Version: no\n";
        assert_eq!(
            parse_dpkg_status(text),
            [("a".into(), "1:1-1".into()), ("b".into(), "2".into())]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,200}") {
            let _ = parse_manifest(&text);
            let _ = parse_dpkg_status(&text);
        }
    }
}
