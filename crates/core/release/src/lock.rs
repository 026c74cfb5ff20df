//! The lock file: every package with version, size and SHA-256. The same lock and the same source give the same image.
//!
//! It names archives (`debian`, `debian-security`), never hosts: where they are fetched from is the builder's business.

use serde::{Deserialize, Serialize};

/// A lock that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("the lock file cannot be read")]
    Parse { source: Box<toml::de::Error> },
    #[error("the lock file's {package}: {problem}")]
    Entry { package: String, problem: String },
    #[error("the lock file is of version {found}: this builder reads version 1")]
    Version { found: u32 },
}

/// `<suite>.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    pub version: u32,
    pub suite: String,
    pub architecture: String,
    /// Seconds since 1970; every time stamp in the image.
    pub epoch: u64,
    /// SHA-256 over the package lists that were asked for: tells a lock that no longer fits the recipe.
    pub request: String,
    /// What goes into the image.
    pub image: Vec<Locked>,
    /// The builder's tools.
    pub tools: Vec<Locked>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    pub name: String,
    pub version: String,
    pub archive: Archive,
    /// Below the archive's root, such as `pool/main/b/bash/bash_5.2_amd64.deb`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    pub sha256: String,
}

/// Which of Debian's archives a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Archive {
    /// The suite itself and its updates.
    Main,
    Security,
}

/// Parse and check a lock file.
pub fn parse_lock(text: &str) -> Result<Lock, LockError> {
    let lock: Lock = toml::from_str(text).map_err(|source| LockError::Parse {
        source: Box::new(source),
    })?;
    if lock.version != 1 {
        return Err(LockError::Version { found: lock.version });
    }
    for entry in lock.image.iter().chain(&lock.tools) {
        let bad = |problem: &str| LockError::Entry {
            package: entry.name.clone(),
            problem: problem.into(),
        };
        if entry.sha256.len() != 64 || !entry.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad("sha256 is not 64 hexadecimal digits"));
        }
        if !entry.path.starts_with("pool/") || entry.path.split('/').any(|part| part.is_empty() || part == "..") {
            return Err(bad("path is not below pool/"));
        }
        if entry.name.is_empty() || entry.name.contains('/') {
            return Err(bad("name is not a package name"));
        }
    }
    Ok(lock)
}

/// The lock as text, entries sorted by name.
pub fn render_lock(lock: &Lock) -> String {
    let mut lock = lock.clone();
    lock.image.sort();
    lock.tools.sort();
    let body = toml::to_string(&lock).expect("a lock has only plain keys and values");
    format!("# Written by `corbel image build`. Give it back with `--lock` to build the same image again.\n{body}")
}

/// One line of `apt-get --print-uris`: `'URI' FILE SIZE SHA256:HASH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptUri {
    pub uri: String,
    pub file: String,
    pub size: u64,
    pub sha256: String,
}

/// Parse what `apt-get --print-uris` prints; lines of another shape are passed over (apt(8) mixes in talk).
pub fn parse_print_uris(text: &str) -> Vec<AptUri> {
    text.lines()
        .filter_map(|line| {
            let (uri, rest) = line.strip_prefix('\'')?.split_once('\'')?;
            let mut words = rest.split_whitespace();
            let (file, size, hash) = (words.next()?, words.next()?, words.next()?);
            Some(AptUri {
                uri: uri.to_owned(),
                file: file.to_owned(),
                size: size.parse().ok()?,
                sha256: hash.strip_prefix("SHA256:")?.to_owned(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Lock {
        let entry = Locked {
            name: "bash".into(),
            version: "5.2.37-2+b5".into(),
            archive: Archive::Main,
            path: "pool/main/b/bash/bash_5.2.37-2+b5_amd64.deb".into(),
            size: 1,
            sha256: "ab".repeat(32),
        };
        Lock {
            version: 1,
            suite: "trixie".into(),
            architecture: "amd64".into(),
            epoch: 1,
            request: "x".into(),
            image: vec![entry.clone()],
            tools: vec![Locked {
                archive: Archive::Security,
                ..entry
            }],
        }
    }

    #[test]
    fn a_lock_survives_the_round_trip() {
        assert_eq!(parse_lock(&render_lock(&sample())).expect("parse"), sample());
    }

    #[test]
    fn a_path_cannot_leave_the_archive() {
        let mut lock = sample();
        lock.image[0].path = "pool/../../etc/passwd".into();
        assert_eq!(
            parse_lock(&render_lock(&lock)).expect_err("refused").to_string(),
            "the lock file's bash: path is not below pool/"
        );
    }

    #[test]
    fn apt_says_what_it_would_fetch() {
        let text = "Reading package lists...\n'http://h/debian/pool/main/b/bash_1%3a5_amd64.deb' bash_1%3a5_amd64.deb 1500 SHA256:00ff\n'x' y\n";
        let uris = parse_print_uris(text);
        assert_eq!(uris.len(), 1);
        assert_eq!((uris[0].size, uris[0].sha256.as_str()), (1500, "00ff"));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,200}") {
            let _ = parse_lock(&text);
            let _ = parse_print_uris(&text);
        }
    }
}
