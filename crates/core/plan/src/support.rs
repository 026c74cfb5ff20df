//! What a support bundle consists of, how large it may be, and what is taken out of it before it leaves the node.

mod redact;

use serde::{Deserialize, Serialize};

pub use redact::{TAKEN_OUT, redact};

/// Most bytes of one part, before it is compressed. Of what is longer, the end is taken: it is the newest.
pub const PART_LIMIT: u64 = 4 << 20;
/// Most bytes of all parts, before they are compressed.
pub const WHOLE_LIMIT: u64 = 64 << 20;
/// After so many compressed bytes no part is begun any more: with the last one, a bundle stays below 16 MiB and goes by mail.
pub const COMPRESSED_LIMIT: u64 = 11 << 20;
/// Bundles that stay on the node; the oldest goes.
pub const KEPT: usize = 3;

/// Where a part comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    File(&'static str),
    /// Every file right in this folder whose name ends so.
    Folder(&'static str, &'static str),
    /// What a program prints.
    Program(&'static [&'static str]),
}

/// One part that the machine gives as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Its name in the bundle; of a folder, that of the folder.
    pub name: &'static str,
    pub origin: Origin,
}

const fn file(name: &'static str, path: &'static str) -> Part {
    Part {
        name,
        origin: Origin::File(path),
    }
}

const fn folder(name: &'static str, path: &'static str, ending: &'static str) -> Part {
    Part {
        name,
        origin: Origin::Folder(path, ending),
    }
}

const fn program(name: &'static str, argv: &'static [&'static str]) -> Part {
    Part {
        name,
        origin: Origin::Program(argv),
    }
}

/// The parts that are files and programs of the node, what helps most first: a bundle that is full leaves out the last ones. Files that hold
/// nothing but secrets (`/config/secrets.*.toml`, `/etc/shadow`, `/etc/corbel/access.toml`, private keys) are no part, redacted or not.
pub const PARTS: &[Part] = &[
    file("state/settle.json", "/run/corbel/settle.json"),
    file("state/boot.json", "/run/corbel/boot.json"),
    file("state/state.json", "/run/corbel/state.json"),
    file("state/performance.json", "/run/corbel/performance.json"),
    file("state/kernel-dump.json", "/run/corbel/kernel-dump.json"),
    file("state/os-release", "/usr/lib/os-release"),
    folder("slots", "/config/boot", ".toml"),
    file("state/config-failed", "/run/corbel/config-failed"),
    program(
        "logs/kernel.txt",
        &[
            "journalctl",
            "--dmesg",
            "--no-pager",
            "--lines=20000",
            "--output=short-iso-precise",
        ],
    ),
    program(
        "logs/journal.txt",
        &[
            "journalctl",
            "--boot",
            "--no-pager",
            "--lines=30000",
            "--output=short-iso-precise",
        ],
    ),
    program(
        "logs/journal-before.txt",
        &[
            "journalctl",
            "--boot=-1",
            "--no-pager",
            "--lines=10000",
            "--output=short-iso-precise",
        ],
    ),
    program(
        "units/all.txt",
        &["systemctl", "list-units", "--all", "--no-pager", "--full"],
    ),
    // Not `status`, which fails where a unit has failed.
    program(
        "units/failed.txt",
        &["systemctl", "show", "--state=failed", "--no-pager", "*"],
    ),
    program("units/jobs.txt", &["systemctl", "list-jobs", "--no-pager"]),
    program(
        "network/networkctl.txt",
        &["networkctl", "status", "--all", "--no-pager", "--lines=0"],
    ),
    program("network/addresses.txt", &["ip", "-details", "-statistics", "address"]),
    program("network/routes.txt", &["ip", "route", "show", "table", "all"]),
    program("network/neighbours.txt", &["ip", "neighbour"]),
    program("network/bridges.txt", &["bridge", "-details", "link"]),
    program("network/vlans.txt", &["bridge", "vlan"]),
    program("network/sockets.txt", &["ss", "-tuanp"]),
    program("network/firewall.txt", &["nft", "list", "ruleset"]),
    folder("network/files", "/etc/systemd/network", ""),
    file("network/resolv.conf", "/etc/resolv.conf"),
    file("hardware/cmdline", "/proc/cmdline"),
    file("hardware/cpuinfo", "/proc/cpuinfo"),
    file("hardware/meminfo", "/proc/meminfo"),
    file("hardware/interrupts", "/proc/interrupts"),
    file("hardware/modules", "/proc/modules"),
    file("hardware/mounts", "/proc/self/mountinfo"),
    file("hardware/partitions", "/proc/partitions"),
    program("hardware/lscpu.txt", &["lscpu"]),
    program("hardware/pci.txt", &["lspci", "-nnk"]),
    program("hardware/block.txt", &["lsblk", "--output-all"]),
    program("hardware/usage.txt", &["df", "--human-readable", "--print-type"]),
    folder("machines/qemu", "/var/log/libvirt/qemu", ".log"),
];

/// A part that is in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Included {
    pub name: String,
    /// As it stands in the bundle.
    pub bytes: u64,
    /// Only its end is there.
    #[serde(default)]
    pub shortened: bool,
}

