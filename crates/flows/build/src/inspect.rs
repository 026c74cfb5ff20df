//! Looking into a finished image without mounting it: manifest, verified root, kernel words as the UKI has them, seed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use corbel_disk::{FileMedium, read_seed_partition};
use corbel_layout::verity::RootHash;
use corbel_layout::{Extent, ReadAt, Window, iso9660, root_image};
use corbel_release::manifest::{Manifest, parse_manifest};
use corbel_release::release::{MANIFEST_PATH, MOST_MANIFEST_BYTES, Release, SIGNATURE_PATH};
use serde::Serialize;

use crate::BuildError;

/// A manifest larger than this is not one of ours.
const MANIFEST_LIMIT: u64 = 16 << 20;

/// What an image holds.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    #[serde(flatten)]
    pub manifest: Manifest,
    /// Bytes of the whole file.
    pub size: u64,
    /// Whether every block of the root fits the root hash.
    pub root: RootState,
    /// What an upgrade checks. Absent in images from before there were releases.
    pub release: Option<ReleaseState>,
    /// File in the seed area → bytes. Absent when the area cannot be read.
    pub seed: Option<BTreeMap<String, u64>>,
    pub seed_problem: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum RootState {
    Intact,
    Damaged { problem: String },
}

/// RELEASE.JSON, and who says that he signed it.
#[derive(Debug, Clone, Serialize)]
pub struct ReleaseState {
    #[serde(flatten)]
    pub release: Release,
    /// Number of the key that the signature names, as minisign prints it. Whether a node trusts that key is the node's to say.
    pub signed_by: Option<String>,
}

/// Read the image at `path`; every block of the root is checked.
pub fn inspect(path: &Path) -> Result<Inspection, BuildError> {
    if path.is_dir() {
        return Err(BuildError::NotAnImage {
            path: path.to_owned(),
            problem: "it is a folder".into(),
        });
    }
    let medium = FileMedium::open(path).map_err(BuildError::io("open", path))?;
    let size = path.metadata().map_err(BuildError::io("read", path))?.len();
    let not_ours = |problem: String| BuildError::NotAnImage {
        path: path.to_owned(),
        problem,
    };
    let volume = iso9660::read_volume(&medium).map_err(|e| not_ours(e.to_string()))?;
    let find = |name: &str| iso9660::find(&medium, &volume, name).map_err(|e| not_ours(e.to_string()));
    let extent = find("CORBEL/MANIFEST.JSON")?;
    if extent.length > MANIFEST_LIMIT {
        return Err(not_ours(format!("its manifest is {} bytes large", extent.length)));
    }
    let mut bytes = vec![0; usize::try_from(extent.length).unwrap_or(0)];
    medium
        .read_at(extent.offset, &mut bytes)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => not_ours("it ends in the middle: copy or download it again".into()),
            _ => BuildError::io("read", path)(error),
        })?;
    let manifest = parse_manifest(&String::from_utf8_lossy(&bytes))
        .map_err(|e| not_ours(format!("its manifest is damaged ({e})")))?;
    let release = read_release(&medium, &volume).map_err(not_ours)?;
    let root = check_root(&medium, find("CORBEL/ROOT.IMG")?, manifest.root_hash.as_deref());
    let (seed, seed_problem) = match read_seed_partition(&medium) {
        Ok(Some(files)) => (
            Some(
                files
                    .into_iter()
                    .map(|(name, bytes)| (name, bytes.len() as u64))
                    .collect(),
            ),
            None,
        ),
        Ok(None) => (None, Some("the file has no seed area".to_owned())),
        Err(error) => (None, Some(error.to_string())),
    };
    Ok(Inspection {
        manifest,
        size,
        root,
        release,
        seed,
        seed_problem,
    })
}

fn read_release(medium: &FileMedium, volume: &iso9660::Volume) -> Result<Option<ReleaseState>, String> {
    let read = |name: &str| -> Result<Option<Vec<u8>>, String> {
        let extent = match iso9660::find(medium, volume, name) {
            Ok(extent) if extent.length <= MOST_MANIFEST_BYTES => extent,
            Ok(extent) => return Err(format!("its {name} is {} bytes large", extent.length)),
            Err(iso9660::IsoError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut bytes = vec![0; usize::try_from(extent.length).unwrap_or(0)];
        medium.read_at(extent.offset, &mut bytes).map_err(|e| e.to_string())?;
        Ok(Some(bytes))
    };
    let Some(json) = read(MANIFEST_PATH)? else {
        return Ok(None);
    };
    let release = Release::parse(&json).map_err(|e| e.to_string())?;
    let signature = read(SIGNATURE_PATH)?;
    let signed_by = signature
        .map(|bytes| crate::sign::key_of_signature(&String::from_utf8_lossy(&bytes)).ok_or("its signature is damaged"))
        .transpose()?;
    Ok(Some(ReleaseState { release, signed_by }))
}

fn check_root(medium: &FileMedium, extent: Extent, hash: Option<&str>) -> RootState {
    let check = || -> Result<(), String> {
        let hash: RootHash = hash
            .ok_or("the manifest names no root hash")?
            .parse()
            .map_err(|e| format!("{e}"))?;
        let window = Window::new(medium, extent);
        let image = root_image::read(&window).map_err(|e| e.to_string())?;
        image.verity.verify(&window, &hash).map_err(|e| e.to_string())
    };
    match check() {
        Ok(()) => RootState::Intact,
        Err(problem) => RootState::Damaged { problem },
    }
}
