//! What the hardware is tuned for.

use super::Text;
use crate::performance::{HugePages, Ksm, Performance};

pub(super) fn performance(text: &mut Text, performance: &Performance) {
    let Performance {
        profile,
        governor,
        huge_pages: HugePages { of_2_mib, of_1_gib },
        ksm,
        isolated_cpus,
        memory_overcommit,
    } = performance;
    if profile.is_some() || governor.is_some() || isolated_cpus.is_some() || memory_overcommit.is_some() {
        text.head("[performance]");
        text.maybe("profile", profile.map(|profile| profile.as_str()));
        text.maybe("governor", governor.as_ref().map(ToString::to_string));
        text.maybe("isolated_cpus", isolated_cpus.as_ref().map(ToString::to_string));
        text.maybe("memory_overcommit", memory_overcommit.map(i64::from));
    }
    if of_2_mib.is_some() || of_1_gib.is_some() {
        text.head("[performance.huge_pages]");
        text.maybe("of_2_mib", of_2_mib.map(i64::from));
        text.maybe("of_1_gib", of_1_gib.map(i64::from));
    }
    if let Some(Ksm {
        enabled,
        pages_to_scan,
        sleep_milliseconds,
    }) = ksm
    {
        text.head("[performance.ksm]");
        text.put("enabled", *enabled);
        text.put("pages_to_scan", i64::from(*pages_to_scan));
        text.put("sleep_milliseconds", i64::from(*sleep_milliseconds));
    }
}
