//! The one table of what a profile means.
//!
//! | | balanced | throughput | latency | power |
//! |---|---|---|---|---|
//! | governor | `schedutil`, else `powersave` | `performance` | `performance` | `powersave` |
//! | energy preference | `balance_performance` | `performance` | `performance` | `power` |
//! | idle states | all | all | those that are left within 10 µs | all |
//! | solid-state disks | the kernel's | no scheduler | no scheduler | the kernel's |
//! | rotating disks | the kernel's | `mq-deadline` | `mq-deadline` | the kernel's |
//! | memory | the kernel's | writes back in larger pieces, swaps late | swaps late, compacts and balances nothing by itself | writes back every 15 s |
//!
//! Sources, all of the kernel's Documentation: admin-guide/pm/cpufreq.rst, intel_pstate.rst and amd-pstate.rst for governors and preferences
//! (`powersave` of those two drivers follows the load, which is why it stands for `schedutil` there), admin-guide/pm/cpuidle.rst for the bound
//! on the latency of one processor, block/switching-sched.rst, and admin-guide/sysctl/vm.rst and kernel.rst. That idle processors may
//! sleep deeply under `throughput` is on purpose: it is what lets the busy ones run faster than their nominal frequency.

use corbel_model::performance::Profile;

/// What one profile asks for; an empty list leaves that to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileRow {
    pub profile: Profile,
    /// The first that the driver has.
    pub governors: &'static [&'static str],
    pub preferences: &'static [&'static str],
    /// The longest that a processor may take to wake up, in microseconds.
    pub latency: &'static [&'static str],
    /// Scheduler of disks without moving parts.
    pub solid: &'static [&'static str],
    /// Scheduler of the others.
    pub rotating: &'static [&'static str],
    pub sysctls: &'static [(&'static str, &'static str)],
}

/// Every profile, in the order of [`Profile::ALL`].
pub const PROFILES: [ProfileRow; 4] = [
    ProfileRow {
        profile: Profile::Balanced,
        governors: &["schedutil", "powersave", "ondemand"],
        preferences: &["balance_performance"],
        latency: &[],
        solid: &[],
        rotating: &[],
        sysctls: &[],
    },
    ProfileRow {
        profile: Profile::Throughput,
        governors: &["performance"],
        preferences: &["performance"],
        latency: &[],
        solid: &["none"],
        rotating: &["mq-deadline"],
        sysctls: &[
            ("vm.dirty_background_ratio", "10"),
            ("vm.dirty_ratio", "40"),
            ("vm.swappiness", "10"),
        ],
    },
    ProfileRow {
        profile: Profile::Latency,
        governors: &["performance"],
        preferences: &["performance"],
        latency: &["10"],
        solid: &["none"],
        rotating: &["mq-deadline"],
        sysctls: &[
            ("kernel.numa_balancing", "0"),
            ("vm.compaction_proactiveness", "0"),
            ("vm.stat_interval", "10"),
            ("vm.swappiness", "10"),
        ],
    },
    ProfileRow {
        profile: Profile::Power,
        governors: &["powersave", "schedutil", "conservative"],
        preferences: &["power"],
        latency: &[],
        solid: &[],
        rotating: &[],
        sysctls: &[("vm.dirty_writeback_centisecs", "1500")],
    },
];

pub(super) fn row(profile: Profile) -> &'static ProfileRow {
    match profile {
        Profile::Balanced => &PROFILES[0],
        Profile::Throughput => &PROFILES[1],
        Profile::Latency => &PROFILES[2],
        Profile::Power => &PROFILES[3],
    }
}
