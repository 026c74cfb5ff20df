//! What the hardware is tuned for, and how much of its memory machines may be promised.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::ByteSize;

/// Text that is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PerformanceError {
    #[error("{0:?} is not a profile: write balanced, throughput, latency or power")]
    Profile(String),
    #[error("{0:?} is not the name of a governor: give 1 to 15 small letters and '_', such as performance")]
    Governor(String),
    #[error("{0:?} is not a list of processors: write numbers and ranges, such as 2-7,10")]
    Cpus(String),
    #[error(
        "{text:?} is not an amount of huge pages: give how many, or a size that is a multiple of {page}, such as {page}"
    )]
    HugePages { text: String, page: ByteSize },
}

/// What the machine is tuned for as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    Balanced,
    Throughput,
    Latency,
    Power,
}

impl Profile {
    pub const ALL: [Self; 4] = [Self::Balanced, Self::Throughput, Self::Latency, Self::Power];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Throughput => "throughput",
            Self::Latency => "latency",
            Self::Power => "power",
        }
    }
}

impl FromStr for Profile {
    type Err = PerformanceError;
    fn from_str(text: &str) -> Result<Self, PerformanceError> {
        let known = Self::ALL.into_iter().find(|profile| profile.as_str() == text);
        known.ok_or_else(|| PerformanceError::Profile(text.to_owned()))
    }
}

/// A governor of the kernel's cpufreq, by its name; which ones there are is a matter of the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governor(String);

impl Governor {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Governor {
    type Err = PerformanceError;
    fn from_str(text: &str) -> Result<Self, PerformanceError> {
        // CPUFREQ_NAME_LEN of the kernel is 16, with the zero at the end.
        let clean = text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if clean && (1..=15).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PerformanceError::Governor(text.to_owned()))
        }
    }
}

impl fmt::Display for Governor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Processors by their numbers, never none; written as the kernel writes lists (Documentation/admin-guide/kernel-parameters.rst, "cpu lists").
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CpuList(BTreeSet<u16>);

/// More than any machine has.
const MOST_CPUS: u16 = 8192;

impl CpuList {
    /// In their order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().copied()
    }

    pub fn contains(&self, cpu: u16) -> bool {
        self.0.contains(&cpu)
    }

    /// Those that the other has not; `None` when there is none left.
    pub fn without(&self, other: &Self) -> Option<Self> {
        let left: BTreeSet<u16> = self.0.difference(&other.0).copied().collect();
        (!left.is_empty()).then_some(Self(left))
    }
}

impl FromStr for CpuList {
    type Err = PerformanceError;
    fn from_str(text: &str) -> Result<Self, PerformanceError> {
        let bad = || PerformanceError::Cpus(text.to_owned());
        let number = |text: &str| -> Result<u16, PerformanceError> {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let number = text.parse().ok().filter(|number| digits && *number < MOST_CPUS);
            number.ok_or_else(bad)
        };
        let mut found = BTreeSet::new();
        for part in text.trim().split(',').map(str::trim) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first.trim())?, number(last.trim())?);
            if first > last {
                return Err(bad());
            }
            found.extend(first..=last);
        }
        Ok(Self(found))
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.iter().peekable();
        let mut separator = "";
        while let Some(first) = numbers.next() {
            let mut last = first;
            while let Some(next) = numbers.next_if(|next| *next == last + 1) {
                last = next;
            }
            match last {
                _ if last == first => write!(f, "{separator}{first}")?,
                _ => write!(f, "{separator}{first}-{last}")?,
            }
            separator = ",";
        }
        Ok(())
    }
}

/// How many pages of one size are set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HugePages {
    pub of_2_mib: Option<u32>,
    pub of_1_gib: Option<u32>,
}

impl HugePages {
    pub const SMALL: ByteSize = ByteSize::mib(2);
    pub const LARGE: ByteSize = ByteSize::gib(1);

