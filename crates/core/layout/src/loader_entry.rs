//! Boot entries of systemd-boot: files below `loader/entries`, type 1 of the Boot Loader Specification, with the boot
//! counters of its section "Boot counting" in the name.
//!
//! An entry's `version` is Corbel's own generation number: the entry that was made last is the one that is preferred.

use std::fmt;
use std::str::FromStr;

use crate::slot::Slot;

/// The sort key of all our entries, so that only counters and versions order them.
pub const SORT_KEY: &str = "corbel";

/// The sort key of entries that a person has to choose: it comes behind [`SORT_KEY`], and so do they, whatever the counters say.
const RESCUE_KEY: &str = "rescue";

/// A name that is not one of ours, or a content that is not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    #[error("{name:?} is not the name of a boot entry of Corbel")]
    Name { name: String },
    #[error("the boot entry has no {key}")]
    Missing { key: &'static str },
    #[error("the boot entry's version {text:?} is not a number")]
    Version { text: String },
}

/// Boots that are left and boots that were taken: `+LEFT-DONE` in the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter {
    pub left: u32,
    /// 0 is not written.
    pub done: u32,
}

impl Counter {
    /// The counter after the loader has taken one try.
    #[must_use]
    pub fn taken(self) -> Self {
        Self {
            left: self.left.saturating_sub(1),
            done: self.done.saturating_add(1),
        }
    }
}

/// `corbel-a.conf`, `corbel-b+3.conf`, `corbel-b+2-1.conf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName {
    pub slot: Slot,
    /// Absent for an entry that needs no counting: its system was healthy.
    pub counter: Option<Counter>,
}

impl EntryName {
    /// The entry of a system that was healthy.
    pub fn plain(slot: Slot) -> Self {
        Self { slot, counter: None }
    }
    /// The entry of a system that may be started `tries` times.
    pub fn trial(slot: Slot, tries: u32) -> Self {
        Self {
            slot,
            counter: Some(Counter { left: tries, done: 0 }),
        }
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "corbel-{}", self.slot)?;
        if let Some(Counter { left, done }) = self.counter {
            write!(f, "+{left}")?;
            if done > 0 {
                write!(f, "-{done}")?;
            }
        }
        f.write_str(".conf")
    }
}

impl FromStr for EntryName {
    type Err = EntryError;
    /// FAT keeps the case of a name but does not tell names apart by it, so any case is read.
    fn from_str(name: &str) -> Result<Self, EntryError> {
        parse_name(&name.to_ascii_lowercase()).ok_or_else(|| EntryError::Name { name: name.to_owned() })
    }
}

fn parse_name(name: &str) -> Option<EntryName> {
    let rest = name.strip_prefix("corbel-")?.strip_suffix(".conf")?;
    let Some((slot, counter)) = rest.split_once('+') else {
        return Some(EntryName::plain(rest.parse().ok()?));
    };
    let (left, done) = counter.split_once('-').unwrap_or((counter, "0"));
    Some(EntryName {
        slot: slot.parse().ok()?,
        counter: Some(Counter {
            left: number(left)?,
            done: number(done)?,
        }),
    })
}

/// Digits only, as systemd-boot reads them, and not above its limit INT_MAX.
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && *n <= i32::MAX as u32)
}

/// The content of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoaderEntry {
    /// For people, with the system's version: `Corbel 1.2.0`.
    pub title: String,
    /// Counts entries that were ever made; the highest is preferred.
    pub generation: u64,
    /// Path in the EFI partition, from its root, with `/`.
    pub efi: String,
    /// Kernel words, separated by one space.
    pub words: String,
}

impl LoaderEntry {
    /// The lines of the file. Line breaks in values become spaces, because a value ends with its line.
    pub fn render(&self) -> String {
        self.lines(SORT_KEY)
    }

    fn lines(&self, sort_key: &str) -> String {
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!(
            "title {}\nversion {}\nsort-key {sort_key}\nefi {}\noptions {}\n",
            line(&self.title),
            self.generation,
            line(&self.efi),
            line(&self.words),
        )
    }

    /// Reads the lines of the file; unknown keys are ignored, several `options` lines are joined, as the specification says.
    ///
    /// # Errors
    /// A missing `efi`, or a missing or odd `version`.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        let mut entry = Self {
            title: String::new(),
            generation: 0,
            efi: String::new(),
            words: String::new(),
        };
        let mut version = None;
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let value = value.trim();
            match key {
                "title" => value.clone_into(&mut entry.title),
                "version" => version = Some(value.to_owned()),
                "efi" => value.clone_into(&mut entry.efi),
                "options" if entry.words.is_empty() => value.clone_into(&mut entry.words),
                "options" => entry.words = format!("{} {value}", entry.words),
                _ => {}
            }
        }
        if entry.efi.is_empty() {
            return Err(EntryError::Missing { key: "efi" });
        }
        let text = version.ok_or(EntryError::Missing { key: "version" })?;
        entry.generation = text.parse().map_err(|_| EntryError::Version { text })?;
        Ok(entry)
    }
}

/// File name of the entry by which a person starts the rescue shell of a slot. It is no [`EntryName`]: nothing is decided by it.
pub fn rescue_name(slot: Slot) -> String {
    format!("rescue-{slot}.conf")
}

/// The content of that entry; `title` and `words` are those of the slot's system.
pub fn rescue(slot: Slot, title: &str, efi: &str, words: &str) -> String {
    let entry = LoaderEntry {
        title: format!("Rescue shell of {title} (slot {slot})"),
        generation: 0,
        efi: efi.to_owned(),
        words: format!("{words} rescue"),
    };
    entry.lines(RESCUE_KEY)
}

#[cfg(test)]
mod tests;
