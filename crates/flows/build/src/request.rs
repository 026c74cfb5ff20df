//! What a build is asked for, and what it gives.

use std::path::PathBuf;

/// Everything a build depends on besides the host's programs.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// Folder with `recipe.toml` and its neighbours.
    pub recipe: PathBuf,
    /// Debian suite; the recipe's first when absent.
    pub suite: Option<String>,
    /// Where the results go. Made when absent.
    pub out: PathBuf,
    /// Use only what the cache holds.
    pub offline: bool,
    /// Build from this lock instead of resolving.
    pub lock: Option<PathBuf>,
    /// Debian's archive, instead of the one that the host's apt is configured with.
    pub mirror: Option<String>,
    /// Debian's security archive, likewise.
    pub security_mirror: Option<String>,
    /// Layers and packages; safe to lose.
    pub cache: PathBuf,
    /// Folder with ready `corbel`, `corbel-node`, `corbel-console` and a static `corbel-init`, instead of running cargo.
    pub binaries: Option<PathBuf>,
    /// Of the image.
    pub version: String,
    /// Secret key of minisign without a password: the release is signed with it, and a node of this image trusts its public
    /// half. Without one there is no signature and a node trusts nobody.
    pub sign_key: Option<PathBuf>,
    /// How long the release may be installed, days from the lock's epoch on.
    pub expires_days: u32,
}

/// What lies in the output folder afterwards.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Built {
    pub iso: PathBuf,
    pub iso_bytes: u64,
    pub iso_sha256: String,
    pub root_hash: String,
    pub manifest: PathBuf,
    pub lock: PathBuf,
    pub checksums: PathBuf,
    /// Beside the ISO as well as in it.
    pub release: PathBuf,
    /// Its signature, if there was a key.
    pub signature: Option<PathBuf>,
    pub netboot: PathBuf,
    pub demo_guest: PathBuf,
}
