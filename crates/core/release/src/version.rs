//! Versions and their order: dotted numbers with a pre-release behind `~` or `-`, compared as Debian compares versions.
//!
//! `1.2.0~rc1` and `1.2.0-rc1` mean the same and come before `1.2.0` (deb-version(7), with `-` read as `~`).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a version: write numbers with dots, such as 1.2.0 or 1.2.0~rc1")]
pub struct VersionError {
    text: String,
}

/// A version as it was written. Equal when the order says so: `1.0-rc1` equals `1.0~rc1`.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    major: u64,
}

impl Version {
    /// The first number; another one means that a node must be installed anew.
    pub fn major(&self) -> u64 {
        self.major
    }
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Version {
    type Err = VersionError;
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError { text: text.to_owned() };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '~' | '-' | '+');
        if text.len() > 100 || !text.chars().all(fits) {
            return Err(error());
        }
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        let major = digits.parse().map_err(|_| error())?;
        Ok(Self {
            text: text.to_owned(),
            major,
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(self.text.as_bytes(), other.text.as_bytes())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

/// By turns a part without digits, compared letter by letter, and a number, compared as a number.
fn compare(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = split(a, |byte| !byte.is_ascii_digit());
        let (text_b, rest_b) = split(b, |byte| !byte.is_ascii_digit());
        let letters = (0..=text_a.len().max(text_b.len()))
            .map(|at| weight(text_a.get(at)).cmp(&weight(text_b.get(at))))
            .find(|order| order.is_ne());
        if let Some(order) = letters {
            return order;
        }
        let (digits_a, next_a) = split(rest_a, u8::is_ascii_digit);
        let (digits_b, next_b) = split(rest_b, u8::is_ascii_digit);
        let order = number(digits_a, digits_b);
        if order.is_ne() {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
    Ordering::Equal
}

fn split(text: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len());
    text.split_at(end)
}

/// A tilde comes before the end, the end before letters, letters before other signs.
fn weight(byte: Option<&u8>) -> u16 {
    match byte {
        Some(b'~' | b'-') => 0,
        None => 1,
        Some(letter) if letter.is_ascii_alphabetic() => 2 + u16::from(*letter),
        Some(other) => 300 + u16::from(*other),
    }
}

/// Numbers of any length: without leading zeros the longer one is larger.
fn number(a: &[u8], b: &[u8]) -> Ordering {
    let trim = |digits: &[u8]| {
        let zeros = digits.iter().take_while(|d| **d == b'0').count();
        digits[zeros..].to_vec()
    };
    let (a, b) = (trim(a), trim(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_in_debians_order() {
        let sorted = [
            "0.9",
            "1.0~~",
            "1.0~alpha",
            "1.0-rc1",
            "1.0~rc2",
            "1.0",
            "1.0+1",
            "1.0.0",
            "1.0.1",
            "1.2",
            "1.10",
            "2",
            "10.0",
        ];
        for pair in sorted.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|text| text.parse::<Version>().expect("a version"));
            assert!(a < b, "{a} comes before {b}");
        }
        let same = |a: &str, b: &str| a.parse::<Version>() == b.parse::<Version>();
        assert!(same("1.0-rc1", "1.0~rc1") && same("1.02", "1.2"));
    }

    #[test]
    fn only_what_begins_with_a_number_is_a_version() {
        assert_eq!("12.1~rc1".parse::<Version>().expect("a version").major(), 12);
        for text in ["", "v1", ".1", "1 2", "1/2", "1\n", "99999999999999999999.1"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_an_order(a in "[0-9][0-9a-z.~+-]{0,8}", b in "[0-9][0-9a-z.~+-]{0,8}", c in "[0-9][0-9a-z.~+-]{0,8}") {
            let [a, b, c] = [a, b, c].map(|text| text.parse::<Version>().expect("a version"));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a.cmp(&a), Ordering::Equal);
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }
    }
}
