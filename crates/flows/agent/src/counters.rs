//! What the node has done since it started, counted by the kernel. Nothing is kept here: whoever reads twice knows a rate.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use corbel_sys::read_limited;

/// Of `/proc/stat`, in milliseconds: USER_HZ is 100 on x86 (proc_stat(5)).
const TICK: u64 = 10;
/// Of `/proc/diskstats`, whatever the disk's own sectors are (Documentation/admin-guide/iostats.rst).
const SECTOR: u64 = 512;
const LIMIT: u64 = 4 << 20;

/// All since the start of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// When they were read.
    pub at_milliseconds: u64,
    /// Of all processors together: what they worked, and what there was of them.
    pub cpu_busy_milliseconds: u64,
    pub cpu_milliseconds: u64,
    /// Of disks that are hardware, or are to this machine.
    pub disk_read_bytes: u64,
    pub disk_written_bytes: u64,
    /// Of network cards.
    pub network_received_bytes: u64,
    pub network_sent_bytes: u64,
}

/// Reads them below `root`, which is `/` on a node; `None` where the kernel tells nothing.
pub(crate) fn read(root: &Path) -> Option<Counters> {
    let text = |path: &str| -> Option<String> { String::from_utf8(read_limited(&root.join(path), LIMIT).ok()?).ok() };
    let at_milliseconds = uptime(&text("proc/uptime")?)?;
    let (cpu_busy_milliseconds, cpu_milliseconds) = processors(&text("proc/stat")?)?;
    // A drive for CDs or floppies is no disk.
    let disks = hardware(&root.join("sys/block"), &["sr", "fd"]);
    let (disk_read_bytes, disk_written_bytes) = disk_bytes(&text("proc/diskstats").unwrap_or_default(), &disks);
    let cards = hardware(&root.join("sys/class/net"), &[]);
    let (network_received_bytes, network_sent_bytes) = network_bytes(&text("proc/net/dev").unwrap_or_default(), &cards);
    Some(Counters {
        at_milliseconds,
        cpu_busy_milliseconds,
        cpu_milliseconds,
        disk_read_bytes,
        disk_written_bytes,
        network_received_bytes,
        network_sent_bytes,
    })
}

/// What has a device below it: neither bridges nor mappings, whose bytes are counted a second time where they end.
fn hardware(folder: &Path, without: &[&str]) -> BTreeSet<String> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let meant =
        |name: &String| !without.iter().any(|kind| name.starts_with(kind)) && folder.join(name).join("device").exists();
    names.filter(meant).collect()
}

/// proc_uptime(5).
fn uptime(text: &str) -> Option<u64> {
    let (seconds, rest) = text.split_once('.')?;
    let hundredths: u64 = rest.get(..2)?.parse().ok()?;
    Some(seconds.parse::<u64>().ok()?.checked_mul(1000)? + hundredths * 10)
}

/// The first line of proc_stat(5). Time of guests is part of what is before it there.
fn processors(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let all = ticks
        .iter()
        .take(8)
        .fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
    let idle = ticks.get(3)?.saturating_add(ticks.get(4).copied().unwrap_or(0));
    Some((all.saturating_sub(idle).saturating_mul(TICK), all.saturating_mul(TICK)))
}

fn disk_bytes(text: &str, disks: &BTreeSet<String>) -> (u64, u64) {
    let of_disk = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let sectors = |at: usize| words.get(at)?.parse::<u64>().ok()?.checked_mul(SECTOR);
        disks.contains(*words.get(2)?).then_some((sectors(5)?, sectors(9)?))
    };
    sum(text.lines().filter_map(of_disk))
}

/// proc_net(5), `/proc/net/dev`: the first word after the name is bytes received, the ninth bytes sent.
fn network_bytes(text: &str, cards: &BTreeSet<String>) -> (u64, u64) {
    let of_card = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let mut words = rest.split_whitespace();
        let received = words.next()?.parse().ok()?;
        let sent = words.nth(7)?.parse().ok()?;
        cards.contains(name.trim()).then_some((received, sent))
    };
    sum(text.lines().filter_map(of_card))
}

fn sum(pairs: impl Iterator<Item = (u64, u64)>) -> (u64, u64) {
    pairs.fold((0, 0), |sum, one| {
        (sum.0.saturating_add(one.0), sum.1.saturating_add(one.1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(root: &Path, path: &str, text: &str) {
        corbel_sys::write_atomic(&root.join(path), text.as_bytes(), 0o644).expect("a fixture");
    }

    #[test]
    fn hardware_is_counted_once() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        assert_eq!(read(root), None);
        put(root, "proc/uptime", "12.34 20.00\n");
        put(
            root,
            "proc/stat",
            "cpu  100 10 50 1000 40 5 5 0 60 0\ncpu0 100 10 50 1000 40 5 5 0 60 0\nintr 1\n",
        );
        put(
            root,
            "proc/diskstats",
            " 254 0 vda 5 0 10 1 7 0 20 1 0 0 0\n 254 1 vda1 5 0 10 1 7 0 20 1 0 0 0\n 253 0 dm-0 5 0 10 1 7 0 20 1\n\
             11 0 sr0 5 0 10 1 7 0 20 1 0\n",
        );
        put(
            root,
            "proc/net/dev",
            "Inter-|   Receive\n face |bytes\n    lo: 7 1 0 0 0 0 0 0 7 1\n  eth0: 300 1 0 0 0 0 0 0 40 1 0\n   br0: 300 1 0 0 0 0 0 0 40 1 0\n",
        );
        for device in ["block/vda", "block/sr0", "class/net/eth0"] {
            put(root, &format!("sys/{device}/device/uevent"), "");
        }
        for made in ["block/dm-0", "class/net/br0", "class/net/lo"] {
            put(root, &format!("sys/{made}/uevent"), "");
        }
        let expected = Counters {
            at_milliseconds: 12_340,
            cpu_busy_milliseconds: 1700,
            cpu_milliseconds: 12_100,
            disk_read_bytes: 5120,
            disk_written_bytes: 10_240,
            network_received_bytes: 300,
            network_sent_bytes: 40,
        };
        assert_eq!(read(root), Some(expected));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}|(cpu |[0-9. :\\n]){0,60}") {
            let names = BTreeSet::from(["vda".to_owned(), "0".to_owned()]);
            let _ = (uptime(&text), processors(&text), disk_bytes(&text, &names), network_bytes(&text, &names));
        }
    }
}
