//! The two places on a disk that hold a system, and how often a new one may be tried.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A slot: partition `corbel-root-a` or `corbel-root-b` with the boot files that belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    A,
    B,
}

/// A text that is neither `a` nor `b`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a slot: write a or b")]
pub struct SlotError {
    text: String,
}

impl Slot {
    /// Both, in the order of the disk.
    pub const ALL: [Slot; 2] = [Slot::A, Slot::B];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// `a` or `b`, as in names of partitions, folders and kernel words.
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// Name of the partition with the root image.
    pub fn partition(self) -> &'static str {
        match self {
            Self::A => "corbel-root-a",
            Self::B => "corbel-root-b",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

impl FromStr for Slot {
    type Err = SlotError;
    fn from_str(text: &str) -> Result<Self, SlotError> {
        match text {
            "a" => Ok(Self::A),
            "b" => Ok(Self::B),
            _ => Err(SlotError { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_written_as_its_letter() {
        for slot in Slot::ALL {
            assert_eq!(slot.to_string().parse(), Ok(slot));
            assert_eq!(slot.other().other(), slot);
            assert!(slot.partition().ends_with(slot.letter()));
        }
        assert_eq!(
            "A".parse::<Slot>().unwrap_err().to_string(),
            "\"A\" is not a slot: write a or b"
        );
    }
}
