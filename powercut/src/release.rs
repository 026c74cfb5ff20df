//! What a whole system is: the parts of a release, read out of its ISO and verified once. States of a disk are then compared with
//! them byte by byte, so that what equals a verified image needs no second verification.

use std::{collections::BTreeSet, fs::File, io, os::unix::fs::FileExt as _, path::Path};

use anyhow::{Context as _, bail, ensure};
use corbel_layout::{
    Extent, ReadAt, Window, grub, iso9660, pe, root_image,
    verity::{RootHash, Superblock},
};
use corbel_release::release::{KERNEL_PART, MANIFEST_PATH, ROOT_PART, Release as Manifest};
use sha2::{Digest as _, Sha256};

use crate::esp::{self, Esp};

/// SHA-256.
pub type Sum = [u8; 32];

/// The EFI partition's image in an ISO, and where the UKI lies in it.
const ESP_IMAGE: &str = "/boot/esp.img";
const UKI: &str = "EFI/Linux/corbel.efi";
/// Loaders in an EFI partition: the place that firmware looks at by itself, and the one that its boot entry names.
pub const LOADERS: [&str; 2] = ["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"];

/// A medium of any kind, opened for reading at places.
pub struct Medium(Box<dyn ReadAt>);

impl std::fmt::Debug for Medium {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Medium")
    }
}

impl Medium {
    /// Takes anything that can be read at places.
    pub fn new(medium: impl ReadAt + 'static) -> Self {
        Self(Box::new(medium))
    }
}

impl ReadAt for Medium {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
}

struct OwnFile(File);

impl ReadAt for OwnFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

/// A release whose parts are known to be whole.
#[derive(Debug)]
pub struct Release {
    /// For people.
    pub version: String,
    /// Of the root image.
    pub root_hash: RootHash,
    /// The hash tree of the root image.
    pub tree: Superblock,
    /// Holds the root image.
    pub medium: Medium,
    /// Where in `medium` the root image lies.
    pub root: Extent,
    /// Of the UKI.
    pub uki: Sum,
    /// Where GRUB finds kernel and initrd in the UKI.
    pub blocks: grub::Blocks,
    /// SHA-256 of each file that firmware may start instead of a UKI.
    pub loaders: BTreeSet<Sum>,
}

impl Release {
    /// Reads and verifies an ISO.
    ///
    /// # Errors
    /// When it is no ISO of ours, has no manifest, or a part is not what the manifest says.
    pub fn open(iso: &Path) -> anyhow::Result<Self> {
        let file = File::open(iso).with_context(|| format!("cannot open {}", iso.display()))?;
        Self::read(Medium::new(OwnFile(file))).with_context(|| format!("cannot use {}", iso.display()))
    }

    fn read(medium: Medium) -> anyhow::Result<Self> {
        let volume = iso9660::read_volume(&medium)?;
        let find = |path: &str| iso9660::find(&medium, &volume, path).with_context(|| format!("cannot find {path}"));
        let manifest = find(&format!("/{MANIFEST_PATH}"))?;
        let mut bytes = vec![0; usize::try_from(manifest.length)?];
        medium.read_at(manifest.offset, &mut bytes)?;
        let manifest = Manifest::parse(&bytes)?;
        let root = find("/CORBEL/ROOT.IMG")?;
        let esp = Window::new(&medium, find(ESP_IMAGE)?);
        let esp = Esp::open(&esp)?;
        let uki = esp.read(UKI)?.context("the EFI partition has no UKI")?;
        let mut loaders = BTreeSet::new();
        for path in LOADERS {
            loaders.extend(esp.read(path)?.map(|bytes| esp::sum(&bytes)));
        }
        ensure!(!loaders.is_empty(), "the EFI partition has no loader");
        for (name, found) in [(ROOT_PART, sum_of(&medium, root)?), (KERNEL_PART, esp::sum(&uki))] {
            let expected = &manifest.part(name)?.sha256;
            let found = hex(&found);
            ensure!(
                found == *expected,
                "part {name} has the SHA-256 {found}, and the manifest says {expected}"
            );
        }
        let (version, hash) = (manifest.version, manifest.root_hash.parse()?);
        Self::assemble(version, hash, medium, root, &uki, loaders)
    }

    /// A release of these parts; the root image is verified against its hash.
    ///
    /// # Errors
    /// When it does not match, or the UKI is none.
    pub fn assemble(
        version: String,
        root_hash: RootHash,
        medium: Medium,
        root: Extent,
        uki: &[u8],
        loaders: BTreeSet<Sum>,
    ) -> anyhow::Result<Self> {
        let image = Window::new(&medium, root);
        let tree = root_image::read(&image)?.verity;
        tree.verify(&image, &root_hash)?;
        if tree.image_length() != root.length {
            bail!(
                "the root image has {} bytes, and its headers say {}",
                root.length,
                tree.image_length()
            );
        }
        let blocks = grub::blocks(&pe::sections(uki, uki.len() as u64)?)?;
        Ok(Self {
            version,
            root_hash,
            tree,
            medium,
            root,
            uki: esp::sum(uki),
            blocks,
            loaders,
        })
    }
}

/// SHA-256 of a part of a medium.
fn sum_of(medium: &Medium, part: Extent) -> io::Result<Sum> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while at < part.length {
        let piece = &mut buffer[..(part.length - at).min(1 << 20) as usize];
        medium.read_at(part.offset + at, piece)?;
        hash.update(&*piece);
        at += piece.len() as u64;
    }
    Ok(hash.finalize().into())
}

fn hex(sum: &Sum) -> String {
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}
