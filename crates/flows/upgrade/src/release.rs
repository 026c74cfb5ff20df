//! A release as it comes: from an ISO, as a file or a block device, or from the folder that a network boot left.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use corbel_layout::fat::{self, FatError};
use corbel_layout::iso9660::{self, IsoError};
use corbel_layout::{Extent, ReadAt, Window};
use corbel_progress::Sink;
use corbel_release::release::{
    KERNEL_PART, KeySet, MANIFEST_PATH, MOST_MANIFEST_BYTES, Policy, ROOT_PART, Refusal, Release as Manifest,
    ReleaseError, ReleasePart, SIGNATURE_PATH, Signed, check, signed,
};
use corbel_sys::{Cancel, FileError, read_limited};

use crate::CopyError;
use crate::copy::{Summed, hex};
use crate::report::Step;

/// Where bytes come from; shared, because a release keeps it until it is written.
pub type Source = Arc<dyn ReadAt + Send + Sync>;

const ROOT_PATH: &str = "CORBEL/ROOT.IMG";
const EFI_IMAGE_PATH: &str = "boot/esp.img";
const KERNEL_FOLDERS: [&str; 2] = ["EFI", "Linux"];
const KERNEL_FILE: &str = "corbel.efi";
/// A UKI above that is a mistake; it is held in memory.
const MOST_KERNEL_BYTES: u64 = 512 << 20;

