//! Lengths of time as people write them: `10 seconds`, `15 minutes`, `30 days`.

use std::fmt;
use std::str::FromStr;

/// Text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a length of time: write a number and a unit, such as 10 seconds, 15 minutes, 12 hours or 30 days"
)]
pub struct SpanError(String);

/// Whole seconds, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u64);

/// The largest first, as a length is written in the largest that it is a multiple of.
const UNITS: [(&str, &str, u64); 5] = [
    ("week", "w", 604_800),
    ("day", "d", 86_400),
    ("hour", "h", 3_600),
    ("minute", "min", 60),
    ("second", "s", 1),
];

impl Span {
    /// So many seconds; `None` for none at all.
    pub const fn of_seconds(seconds: u64) -> Option<Self> {
        if seconds == 0 { None } else { Some(Self(seconds)) }
    }

    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let bad = || SpanError(text.to_owned());
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim();
        let known = UNITS
            .iter()
            .find(|(name, short, _)| unit == *short || unit.strip_suffix('s').unwrap_or(unit) == *name);
        let (_, _, seconds) = known.ok_or_else(bad)?;
        let number: u64 = number.parse().map_err(|_| bad())?;
        number.checked_mul(*seconds).and_then(Self::of_seconds).ok_or_else(bad)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS
            .into_iter()
            .find(|(_, _, seconds)| self.0.is_multiple_of(*seconds));
        let (name, _, seconds) = whole.unwrap_or(("second", "s", 1));
        let number = self.0 / seconds;
        write!(f, "{number} {name}{}", if number == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_words_or_their_short_forms() {
        for (text, seconds) in [
            ("10 seconds", 10),
            ("10s", 10),
            ("1 minute", 60),
            ("15 min", 900),
            ("12 hours", 43_200),
            ("30 days", 2_592_000),
            ("2 w", 1_209_600),
        ] {
            assert_eq!(text.parse().map(Span::seconds), Ok(seconds), "{text}");
        }
        for bad in [
            "",
            "10",
            "0 days",
            "-1 days",
            "ten days",
            "1 month",
            "1.5 hours",
            "99999999999999999999 s",
        ] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back(seconds in 1_u64..) {
            let span = Span::of_seconds(seconds).expect("more than none");
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
        #[test]
        fn any_text_is_answered(text in "\\PC{0,30}") {
            let _ = text.parse::<Span>();
        }
    }
}
