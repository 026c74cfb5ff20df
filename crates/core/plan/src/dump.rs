//! Decisions around a kernel that crashed: how much memory is set aside for the one that saves its memory, with which words that one starts,
//! why the first one died, and which dumps stay.
//!
//! ```text
//! start of the node ─ crashkernel= ─▶ memory set aside ─ off: given back
//!                                        └ on: kernel, initrd and crash_words loaded there
//! panic ─▶ that kernel ─▶ corbel-dump.target ─▶ makedumpfile ─▶ place, Marker ─▶ restart by firmware
//! ```

mod order;

use serde::{Deserialize, Serialize};

use corbel_model::ByteSize;

pub use order::{Order, OrderError, Place};

/// From how much memory of the machine on how much is set aside, in MiB, as the word `crashkernel` of `image/recipe.toml` says it. The kernel,
/// systemd and the drivers of a server fit into 256 MiB; the lists of pages of a large machine want more.
pub const SET_ASIDE: [(u64, u64); 2] = [(1536, 256), (65_536, 512)];

/// The kernel word for it (Documentation/admin-guide/kdump/kdump.rst, "Extended crashkernel syntax").
pub fn crashkernel_word() -> String {
    let ends = SET_ASIDE.iter().skip(1).map(|(from, _)| Some(*from)).chain([None]);
    let range = |((from, size), to): (&(u64, u64), Option<u64>)| {
        let amount = |mib: u64| match mib % 1024 {
            0 => format!("{}G", mib / 1024),
            _ => format!("{mib}M"),
        };
        format!("{}-{}:{size}M", amount(*from), to.map(amount).unwrap_or_default())
    };
    let ranges: Vec<_> = SET_ASIDE.iter().zip(ends).map(range).collect();
    format!("crashkernel={}", ranges.join(","))
}

/// What a machine with so much memory, as the kernel counts what it can give away, will set aside. What the kernel keeps for itself before
/// it counts is less than an eighth.
pub fn set_aside(memory: ByteSize) -> ByteSize {
    let whole = memory.bytes() + memory.bytes() / 8;
    let found = SET_ASIDE
        .iter()
        .rev()
        .find(|(from, _)| whole >= ByteSize::mib(*from).bytes());
    found.map_or(ByteSize(0), |(_, size)| ByteSize::mib(*size))
}

/// Words of the running kernel that the one that saves the dump must not have, by their names.
const NOT_AGAIN: [&str; 17] = [
    "BOOT_IMAGE",
    "corbel.config",
    "crashkernel",
    "default_hugepagesz",
    "hugepages",
    "hugepagesz",
    "init",
    "initrd",
    "install",
    "isolcpus",
    "maxcpus",
    "nohz_full",
    "nr_cpus",
    "rcu_nocbs",
    "reinstall",
    "rescue",
    "systemd.unit",
];

/// What it gets besides (Documentation/admin-guide/kdump/kdump.rst): one processor, devices that were left in any state, and the target that
/// saves the dump and restarts. It restarts as well when it panics itself.
const FOR_THE_DUMP: &str = "nr_cpus=1 irqpoll reset_devices numa=off cgroup_disable=memory panic=10 corbel.dump systemd.unit=corbel-dump.target";

/// The words of the kernel that saves the dump, from those of the running one.
pub fn crash_words(running: &str) -> String {
    let name = |word: &str| word.split('=').next().unwrap_or(word).to_owned();
    let own: Vec<String> = FOR_THE_DUMP.split(' ').map(name).collect();
    let kept = running.split_whitespace().filter(|word| {
        let name = name(word);
        !NOT_AGAIN.contains(&name.as_str()) && !own.contains(&name)
    });
    kept.chain(FOR_THE_DUMP.split(' ')).collect::<Vec<_>>().join(" ")
}

/// Why a kernel died, by its last messages.
pub fn reason(messages: &str) -> String {
    const PANIC: &str = "Kernel panic - not syncing: ";
    let after = |mark: &str| {
        messages
            .lines()
            .rev()
            .find_map(|line| Some(line.split_once(mark)?.1.trim().to_owned()))
    };
    let whole = |mark: &str| {
        let line = messages.lines().rev().find(|line| line.contains(mark))?;
        let (_, text) = line.split_once("] ").unwrap_or(("", line));
        Some(text.trim().to_owned())
    };
    let found = after(PANIC).or_else(|| whole("BUG: ")).or_else(|| whole("Oops: "));
    let text = found.unwrap_or_else(|| "the kernel did not say why".to_owned());
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// What is noted beside a dump, or in the place of one that could not be saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Seconds since 1970, when the saving began.
    pub at: u64,
    pub reason: String,
    /// Where the dump is, for people.
    pub place: String,
    /// Of the dump; 0 where it is not known.
    #[serde(default)]
    pub bytes: u64,
    /// Why it was not saved, or not as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The name of a dump: the moment in UTC, as 20261126T181530Z. Names are in the order of time.
pub fn name_of(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01 in cycles of 400 years, which all have 146,097 days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (
        day - (153 * month + 2) / 5 + 1,
        if month < 10 { month + 3 } else { month - 9 },
    );
    let year = era * 400 + year + u64::from(month <= 2);
    format!(
        "{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z",
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Whether a name is one of a dump.
pub fn is_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    bytes.len() == 16 && digits(0..8) && bytes[8] == b'T' && digits(9..15) && bytes[15] == b'Z'
}

/// Which of the dumps, with the newest first, have to go. The newest stays whatever it takes.
pub fn surplus(dumps: &[(String, u64)], keep: u8, max_size: ByteSize) -> Vec<String> {
    let mut taken = 0_u64;
    let mut gone = Vec::new();
    for (at, (name, bytes)) in dumps.iter().enumerate() {
        taken = taken.saturating_add(*bytes);
        if at > 0 && (at >= usize::from(keep) || taken > max_size.bytes()) {
            gone.push(name.clone());
        }
    }
    gone
}

#[cfg(test)]
mod tests;
