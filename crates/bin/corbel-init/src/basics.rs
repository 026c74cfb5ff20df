//! The file systems that everything needs, and the kernel words.

use std::fs;
use std::path::Path;

use corbel_disk::{MountError, MountFlags, mount};

use crate::log::{info, warning};
use crate::words::Words;

/// Mounts `/proc`, `/sys`, `/dev` and `/run`, and reads the kernel words.
///
/// Failures are told and passed over: each of them makes a later step fail with a message that says more.
pub(crate) fn prepare() -> Words {
    let failures = mount_basics();
    // The kernel would drop messages that come fast, and the list of disks is one of those.
    let _ = fs::OpenOptions::new()
        .write(true)
        .open("/proc/sys/kernel/printk_devkmsg")
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"on\n"));
    info(concat!("version ", env!("CARGO_PKG_VERSION")));
    for failure in failures {
        warning(format!("{:#}", anyhow::Error::new(failure)));
    }
    let words = Words::parse(&fs::read_to_string("/proc/cmdline").unwrap_or_default());
    words
        .mistakes
        .iter()
        .for_each(|mistake| warning(format!("kernel word {mistake}")));
    words
}

fn mount_basics() -> Vec<MountError> {
    let safe = MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
    // The options are those that systemd would use, so that it keeps what it finds.
    let wanted = [
        ("proc", "proc", "/proc", safe, ""),
        ("sysfs", "sysfs", "/sys", safe, ""),
        ("devtmpfs", "devtmpfs", "/dev", MountFlags::NOSUID, "mode=0755"),
        (
            "tmpfs",
            "tmpfs",
            "/run",
            MountFlags::NOSUID | MountFlags::NODEV,
            "mode=0755,size=20%",
        ),
    ];
    let tried = wanted.into_iter().map(|(source, kind, target, flags, options)| {
        // Where the directory is there already, or cannot be made, the mount itself tells.
        let _ = fs::create_dir_all(target);
        mount(source, kind, Path::new(target), flags, options)
    });
    tried.filter_map(Result::err).collect()
}
