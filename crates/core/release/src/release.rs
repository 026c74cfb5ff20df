//! RELEASE.JSON: what a release is made of, who signed it, and whether this node may take it.
//!
//! The verification of the signature is here too: it is a pure function of bytes, and whoever decides about a release must not
//! be able to forget it. Everything that is refused here is refused before anything is written.

use std::fmt;

use minisign_verify::{PublicKey, Signature};
use serde::{Deserialize, Serialize};

use crate::version::{Version, VersionError};

/// Place of the manifest in an ISO.
pub const MANIFEST_PATH: &str = "CORBEL/RELEASE.JSON";
/// Place of its signature in an ISO.
pub const SIGNATURE_PATH: &str = "CORBEL/RELEASE.SIG";
/// The part that is the root image, also `/CORBEL/ROOT.IMG` of an ISO.
pub const ROOT_PART: &str = "root.img";
/// The part that is the UKI.
pub const KERNEL_PART: &str = "corbel.efi";
/// The largest manifest that is read.
pub const MOST_MANIFEST_BYTES: u64 = 64 * 1024;
/// The format that this code reads.
pub const FORMAT: u32 = 1;

/// The content of RELEASE.JSON. Readers ignore fields that they do not know; another meaning gets another `format`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// [`FORMAT`].
    pub format: u32,
    /// Of the product: `corbel`. Another name is another product.
    pub name: String,
    pub version: String,
    /// `amd64`.
    pub architecture: String,
    /// Seconds since 1970 at which it was made.
    pub epoch: u64,
    /// Seconds since 1970 behind which it is not taken any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// dm-verity root hash of the root image, 64 hexadecimal digits.
    pub root_hash: String,
    /// Kernel words of an installed entry, without `corbel.slot`.
    pub words: String,
    pub parts: Vec<ReleasePart>,
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasePart {
    /// [`ROOT_PART`] or [`KERNEL_PART`].
    pub name: String,
    pub bytes: u64,
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// A manifest that cannot be used, whoever signed it.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("the release manifest cannot be read")]
    Json(#[source] serde_json::Error),
    #[error("the release manifest has format {found}, and this version reads {FORMAT}")]
    Format { found: u32 },
    #[error("the release manifest names no part {name}")]
    NoPart { name: &'static str },
    #[error("the SHA-256 of part {name} is not 64 hexadecimal digits")]
    Sum { name: String },
    #[error(transparent)]
    Version(#[from] VersionError),
    #[error("the release's kernel words do not name corbel.root={root_hash}")]
    Words { root_hash: String },
}

impl Release {
    /// Reads a manifest and checks that it is whole: both parts, sums of the right length, a root hash that the words name.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReleaseError> {
        /// The one field that all formats share.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_slice(bytes).map_err(ReleaseError::Json)?;
        if format != FORMAT {
            return Err(ReleaseError::Format { found: format });
        }
        let release: Self = serde_json::from_slice(bytes).map_err(ReleaseError::Json)?;
        for name in [ROOT_PART, KERNEL_PART] {
            release.part(name)?;
        }
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if let Some(part) = release.parts.iter().find(|part| !hex(&part.sha256)) {
            return Err(ReleaseError::Sum {
                name: part.name.clone(),
            });
        }
        let word = format!("corbel.root={}", release.root_hash);
        if !hex(&release.root_hash) || !release.words.split_whitespace().any(|w| w == word) {
            return Err(ReleaseError::Words {
                root_hash: release.root_hash,
            });
        }
        release.version()?;
        Ok(release)
    }

    /// The part of that name.
    ///
    /// # Errors
    /// [`ReleaseError::NoPart`].
    pub fn part(&self, name: &'static str) -> Result<&ReleasePart, ReleaseError> {
        let part = self.parts.iter().find(|part| part.name == name);
        part.ok_or(ReleaseError::NoPart { name })
    }

    /// The version as a value with an order.
    ///
    /// # Errors
    /// A text that is no version.
    pub fn version(&self) -> Result<Version, VersionError> {
        self.version.parse()
    }
}

/// Keys that a node trusts: name (of the file) and key.
#[derive(Clone, Default)]
pub struct KeySet(Vec<(String, PublicKey)>);

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A file that is no public key of minisign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not a public key of minisign")]
pub struct KeyError {
    name: String,
}

impl KeySet {
    /// No key: nothing is signed by anybody who is trusted.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a key: the text of a `.pub` file (a comment and a line of base64), or that line alone.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), KeyError> {
        let key = PublicKey::decode(text.trim_end()).or_else(|_| PublicKey::from_base64(text.trim()));
        let key = key.map_err(|_| KeyError { name: name.to_owned() })?;
        self.0.push((name.to_owned(), key));
        Ok(())
    }
    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a signature is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// By the key of that name.
    By(String),
    /// There is no signature.
    Not,
    /// There is one, and none of the node's keys made it over these bytes.
    Wrong,
}

/// Verifies a signature (the text of a minisign file, prehashed) over the manifest's bytes as they are.
pub fn signed(manifest: &[u8], signature: Option<&str>, keys: &KeySet) -> Signed {
    let Some(signature) = signature else {
        return Signed::Not;
    };
    let Ok(signature) = Signature::decode(signature) else {
        return Signed::Wrong;
    };
    let verifies = |key: &PublicKey| key.verify(manifest, &signature, false).is_ok();
    match keys.0.iter().find(|(_, key)| verifies(key)) {
        Some((name, _)) => Signed::By(name.clone()),
        None => Signed::Wrong,
    }
}

/// What this node takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Seconds since 1970.
    pub now: u64,
    /// The product's name, as [`Release::name`].
    pub name: String,
    /// As [`Release::architecture`].
    pub architecture: String,
    /// What runs; absent while nothing is installed.
    pub running: Option<Version>,
    /// Room of a root partition in bytes; absent while none is chosen.
    pub slot_bytes: Option<u64>,
    /// Versions that failed here before.
    pub failed: Vec<String>,
    /// Takes a release without a signature: for a medium that the operator booted, and for builders.
    pub allow_unsigned: bool,
    /// Takes an older version of the same major number.
    pub allow_downgrade: bool,
    /// Takes a version that failed before.
    pub force: bool,
}

