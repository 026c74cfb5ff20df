//! The demo guest: the image's own kernel and a shell script in a busybox, small enough to be made with every build. It shows that
//! a VM runs, and answers a nonce so that a test knows that it was this guest that spoke.

use std::fs;
use std::path::{Path, PathBuf};

use corbel_layout::cpio::{Cpio, Entry};
use corbel_layout::kmod::ModuleIndex;
use corbel_sys::write_atomic;

use crate::BuildError;
use crate::base::Base;
use crate::initrd::{add_file, compress};
use crate::report::Step;
use crate::tools::Tools;

const INIT: &str = include_str!("init.sh");
/// So that the guest obeys the power button, which is how a hypervisor asks it to shut down, and has a network card.
const MODULES: [&str; 4] = ["button", "evdev", "virtio_pci", "virtio_net"];

/// Write `demo-guest/{kernel,initrd}` below `work`.
pub(crate) fn demo_guest(work: &Path, base: &Base, tools: &Tools, step: &Step<'_>) -> Result<PathBuf, BuildError> {
    let folder = work.join("demo-guest");
    fs::create_dir_all(&folder).map_err(BuildError::io("make", &folder))?;
    let kernel = folder.join("kernel");
    fs::copy(&base.kernel, &kernel).map_err(BuildError::io("copy to", &kernel))?;
    let mut archive = Cpio::new(tools.epoch);
    for name in ["bin", "modules", "etc", "etc/acpi"] {
        archive.add(name, Entry::Folder { mode: 0o755 });
    }
    archive.add(
        "init",
        Entry::File {
            mode: 0o755,
            bytes: INIT.as_bytes(),
        },
    );
    add_file(
        &mut archive,
        "bin/busybox",
        &tools.file("the demo guest's busybox", "usr/bin/busybox")?,
        0o755,
    )?;
    let modules = base.modules.join("lib/modules").join(&base.facts.kernel_version);
    let dep = modules.join("modules.dep");
    let dep = fs::read_to_string(&dep).map_err(BuildError::io("read", &dep))?;
    let order = ModuleIndex::parse(&dep, "").load_order([], MODULES);
    for (number, path) in order.paths.iter().enumerate() {
        // The guest loads them in the order of their names.
        let name = path.rsplit('/').next().unwrap_or(path);
        let name = format!("modules/{number:02}-{name}");
        add_file(&mut archive, &name, &modules.join(path), 0o644)?;
    }
    let plain = work.join("demo.cpio");
    write_atomic(&plain, &archive.finish(), 0o644)?;
    compress(&plain, &folder.join("initrd"), tools, step)?;
    Ok(folder)
}
