//! The files for booting from the network: kernel, initrd, the root image and the release wrapped as a second initrd file, and an
//! iPXE script. The release lets a node that came over the network install itself without asking it again.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use corbel_layout::cpio::{Cpio, Entry};
use corbel_sys::write_atomic;

use crate::BuildError;
use crate::release::Signed;
use crate::tools::Tools;

/// What a node needs that starts from the network.
pub(crate) struct Files<'a> {
    pub(crate) kernel: &'a Path,
    pub(crate) initrd: &'a Path,
    pub(crate) root: &'a Path,
    /// Kernel and initrd again, as an installed node starts them.
    pub(crate) uki: &'a Path,
}

/// Write `netboot/` below `work`.
pub(crate) fn netboot(
    work: &Path,
    files: &Files<'_>,
    release: &Signed,
    words: &str,
    tools: &Tools,
) -> Result<PathBuf, BuildError> {
    let folder = work.join("netboot");
    fs::create_dir_all(&folder).map_err(BuildError::io("make", &folder))?;
    for (from, name) in [(files.kernel, "vmlinuz"), (files.initrd, "initrd.img")] {
        let to = folder.join(name);
        fs::copy(from, &to).map_err(BuildError::io("copy to", &to))?;
    }
    let path = folder.join("root.cpio");
    let failed = || BuildError::io("write", &path);
    let size = files.root.metadata().map_err(BuildError::io("read", files.root))?.len();
    let size = usize::try_from(size).map_err(|_| BuildError::content("the root image is too large for an initrd"))?;
    let mut out = File::create(&path).map_err(failed())?;
    out.write_all(&Cpio::file_header(tools.epoch, "root.img", 0o400, size))
        .map_err(failed())?;
    let mut image = File::open(files.root).map_err(BuildError::io("open", files.root))?;
    std::io::copy(&mut image, &mut out).map_err(failed())?;
    out.write_all(&release_files(files.uki, release, tools)?)
        .map_err(failed())?;
    write_atomic(&folder.join("cmdline"), format!("{words}\n").as_bytes(), 0o644)?;
    let script = format!(
        "#!ipxe\n# Answers may follow behind the words: hostname=, ip=, adminpw=, corbel.sshkey= …\n\
         kernel vmlinuz initrd=initrd.img initrd=root.cpio {words}\ninitrd initrd.img\ninitrd root.cpio\nboot\n"
    );
    write_atomic(&folder.join("corbel.ipxe"), script.as_bytes(), 0o644)?;
    Ok(folder)
}

/// An archive with the folder `release`, its end included.
fn release_files(uki: &Path, release: &Signed, tools: &Tools) -> Result<Vec<u8>, BuildError> {
    let mut archive = Cpio::new(tools.epoch);
    archive.add("release", Entry::Folder { mode: 0o755 });
    crate::initrd::add_file(&mut archive, "release/release.json", &release.json, 0o644)?;
    if let Some(signature) = &release.signature {
        crate::initrd::add_file(&mut archive, "release/release.sig", signature, 0o644)?;
    }
    crate::initrd::add_file(&mut archive, "release/corbel.efi", uki, 0o644)?;
    Ok(archive.finish())
}