impl Policy {
    /// The strict one, with nothing installed and nothing failed.
    pub fn strict(now: u64, name: &str, architecture: &str) -> Self {
        Self {
            now,
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            running: None,
            slot_bytes: None,
            failed: Vec::new(),
            allow_unsigned: false,
            allow_downgrade: false,
            force: false,
        }
    }
}

/// Why a release is not taken. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the release {version} is not signed")]
    Unsigned { version: String },
    #[error(
        "the signature of release {version} is by none of the keys that this node trusts, or the release was changed"
    )]
    WrongSignature { version: String },
    #[error("the image is {found}, and this node runs {expected}")]
    OtherName { found: String, expected: String },
    #[error("the release {version} is for {found}, and this node is {expected}")]
    OtherArchitecture {
        version: String,
        found: String,
        expected: String,
    },
    #[error("the release {version} expired: its makers say that it must not be installed any more")]
    Expired { version: String },
    #[error("version {version} has another major number than {running}: install it anew")]
    OtherMajor { version: String, running: String },
    #[error("version {version} is older than {running}, which runs: ask for a downgrade if you mean it")]
    Older { version: String, running: String },
    #[error("version {version} is the one that runs: force it if you mean it")]
    Same { version: String },
    #[error("version {version} failed on this node before: force it if you mean it")]
    FailedBefore { version: String },
    #[error("{part} of version {version} has {bytes} bytes, and the slot has room for {room}")]
    TooLarge {
        version: String,
        part: String,
        bytes: u64,
        room: u64,
    },
}

impl Refusal {
    /// A stable word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unsigned { .. } => "unsigned",
            Self::WrongSignature { .. } => "wrong-signature",
            Self::OtherName { .. } => "other-name",
            Self::OtherArchitecture { .. } => "other-architecture",
            Self::Expired { .. } => "expired",
            Self::OtherMajor { .. } => "other-major",
            Self::Older { .. } => "older",
            Self::Same { .. } => "same",
            Self::FailedBefore { .. } => "failed-before",
            Self::TooLarge { .. } => "too-large",
        }
    }
}

/// Whether this node takes the release. The signature is judged first: an unsigned text says nothing that counts.
///
/// # Errors
/// The first reason against it.
pub fn check(release: &Release, signed: &Signed, policy: &Policy) -> Result<(), Refusal> {
    let version = || release.version.clone();
    match signed {
        Signed::By(_) => {}
        Signed::Not | Signed::Wrong if policy.allow_unsigned => {}
        Signed::Not => return Err(Refusal::Unsigned { version: version() }),
        Signed::Wrong => return Err(Refusal::WrongSignature { version: version() }),
    }
    if release.name != policy.name {
        return Err(Refusal::OtherName {
            found: release.name.clone(),
            expected: policy.name.clone(),
        });
    }
    if release.architecture != policy.architecture {
        return Err(Refusal::OtherArchitecture {
            version: version(),
            found: release.architecture.clone(),
            expected: policy.architecture.clone(),
        });
    }
    // A clock that stands before the release was made is wrong, and the release's own time is nearer to the truth.
    if release.expires.is_some_and(|end| policy.now.max(release.epoch) > end) {
        return Err(Refusal::Expired { version: version() });
    }
    against_running(release, policy)?;
    if policy.failed.contains(&release.version) && !policy.force {
        return Err(Refusal::FailedBefore { version: version() });
    }
    let root = release.parts.iter().find(|part| part.name == ROOT_PART);
    if let (Some(part), Some(room)) = (root, policy.slot_bytes)
        && part.bytes > room
    {
        return Err(Refusal::TooLarge {
            version: version(),
            part: part.name.clone(),
            bytes: part.bytes,
            room,
        });
    }
    Ok(())
}

fn against_running(release: &Release, policy: &Policy) -> Result<(), Refusal> {
    let (Some(running), Ok(version)) = (&policy.running, release.version()) else {
        return Ok(());
    };
    let names = || (version.to_string(), running.to_string());
    if version.major() != running.major() {
        let (version, running) = names();
        return Err(Refusal::OtherMajor { version, running });
    }
    if version < *running && !policy.allow_downgrade {
        let (version, running) = names();
        return Err(Refusal::Older { version, running });
    }
    if version == *running && !policy.force {
        let version = version.to_string();
        return Err(Refusal::Same { version });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