/// A part that is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    pub name: String,
    /// One sentence.
    pub reason: String,
}

/// `manifest.json` of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file's form.
    pub version: u32,
    pub node: String,
    /// Of Corbel.
    pub corbel: String,
    /// RFC 3339, UTC by the node's clock.
    pub made: String,
    pub parts: Vec<Included>,
    pub missing: Vec<Missing>,
}

/// The end of a text of at most `limit` bytes, from the beginning of a line on: half a line could be half a secret, which nobody knows for one.
/// Whether something was cut off.
pub fn end_of(text: &[u8], limit: u64) -> (&[u8], bool) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let Some(cut) = text.len().checked_sub(limit).filter(|cut| *cut > 0) else {
        return (text, false);
    };
    // A cut right behind a line's end leaves whole lines.
    let line = text[cut - 1..].iter().position(|byte| *byte == b'\n');
    (line.map_or(&[][..], |at| &text[cut + at..]), true)
}

/// A name of something else, such as a machine, as one segment of a path in the bundle.
pub fn segment(name: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let text: String = name.chars().take(100).map(|c| if kept(c) { c } else { '_' }).collect();
    match text.trim_start_matches('.') {
        "" => "_".to_owned(),
        text => text.to_owned(),
    }
}

/// The file of a bundle, such as `corbel-support-node1-20261126T181530Z.tar.xz`.
pub fn file_name(node: &str, stamp: &str) -> String {
    format!("corbel-support-{}-{}.tar.xz", segment(node), segment(stamp))
}

/// Whether a bundle can have this name.
pub fn is_file_name(name: &str) -> bool {
    name.starts_with("corbel-support-") && name.ends_with(".tar.xz") && segment(name) == name
}

/// Which of the bundles, sorted from the oldest to the newest, go when one comes.
pub fn surplus(count: usize) -> usize {
    (count + 1).saturating_sub(KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_text_begins_with_a_line() {
        let text = b"first\nsecond\nthird\n";
        assert_eq!(end_of(text, 100), (&text[..], false));
        assert_eq!(end_of(text, 19), (&text[..], false));
        assert_eq!(end_of(text, 13), (&b"second\nthird\n"[..], true));
        assert_eq!(end_of(text, 12), (&b"third\n"[..], true));
        assert_eq!(end_of(b"one long line", 5), (&b""[..], true));
    }

    #[test]
    fn names_stay_in_the_bundle() {
        assert_eq!(segment("../../etc/pass wd"), "_.._etc_pass_wd");
        assert_eq!(segment(".."), "_");
        assert_eq!(segment("web-1.example"), "web-1.example");
        let name = file_name("node 1", "20261126T181530Z");
        assert!(is_file_name(&name), "{name}");
        for bad in ["corbel-support-/x.tar.xz", "x.tar.xz", "corbel-support-x.tar.gz", ""] {
            assert!(!is_file_name(bad), "{bad}");
        }
        for (at, part) in PARTS.iter().enumerate() {
            assert!(part.name.split('/').all(|name| segment(name) == name), "{}", part.name);
            assert!(PARTS[..at].iter().all(|other| other.name != part.name), "{}", part.name);
        }
    }

    #[test]
    fn the_oldest_go_when_there_are_enough() {
        assert_eq!([0, 2, 3, 7].map(surplus), [0, 0, 1, 5]);
    }
}