/// Why a release cannot be used. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the image is no ISO of Corbel")]
    Iso(#[from] IsoError),
    #[error("the image carries no release manifest: it was made by an older builder")]
    NoManifest,
    #[error("cannot read {what} of the image")]
    Read { what: &'static str, source: io::Error },
    #[error("cannot read the EFI partition in the image")]
    Fat(#[from] FatError),
    #[error("the EFI partition in the image has no {KERNEL_FILE}")]
    NoKernel,
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Manifest(#[from] ReleaseError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{part} has {found} bytes, and its manifest says {expected}")]
    Length { part: String, found: u64, expected: u64 },
    #[error("{part} is not what its manifest says: SHA-256 {found}, expected {expected}")]
    Sum {
        part: String,
        found: String,
        expected: String,
    },
    #[error("cannot read {part} of the release")]
    Part { part: String, source: CopyError },
}

/// A release that the node would take: signature and policy are checked, the parts' sums are not yet ([`Release::verify`]).
pub struct Release {
    manifest: Manifest,
    text: Vec<u8>,
    signed: Signed,
    root: Window<Source>,
    kernel: Vec<u8>,
}

impl std::fmt::Debug for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Release")
            .field("manifest", &self.manifest)
            .field("signed", &self.signed)
            .finish_non_exhaustive()
    }
}

impl Release {
    /// Opens an ISO.
    ///
    /// # Errors
    /// An image of another kind, a broken one, or the policy's refusal.
    pub fn open(source: Source, keys: &KeySet, policy: &Policy) -> Result<Self, OpenError> {
        let volume = iso9660::read_volume(&source)?;
        let find = |path: &str| match iso9660::find(&source, &volume, path) {
            Ok(extent) => Ok(Some(extent)),
            Err(IsoError::NotFound { .. }) => Ok(None),
            Err(error) => Err(OpenError::from(error)),
        };
        let text = find(MANIFEST_PATH)?.ok_or(OpenError::NoManifest)?;
        let text = read_small(&source, text, "the manifest")?;
        let signature = find(SIGNATURE_PATH)?
            .map(|extent| read_small(&source, extent, "the signature"))
            .transpose()?;
        let (manifest, signed) = judge(&text, signature.as_deref(), keys, policy)?;
        let root = find(ROOT_PATH)?.ok_or(IsoError::NotFound {
            path: ROOT_PATH.to_owned(),
        })?;
        // The signature has been checked: only now is anything larger read.
        let part = manifest.part(KERNEL_PART)?;
        let efi = find(EFI_IMAGE_PATH)?.ok_or(OpenError::NoKernel)?;
        let kernel = read_kernel(&Window::new(Arc::clone(&source), efi), part)?;
        let root = Window::new(source, root);
        let part = manifest.part(ROOT_PART)?;
        if root.length() != part.bytes {
            return Err(length(part, root.length()));
        }
        Ok(Self {
            text,
            signed,
            root,
            kernel,
            manifest,
        })
    }

    /// Opens what a network boot left in `folder` (`/run/corbel/release`): `release.json`, `release.sig` if it is signed, and
    /// `corbel.efi`; `root` is the device with the root image.
    ///
    /// # Errors
    /// As [`Release::open`].
    pub fn open_folder(folder: &Path, root: Source, keys: &KeySet, policy: &Policy) -> Result<Self, OpenError> {
        let file = |name: &str| -> PathBuf { folder.join(name) };
        let text = read_limited(&file("release.json"), MOST_MANIFEST_BYTES)?;
        let signature = match file("release.sig").exists() {
            true => Some(read_limited(&file("release.sig"), MOST_MANIFEST_BYTES)?),
            false => None,
        };
        let (manifest, signed) = judge(&text, signature.as_deref(), keys, policy)?;
        let kernel = read_limited(&file(KERNEL_FILE), MOST_KERNEL_BYTES)?;
        let part = manifest.part(KERNEL_PART)?;
        if kernel.len() as u64 != part.bytes {
            return Err(length(part, kernel.len() as u64));
        }
        let extent = Extent {
            offset: 0,
            length: manifest.part(ROOT_PART)?.bytes,
        };
        Ok(Self {
            text,
            signed,
            root: Window::new(root, extent),
            kernel,
            manifest,
        })
    }

    /// What the release says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
    /// Whose signature it has.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
    /// The manifest's bytes as they were signed.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
    /// The UKI.
    pub fn kernel(&self) -> &[u8] {
        &self.kernel
    }
    /// The root image.
    pub fn root(&self) -> &dyn ReadAt {
        &self.root
    }
    /// Size and sum of the root image.
    ///
    /// # Errors
    /// Never after [`Release::open`], which has seen the part.
    pub fn root_part(&self) -> Result<&ReleasePart, OpenError> {
        Ok(self.manifest.part(ROOT_PART)?)
    }

    /// Reads all parts from the source and compares their sums, before anything is written. Gives what the root image was.
    ///
    /// # Errors
    /// A truncated or changed part, or a medium that fails.
    pub fn verify(&self, sink: &dyn Sink, cancel: &Cancel) -> Result<Summed, OpenError> {
        use sha2::{Digest, Sha256};
        let step = Step::begin(sink, "verify", "Verify the release");
        equal(self.manifest.part(KERNEL_PART)?, hex(&Sha256::digest(&self.kernel)))?;
        let part = self.root_part()?;
        let root = Summed::read(&self.root, part.bytes, cancel, |done| step.progress(done, part.bytes));
        let root = root.map_err(|source| OpenError::Part {
            part: part.name.clone(),
            source,
        })?;
        equal(part, root.sha256.clone())?;
        step.done();
        Ok(root)
    }
}

fn judge(
    text: &[u8],
    signature: Option<&[u8]>,
    keys: &KeySet,
    policy: &Policy,
) -> Result<(Manifest, Signed), OpenError> {
    let signature = signature.map(String::from_utf8_lossy);
    let signed = signed(text, signature.as_deref(), keys);
    let manifest = Manifest::parse(text)?;
    check(&manifest, &signed, policy)?;
    Ok((manifest, signed))
}

fn length(part: &ReleasePart, found: u64) -> OpenError {
    OpenError::Length {
        part: part.name.clone(),
        found,
        expected: part.bytes,
    }
}

fn equal(part: &ReleasePart, found: String) -> Result<(), OpenError> {
    match found == part.sha256 {
        true => Ok(()),
        false => Err(OpenError::Sum {
            part: part.name.clone(),
            found,
            expected: part.sha256.clone(),
        }),
    }
}

fn read_small(source: &Source, extent: Extent, what: &'static str) -> Result<Vec<u8>, OpenError> {
    if extent.length > MOST_MANIFEST_BYTES {
        let source = io::Error::new(io::ErrorKind::FileTooLarge, "it is too large");
        return Err(OpenError::Read { what, source });
    }
    let mut bytes = vec![0; extent.length as usize];
    source
        .read_at(extent.offset, &mut bytes)
        .map_err(|source| OpenError::Read { what, source })?;
    Ok(bytes)
}

fn read_kernel(efi: &Window<Source>, part: &ReleasePart) -> Result<Vec<u8>, OpenError> {
    let volume = fat::read_volume(efi)?;
    let mut entries = volume.root(efi)?;
    let named = |entries: &[fat::Entry], name: &str, directory: bool| {
        let found = entries
            .iter()
            .find(|e| e.directory == directory && e.name.eq_ignore_ascii_case(name));
        found.cloned().ok_or(OpenError::NoKernel)
    };
    for folder in KERNEL_FOLDERS {
        entries = volume.list(efi, &named(&entries, folder, true)?)?;
    }
    let file = named(&entries, KERNEL_FILE, false)?;
    if file.size != part.bytes || file.size > MOST_KERNEL_BYTES {
        return Err(length(part, file.size));
    }
    Ok(volume.read_file(efi, &file)?)
}
