//! Amounts of bytes as people write them: `512 MiB`, `20G`, `1048576`.

use std::fmt;
use std::str::FromStr;

/// A size that is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// No digits, or something else than a unit behind them.
    #[error("{text:?} is not a size: write a number and a unit, such as 512 MiB or 20 GiB")]
    NotASize { text: String },
    /// More than 64 bits hold.
    #[error("{text:?} is larger than this system can count (16 EiB)")]
    TooLarge { text: String },
}

/// An amount of bytes. Units are binary (IEC 80000-13); `K`, `M`, `G`, `T` and `KB` … mean the same as `KiB` … here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u32); 5] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

impl ByteSize {
    /// So many mebibytes.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }
    /// So many gibibytes.
    pub const fn gib(n: u64) -> Self {
        Self(n << 30)
    }
    /// The amount in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let not_a_size = || SizeError::NotASize { text: text.to_owned() };
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        if number.is_empty() {
            return Err(not_a_size());
        }
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(not_a_size()),
        };
        let too_large = || SizeError::TooLarge { text: text.to_owned() };
        let number: u64 = number.parse().map_err(|_| too_large())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(too_large)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, shift) = UNITS
            .into_iter()
            .find(|(_, shift)| self.0 >> shift > 0)
            .unwrap_or(("B", 0));
        let whole = self.0 >> shift;
        let tenths = if shift == 0 {
            0
        } else {
            ((self.0 >> (shift - 10)) & 0x3ff) * 10 / 1024
        };
        if tenths == 0 {
            write!(f, "{whole} {unit}")
        } else {
            write!(f, "{whole}.{tenths} {unit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn people_write_sizes_in_many_ways() {
        for (text, bytes) in [
            ("0", 0),
            ("512 MiB", 512 << 20),
            ("20G", 20 << 30),
            (" 1 tb ", 1 << 40),
            ("7B", 7),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MiB", "1 XB", "-1", "1.5G", "18446744073709551616", "99999999999T"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize(3 << 19).to_string(), "1.5 MiB");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,40}") {
            let _ = text.parse::<ByteSize>();
        }
        #[test]
        fn bytes_survive_the_round_trip(bytes: u64) {
            prop_assert_eq!(format!("{bytes} B").parse(), Ok(ByteSize(bytes)));
            let _ = ByteSize(bytes).to_string();
        }
    }
}
