//! What a document may ask of the hardware, read where the kernel says it. What cannot be read is not known.

use corbel_model::ByteSize;
use corbel_model::performance::HugePages;
use corbel_plan::config::Machine;
use corbel_plan::performance::CPUS_ONLINE;

use super::Host;
use crate::facilities::Facilities;

const CPUFREQ: &str = "/sys/devices/system/cpu/cpufreq/policy";
const CRASH_SIZE: &str = "/sys/kernel/kexec_crash_size";
const PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-";

pub(super) fn look(host: &Host) -> Machine {
    let text = |path: &str| -> Option<String> {
        let bytes = host.read(path).ok()??;
        String::from_utf8(bytes).ok()
    };
    let governors = || {
        // Of one policy: a machine whose processors have different drivers is told by the step that fails.
        let first = host.paths_from(CPUFREQ).ok()?.into_iter().min();
        let Some(policy) = first else { return Some(Vec::new()) };
        let offered = text(&format!("{policy}/scaling_available_governors"))?;
        Some(offered.split_whitespace().map(str::to_owned).collect())
    };
    let sizes = || {
        let found = host.paths_from(PAGES).ok().filter(|found| !found.is_empty())?;
        let there = |size: &ByteSize| {
            let name = format!("{PAGES}{}kB", size.bytes() >> 10);
            found.contains(&name)
        };
        Some([HugePages::SMALL, HugePages::LARGE].into_iter().filter(there).collect())
    };
    let memory = || {
        let info = text("/proc/meminfo")?;
        let kib = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = kib.split_whitespace().next()?.parse().ok()?;
        Some(ByteSize(kib.saturating_mul(1024)))
    };
    let cpus = text(CPUS_ONLINE).and_then(|text| text.parse().ok());
    Machine {
        // Where not even the processors can be seen, nothing is concluded from what else is missing.
        governors: cpus.as_ref().and_then(|_| governors()),
        memory: memory(),
        page_sizes: sizes(),
        dump_memory: text(CRASH_SIZE).and_then(|text| text.trim().parse().ok().map(ByteSize)),
        cpus,
    }
}
