//! Naming a disk without having seen it: by path, bus, serial number, WWN, model and size, each of them a pattern where that helps.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::ByteSize;

/// How a disk is attached, in the words of udev's ID_BUS where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bus {
    Ata,
    /// Smart Array controllers of HP with the old driver.
    Cciss,
    /// SCSI, SAS and Fibre Channel.
    Scsi,
    Usb,
    Nvme,
    Virtio,
    Mmc,
}

impl Bus {
    const ALL: [Self; 7] = [
        Self::Ata,
        Self::Cciss,
        Self::Scsi,
        Self::Usb,
        Self::Nvme,
        Self::Virtio,
        Self::Mmc,
    ];

    /// As it is written in requests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ata => "ata",
            Self::Cciss => "cciss",
            Self::Scsi => "scsi",
            Self::Usb => "usb",
            Self::Nvme => "nvme",
            Self::Virtio => "virtio",
            Self::Mmc => "mmc",
        }
    }
}

impl fmt::Display for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A bus that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a bus: give ata, cciss, scsi, usb, nvme, virtio or mmc")]
pub struct BusError(String);

impl FromStr for Bus {
    type Err = BusError;
    fn from_str(text: &str) -> Result<Self, BusError> {
        let found = Self::ALL.into_iter().find(|bus| bus.name() == text);
        found.ok_or_else(|| BusError(text.to_owned()))
    }
}

/// A text with `*`, `?` and `[…]` as in a shell; everything else stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it stands for one text alone.
    pub fn is_exact(&self) -> bool {
        !self.0.contains(['*', '?', '['])
    }

    /// Whether `text` is one of those that it stands for.
    pub fn matches(&self, text: &str) -> bool {
        // An exact name counts as itself even where it could be read as a pattern: models have brackets in them.
        self.0 == text || matches_bytes(self.0.as_bytes(), text.as_bytes())
    }
}

/// Goes back to the last star only, so that a hostile pattern costs at most pattern × text steps.
fn matches_bytes(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
        } else if let Some(next) = one(pattern, p, text[t]) {
            p = next;
            t += 1;
        } else if let Some((after, at)) = star {
            star = Some((after, at + 1));
            (p, t) = (after, at + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Where the pattern goes on behind `at` when what stands there takes `byte`.
fn one(pattern: &[u8], at: usize, byte: u8) -> Option<usize> {
    match *pattern.get(at)? {
        b'?' => Some(at + 1),
        b'[' => {
            let negated = matches!(pattern.get(at + 1), Some(b'!' | b'^'));
            let first = at + 1 + usize::from(negated);
            // A bracket directly behind the opening one is a member, as in a shell.
            let Some(length) = pattern.get(first + 1..)?.iter().position(|b| *b == b']') else {
                return (byte == b'[').then_some(at + 1);
            };
            let members = &pattern[first..first + 1 + length];
            let ranged = members
                .windows(3)
                .any(|w| w[1] == b'-' && (w[0]..=w[2]).contains(&byte));
            (negated != (ranged || members.contains(&byte))).then_some(first + length + 2)
        }
        exact => (exact == byte).then_some(at + 1),
    }
}

/// What is known of a disk, as far as requests ask for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity<'a> {
    /// The device node and the links to it below /dev/disk.
    pub paths: &'a [String],
    pub bus: Option<Bus>,
    /// Short and long form (udev's ID_SERIAL_SHORT and ID_SERIAL), as far as there are any.
    pub serials: &'a [String],
    pub wwn: Option<&'a str>,
    pub model: Option<&'a str>,
    pub bytes: u64,
}

/// Which disks are meant: those that fulfil everything that is said here. Nothing said means every disk that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceMatch {
    pub path: Option<Pattern>,
    pub bus: Option<Bus>,
    pub serial: Option<Pattern>,
    pub wwn: Option<Pattern>,
    pub model: Option<Pattern>,
    pub at_least: Option<ByteSize>,
    pub at_most: Option<ByteSize>,
    /// Not only the first one, in the order of names.
    pub all: bool,
}

impl DeviceMatch {
    /// The disk of exactly this device node or link.
    pub fn path(path: impl Into<String>) -> Self {
        Self {
            path: Some(Pattern::new(path)),
            ..Self::default()
        }
    }

    /// Whether a certain disk was named, by path, serial number or WWN without a pattern: then what it carries may be erased
    /// although it belongs to something else.
    pub fn names_outright(&self) -> bool {
        let exact = |pattern: &Option<Pattern>| pattern.as_ref().is_some_and(Pattern::is_exact);
        !self.all && (exact(&self.path) || exact(&self.serial) || exact(&self.wwn))
    }

    /// Whether it says anything at all about the disk.
    pub fn says_nothing(&self) -> bool {
        Self {
            all: false,
            ..self.clone()
        } == Self::default()
    }

    /// Whether the disk is one of those that are meant.
    pub fn matches(&self, disk: &Identity<'_>) -> bool {
        let any = |pattern: &Option<Pattern>, texts: &[String]| {
            pattern.as_ref().is_none_or(|p| texts.iter().any(|t| p.matches(t)))
        };
        let one = |pattern: &Option<Pattern>, text: Option<&str>| {
            pattern.as_ref().is_none_or(|p| text.is_some_and(|t| p.matches(t)))
        };
        any(&self.path, disk.paths)
            && any(&self.serial, disk.serials)
            && one(&self.wwn, disk.wwn)
            && one(&self.model, disk.model)
            && self.bus.is_none_or(|bus| disk.bus == Some(bus))
            && self.at_least.is_none_or(|size| disk.bytes >= size.bytes())
            && self.at_most.is_none_or(|size| disk.bytes <= size.bytes())
    }
}

impl fmt::Display for DeviceMatch {
    /// As a person would say it: `/dev/sda`, `a usb disk with serial number A1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(path), true) = (
            &self.path,
            *self == Self::path(self.path.as_ref().map_or("", Pattern::as_str)),
        ) {
            return f.write_str(path.as_str());
        }
        f.write_str(if self.all { "all disks" } else { "a disk" })?;
        if let Some(bus) = self.bus {
            write!(f, " on {bus}")?;
        }
        let named = [
            ("path", &self.path),
            ("serial number", &self.serial),
            ("WWN", &self.wwn),
            ("model", &self.model),
        ];
        for (what, pattern) in named {
            if let Some(pattern) = pattern {
                write!(f, " with {what} {}", pattern.as_str())?;
            }
        }
        if let Some(size) = self.at_least {
            write!(f, " of at least {size}")?;
        }
        if let Some(size) = self.at_most {
            write!(f, " of at most {size}")?;
        }
        Ok(())
    }
}
