//! The image under test, as `corbel image build` leaves it in a folder: the ISO, the files for booting from the network, and
//! the demo guest.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use corbel_layout::{Extent, ReadAt, iso9660};

/// The file in the ISO that holds the verified root.
const ROOT: &str = "/CORBEL/ROOT.IMG";

/// The files of one image.
#[derive(Debug, Clone)]
pub struct Image {
    folder: PathBuf,
    iso: PathBuf,
}

/// What a firmware or a server sends to a machine that boots from the network.
#[derive(Debug, Clone)]
pub struct Netboot {
    pub kernel: PathBuf,
    /// In the order in which they must be loaded: the small one, then the root image.
    pub initrds: Vec<PathBuf>,
    /// The words that the kernel needs, without the operator's own.
    pub words: String,
}

impl Image {
    /// Finds the one ISO in the folder.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let paths = entries.flatten().map(|entry| entry.path());
        let isos: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "iso"))
            .collect();
        match isos.as_slice() {
            [iso] => Ok(Self {
                folder: folder.to_path_buf(),
                iso: iso.clone(),
            }),
            [] => bail!(
                "no .iso in {}: `corbel image build --out {0}` makes one",
                folder.display()
            ),
            _ => bail!("more than one .iso in {}", folder.display()),
        }
    }

    /// The ISO file.
    pub fn iso(&self) -> &Path {
        &self.iso
    }

    /// The files for booting from the network.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn netboot(&self) -> anyhow::Result<Netboot> {
        let folder = self.folder.join("netboot");
        let file = |name: &str| -> anyhow::Result<PathBuf> {
            let path = folder.join(name);
            if path.exists() {
                Ok(path)
            } else {
                bail!("{} is missing", path.display())
            }
        };
        let words = file("cmdline")?;
        let words = std::fs::read_to_string(&words).with_context(|| format!("cannot read {}", words.display()))?;
        Ok(Netboot {
            kernel: file("vmlinuz")?,
            initrds: vec![file("initrd.img")?, file("root.cpio")?],
            words: words.trim().to_owned(),
        })
    }

    /// A file of the demo guest, `kernel` or `initrd`.
    ///
    /// # Errors
    /// When it is missing.
    pub fn demo_guest(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join("demo-guest").join(name);
        if path.exists() {
            Ok(path)
        } else {
            bail!("{} is missing", path.display())
        }
    }

    /// A copy of the ISO at `to`, in which the bytes at these places of the root image are inverted.
    ///
    /// # Errors
    /// When a place is outside of the root image, or a file cannot be read or written.
    pub fn damaged(&self, to: &Path, places: impl IntoIterator<Item = u64>) -> anyhow::Result<Self> {
        std::fs::copy(&self.iso, to).with_context(|| format!("cannot copy the ISO to {}", to.display()))?;
        let root = self.root()?;
        let file = File::options().read(true).write(true).open(to)?;
        for place in places {
            anyhow::ensure!(
                place < root.length,
                "{place} is outside of the root image of {} bytes",
                root.length
            );
            let mut byte = [0];
            file.read_exact_at(&mut byte, root.offset + place)?;
            file.write_all_at(&[!byte[0]], root.offset + place)?;
        }
        Ok(Self {
            folder: self.folder.clone(),
            iso: to.to_path_buf(),
        })
    }

    /// Where in the ISO the root image lies.
    ///
    /// # Errors
    /// When the ISO cannot be read as one of ours.
    pub fn root(&self) -> anyhow::Result<Extent> {
        let file = File::open(&self.iso).with_context(|| format!("cannot open {}", self.iso.display()))?;
        let file = OnDisk(file);
        let volume = iso9660::read_volume(&file)?;
        Ok(iso9660::find(&file, &volume, ROOT)?)
    }
}

/// A file as the pure readers of formats want it.
struct OnDisk(File);

impl ReadAt for OnDisk {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_exactly_one_image() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            Image::open(folder.path())
                .unwrap_err()
                .to_string()
                .contains("no .iso in")
        );
        File::create(folder.path().join("a.iso")).unwrap();
        assert_eq!(Image::open(folder.path()).unwrap().iso(), folder.path().join("a.iso"));
        File::create(folder.path().join("b.iso")).unwrap();
        assert!(
            Image::open(folder.path())
                .unwrap_err()
                .to_string()
                .contains("more than one")
        );
    }
}
