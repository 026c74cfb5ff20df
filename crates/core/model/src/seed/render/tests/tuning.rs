//! Documents with what the hardware is tuned for.

use super::*;
use crate::performance::{HugePages, Ksm, Performance, Profile};

pub(super) fn performance() -> impl Strategy<Value = Performance> {
    let profile = option::of(prop::sample::select(Profile::ALL.to_vec()));
    let pages = (option::of(0_u32..9999), option::of(0_u32..99));
    let pages = pages.prop_map(|(of_2_mib, of_1_gib)| HugePages { of_2_mib, of_1_gib });
    let ksm = option::of((any::<bool>(), 10_u32..=100_000, 1_u32..=10_000));
    let ksm = ksm.prop_map(|said| {
        said.map(|(enabled, pages_to_scan, sleep_milliseconds)| Ksm {
            enabled,
            pages_to_scan,
            sleep_milliseconds,
        })
    });
    let cpus = option::of(read("[0-9]|[1-3]-[4-9],1[0-9]"));
    let governor = option::of(read("[a-z_]{1,15}"));
    (profile, governor, pages, ksm, cpus, option::of(10_u16..=1000)).prop_map(
        |(profile, governor, huge_pages, ksm, isolated_cpus, memory_overcommit)| Performance {
            profile,
            governor,
            huge_pages,
            ksm,
            isolated_cpus,
            memory_overcommit,
        },
    )
}
