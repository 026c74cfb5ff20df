//! A seed disk: a FAT volume `CORBEL-SEED` with what an owner adds to an image. Made by mkfs.vfat and mcopy, because a FAT
//! that only our own code reads would prove little.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use corbel_layout::cpio::{Cpio, Entry};

use crate::{Identity, run};

/// What is on the seed disk, by path.
#[derive(Debug, Clone, Default)]
pub struct Seed {
    files: Vec<(String, String)>,
}

impl Seed {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets this certificate in as an admin of the API.
    #[must_use]
    pub fn client(self, identity: &Identity) -> Self {
        self.file("clients/e2e.pem", identity.certificate())
    }

    /// Lets this key in by ssh.
    #[must_use]
    pub fn ssh(self, identity: &Identity) -> Self {
        self.file("authorized_keys", &format!("{}\n", identity.ssh_public()))
    }

    /// Says these words as if they stood on the kernel's command line.
    #[must_use]
    pub fn words(self, words: &str) -> Self {
        self.file("words", &format!("{words}\n"))
    }

    /// Any file.
    #[must_use]
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    /// Writes `seed.cpio` into `folder`: the folder `/seed` of an initramfs, which is how a machine that boots from the
    /// network gets its seed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_initramfs(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let mut archive = Cpio::new(0);
        archive.add("seed", Entry::Folder { mode: 0o700 });
        let mut folders: Vec<&str> = self
            .files
            .iter()
            .filter_map(|(path, _)| path.rsplit_once('/'))
            .map(|(at, _)| at)
            .collect();
        folders.sort_unstable();
        folders.dedup();
        for path in folders {
            archive.add(&format!("seed/{path}"), Entry::Folder { mode: 0o700 });
        }
        for (path, text) in &self.files {
            let entry = Entry::File {
                mode: 0o600,
                bytes: text.as_bytes(),
            };
            archive.add(&format!("seed/{path}"), entry);
        }
        let file = folder.join("seed.cpio");
        #[allow(clippy::disallowed_methods)] // a file that is made anew by each run
        std::fs::write(&file, archive.finish()).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    /// Writes the disk `seed.img` into `folder` and gives its path.
    ///
    /// # Errors
    /// When a tool is missing or refuses.
    pub fn write(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let disk = folder.join("seed.img");
        if disk.exists() {
            std::fs::remove_file(&disk)?;
        }
        run::tool("mkfs.vfat", |command| {
            command.args(["-n", "CORBEL-SEED", "-C"]).arg(&disk).arg("4096")
        })?;
        let content = tempfile::tempdir_in(folder)?;
        for (path, text) in &self.files {
            let file = content.path().join(path);
            if let Some(parent) = file.parent() {
                std::fs::create_dir_all(parent)?;
            }
            run::keep(&file, text)?;
        }
        let mut tops: Vec<&str> = self
            .files
            .iter()
            .filter_map(|(path, _)| path.split('/').next())
            .collect();
        tops.dedup();
        if !tops.is_empty() {
            let from = tops.iter().map(|top| content.path().join(top));
            run::tool("mcopy", |command| {
                command.args(["-s", "-Q", "-i"]).arg(&disk).args(from).arg("::/")
            })?;
        }
        Ok(disk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mtools_finds_what_was_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let seed = Seed::new()
            .words("hostname=a")
            .file("clients/a.pem", "A")
            .file("clients/b.pem", "B");
        let disk = seed.write(folder.path()).unwrap();
        let listed = run::tool("mdir", |command| command.args(["-b", "-/", "-i"]).arg(&disk).arg("::")).unwrap();
        for name in ["words", "clients/a.pem", "clients/b.pem"] {
            assert!(listed.contains(name), "{listed}");
        }
    }
}