    /// A number of pages of this size, or a size that is a multiple of it.
    ///
    /// # Errors
    /// Text that is neither.
    pub fn parse(text: &str, page: ByteSize) -> Result<u32, PerformanceError> {
        let bad = || PerformanceError::HugePages {
            text: text.to_owned(),
            page,
        };
        let trimmed = text.trim();
        if !trimmed.is_empty() && trimmed.bytes().all(|b| b.is_ascii_digit()) {
            return trimmed.parse().map_err(|_| bad());
        }
        let bytes = trimmed.parse::<ByteSize>().map_err(|_| bad())?.bytes();
        let whole = bytes.is_multiple_of(page.bytes()).then(|| bytes / page.bytes());
        whole.and_then(|pages| u32::try_from(pages).ok()).ok_or_else(bad)
    }

    /// What all of them take.
    pub fn bytes(self) -> ByteSize {
        let of = |pages: Option<u32>, page: ByteSize| u64::from(pages.unwrap_or(0)).saturating_mul(page.bytes());
        ByteSize(of(self.of_2_mib, Self::SMALL).saturating_add(of(self.of_1_gib, Self::LARGE)))
    }
}

/// Whether the kernel looks for equal pages of machines and keeps them once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ksm {
    pub enabled: bool,
    /// In one go.
    pub pages_to_scan: u32,
    /// Between two goes.
    pub sleep_milliseconds: u32,
}

impl Ksm {
    /// About 80 MB a second: 32 GiB are looked at in seven minutes, for a few per cent of one processor.
    pub const PAGES_TO_SCAN: u32 = 1000;
    pub const SLEEP_MILLISECONDS: u32 = 50;
}

/// `[performance]`. What is left out stays as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Performance {
    pub profile: Option<Profile>,
    /// In the place of the profile's.
    pub governor: Option<Governor>,
    pub huge_pages: HugePages,
    pub ksm: Option<Ksm>,
    /// Processors that machines have for themselves.
    pub isolated_cpus: Option<CpuList>,
    /// How much memory running machines may have together, in per cent of the node's.
    pub memory_overcommit: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_of_processors_are_read_and_written_as_the_kernel_does() {
        for (text, shown) in [
            ("3", "3"),
            ("2-7,10", "2-7,10"),
            (" 4, 2-3 ,5,9", "2-5,9"),
            ("0,1", "0-1"),
        ] {
            assert_eq!(
                text.parse::<CpuList>().map(|list| list.to_string()).as_deref(),
                Ok(shown)
            );
        }
        for bad in ["", "a", "7-2", "1,,2", "-1", "1-", "8192", "+1", "0-99999"] {
            assert!(bad.parse::<CpuList>().is_err(), "{bad}");
        }
        let list = |text: &str| text.parse::<CpuList>().expect("a list");
        assert_eq!(list("0-3").without(&list("2-9")), Some(list("0-1")));
        assert_eq!(list("0-3").without(&list("0-3")), None);
    }

    #[test]
    fn huge_pages_are_a_number_or_a_size() {
        let small = |text: &str| HugePages::parse(text, HugePages::SMALL).ok();
        assert_eq!(
            (small("512"), small("1 GiB"), small("0")),
            (Some(512), Some(512), Some(0))
        );
        for bad in ["", "3 MiB", "-1", "many", "1.5 GiB", "5000000000"] {
            assert_eq!(small(bad), None, "{bad}");
        }
        assert_eq!(HugePages::parse("512 MiB", HugePages::LARGE).ok(), None);
        let pages = HugePages {
            of_2_mib: Some(512),
            of_1_gib: Some(3),
        };
        assert_eq!(pages.bytes(), ByteSize::gib(4));
    }

    #[test]
    fn words_have_one_form() {
        assert!("throughput".parse::<Profile>().is_ok() && "fast".parse::<Profile>().is_err());
        assert!("schedutil".parse::<Governor>().is_ok());
        for bad in ["", "Performance", "a b", "../x", "performance-of-all"] {
            assert!(bad.parse::<Governor>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,30}") {
            let _ = (text.parse::<CpuList>(), HugePages::parse(&text, HugePages::SMALL));
        }
        #[test]
        fn lists_survive_the_round_trip(numbers in proptest::collection::btree_set(0_u16..100, 1..20)) {
            let list = CpuList(numbers);
            prop_assert_eq!(list.to_string().parse(), Ok(list));
        }
    }
}
