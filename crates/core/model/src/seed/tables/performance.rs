//! The table of what the hardware is tuned for.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::Text;
use crate::performance::{CpuList, Governor, HugePages, Ksm, Performance, Profile};

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::seed) struct PerformanceTable {
    /// What processors, disks and memory are tuned for: `balanced`, `throughput`, `latency` or `power`. Left out, nothing is changed of what the kernel does by itself.
    #[schemars(extend("examples" = ["throughput"]))]
    profile: Option<Text<Profile>>,
    /// The governor of the processors' frequency, one that the machine has, in the place of the profile's.
    #[schemars(extend("examples" = ["performance"]))]
    governor: Option<Text<Governor>>,
    /// Processors that virtual machines have for themselves, as numbers and ranges: services of the node run on the others only, and machines on these only. Left out, all run on all.
    #[schemars(extend("examples" = ["2-7"]))]
    isolated_cpus: Option<Text<CpuList>>,
    /// How much memory running machines may have together, in per cent of the node's without its huge pages, 10 to 1000. A machine that would go beyond is not started. Left out, there is no limit.
    #[serde(deserialize_with = "overcommit")]
    #[schemars(with = "Option<u16>", range(min = 10, max = 1000), extend("examples" = [150]))]
    memory_overcommit: Option<u16>,
    /// Memory that is set aside in large pages, for machines that are defined to use them.
    huge_pages: HugePagesTable,
    /// Whether the kernel looks for equal pages of machines and keeps them once.
    ksm: KsmTable,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct HugePagesTable {
    /// Pages of 2 MiB: how many, or a size. Left out, as the kernel has it.
    #[serde(deserialize_with = "small")]
    #[schemars(with = "Option<String>", extend("examples" = ["4 GiB"]))]
    of_2_mib: Option<u32>,
    /// Pages of 1 GiB: how many, or a size. They need memory in one piece: set them before machines are started.
    #[serde(deserialize_with = "large")]
    #[schemars(with = "Option<String>", extend("examples" = ["16 GiB"]))]
    of_1_gib: Option<u32>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct KsmTable {
    /// Whether it does. Left out, no.
    enabled: Option<bool>,
    /// How many pages are looked at in one go, 10 to 100000. Left out, 1000.
    #[serde(deserialize_with = "pages_to_scan")]
    #[schemars(with = "Option<u32>", range(min = 10, max = 100000), extend("examples" = [1000]))]
    pages_to_scan: Option<u32>,
    /// Milliseconds between two goes, 1 to 10000. Left out, 50.
    #[serde(deserialize_with = "sleep")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 10000), extend("examples" = [50]))]
    sleep_milliseconds: Option<u32>,
}

/// A whole number within limits.
fn number<'de, D: Deserializer<'de>>(deserializer: D, least: u32, most: u32) -> Result<Option<u32>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let fits = u32::try_from(number)
        .ok()
        .filter(|number| (least..=most).contains(number));
    let problem = || D::Error::custom(format!("{number} is out of range: give {least} to {most}"));
    fits.map(Some).ok_or_else(problem)
}

fn overcommit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let number = number(deserializer, 10, 1000)?;
    Ok(number.and_then(|number| u16::try_from(number).ok()))
}

fn pages_to_scan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    number(deserializer, 10, 100_000)
}

fn sleep<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    number(deserializer, 1, 10_000)
}

#[derive(Deserialize)]
#[serde(untagged)]
enum CountOrSize {
    Count(u32),
    Size(String),
}

fn pages<'de, D: Deserializer<'de>>(deserializer: D, page: crate::ByteSize) -> Result<Option<u32>, D::Error> {
    match CountOrSize::deserialize(deserializer) {
        Ok(CountOrSize::Count(count)) => Ok(Some(count)),
        Ok(CountOrSize::Size(text)) => HugePages::parse(&text, page).map(Some).map_err(D::Error::custom),
        Err(_) => Err(D::Error::custom(format!(
            "is no amount of huge pages: give how many, or a size that is a multiple of {page}"
        ))),
    }
}

fn small<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    pages(deserializer, HugePages::SMALL)
}

fn large<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    pages(deserializer, HugePages::LARGE)
}

impl From<PerformanceTable> for Performance {
    fn from(table: PerformanceTable) -> Self {
        let KsmTable {
            enabled,
            pages_to_scan,
            sleep_milliseconds,
        } = table.ksm;
        let said = enabled.is_some() || pages_to_scan.is_some() || sleep_milliseconds.is_some();
        Self {
            profile: table.profile.map(|profile| profile.0),
            governor: table.governor.map(|governor| governor.0),
            huge_pages: HugePages {
                of_2_mib: table.huge_pages.of_2_mib,
                of_1_gib: table.huge_pages.of_1_gib,
            },
            ksm: said.then(|| Ksm {
                enabled: enabled.unwrap_or(false),
                pages_to_scan: pages_to_scan.unwrap_or(Ksm::PAGES_TO_SCAN),
                sleep_milliseconds: sleep_milliseconds.unwrap_or(Ksm::SLEEP_MILLISECONDS),
            }),
            isolated_cpus: table.isolated_cpus.map(|cpus| cpus.0),
            memory_overcommit: table.memory_overcommit,
        }
    }
}
