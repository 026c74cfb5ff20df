//! The files for booting from the network: kernel, initrd, the root image wrapped as a second initrd file, and an iPXE script.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use corbel_layout::cpio::Cpio;
use corbel_release::manifest::Entry;
use corbel_sys::write_atomic;

use crate::BuildError;
use crate::base::Base;
use crate::root::Root;
use crate::tools::Tools;

/// Write `netboot/` below `work`.
pub(crate) fn netboot(
    work: &Path,
    base: &Base,
    initrd: &Path,
    root: &Root,
    entry: &Entry,
    tools: &Tools,
) -> Result<PathBuf, BuildError> {
    let folder = work.join("netboot");
    fs::create_dir_all(&folder).map_err(BuildError::io("make", &folder))?;
    for (from, name) in [(base.kernel.as_path(), "vmlinuz"), (initrd, "initrd.img")] {
        let to = folder.join(name);
        fs::copy(from, &to).map_err(BuildError::io("copy to", &to))?;
    }
    let path = folder.join("root.cpio");
    let failed = || BuildError::io("write", &path);
    let size = root
        .image
        .metadata()
        .map_err(BuildError::io("read", &root.image))?
        .len();
    let size = usize::try_from(size).map_err(|_| BuildError::content("the root image is too large for an initrd"))?;
    let mut out = File::create(&path).map_err(failed())?;
    out.write_all(&Cpio::file_header(tools.epoch, "root.img", 0o400, size))
        .map_err(failed())?;
    let mut image = File::open(&root.image).map_err(BuildError::io("open", &root.image))?;
    std::io::copy(&mut image, &mut out).map_err(failed())?;
    out.write_all(&Cpio::trailer()).map_err(failed())?;
    write_atomic(&folder.join("cmdline"), format!("{}\n", entry.words).as_bytes(), 0o644)?;
    let script = format!(
        "#!ipxe\n# Answers may follow behind the words: hostname=, ip=, adminpw=, corbel.sshkey= …\n\
         kernel vmlinuz initrd=initrd.img initrd=root.cpio {}\ninitrd initrd.img\ninitrd root.cpio\nboot\n",
        entry.words
    );
    write_atomic(&folder.join("corbel.ipxe"), script.as_bytes(), 0o644)?;
    Ok(folder)
}
