//! What the kernel is told so that the machine is tuned as its document says: the table of the profiles, and the difference to what
//! the kernel has now.
//!
//! ```text
//! [performance] ─ tuning ─▶ Tuning ─ file ─▶ /etc/corbel/performance ─ parse ─┐
//! /sys and /proc/sys as they are ────────────────────────────────────────────┼─ plan_tuning ─▶ TuningPlan
//! what was there before we came (/run/corbel/performance-before.json) ───────┘
//! ```
//! What is not asked for any more gets the value that it had before: the kernel's own, whatever that is on this machine.

mod profiles;
mod text;

use std::collections::BTreeMap;

use corbel_model::performance::{CpuList, HugePages, Performance};

pub use profiles::{PROFILES, ProfileRow};

/// Whether a value must be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Where the machine has such a thing.
    Wish,
    /// It was asked for by its name.
    Need,
    /// Of disks without moving parts, where the machine has such a thing.
    Solid,
    /// Of the other disks.
    Rotating,
}

/// Something to be told to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunable {
    pub kind: Kind,
    /// A file of the kernel; `*` stands for any part of a name.
    pub pattern: String,
    /// The first that the file offers, where it offers some; never empty.
    pub choices: Vec<String>,
}

/// Everything that a document asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tuning {
    pub tunables: Vec<Tunable>,
    pub isolated: Option<CpuList>,
    /// In per cent.
    pub memory_overcommit: Option<u16>,
}

/// Processors that are on.
pub const CPUS_ONLINE: &str = "/sys/devices/system/cpu/online";
/// In front of the name of a slice, whose processors systemd is told by.
pub const SLICE: &str = "slice:";
/// The slices of the node's own services, and that of the machines.
const OWN_SLICES: [&str; 3] = ["init.scope", "system.slice", "user.slice"];
const MACHINES: &str = "machine.slice";

const GOVERNOR: &str = "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor";
const PREFERENCE: &str = "/sys/devices/system/cpu/cpufreq/policy*/energy_performance_preference";
const LATENCY: &str = "/sys/devices/system/cpu/cpu*/power/pm_qos_resume_latency_us";
const SCHEDULER: &str = "/sys/block/*/queue/scheduler";
const SMALL_PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
const LARGE_PAGES: &str = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages";
const KSM: &str = "/sys/kernel/mm/ksm";

impl Tuning {
    /// What a document means.
    pub fn of(performance: &Performance) -> Self {
        let mut found = Self {
            tunables: Vec::new(),
            isolated: performance.isolated_cpus.clone(),
            memory_overcommit: performance.memory_overcommit,
        };
        let row = performance.profile.map(profiles::row);
        let governor = performance.governor.as_ref().map(|governor| governor.as_str());
        if let Some(governor) = governor {
            found.add(Kind::Need, GOVERNOR, &[governor]);
        } else if let Some(row) = row {
            found.add(Kind::Wish, GOVERNOR, row.governors);
        }
        if let Some(row) = row {
            // With this governor drivers take no other preference.
            let preferences = match governor {
                Some("performance") => &["performance"][..],
                _ => row.preferences,
            };
            found.add(Kind::Wish, PREFERENCE, preferences);
            found.add(Kind::Wish, LATENCY, row.latency);
            found.add(Kind::Solid, SCHEDULER, row.solid);
            found.add(Kind::Rotating, SCHEDULER, row.rotating);
            for (name, value) in row.sysctls {
                let path = format!("/proc/sys/{}", name.replace('.', "/"));
                found.add(Kind::Wish, &path, &[value]);
            }
        }
        let HugePages { of_2_mib, of_1_gib } = performance.huge_pages;
        for (pages, path) in [(of_1_gib, LARGE_PAGES), (of_2_mib, SMALL_PAGES)] {
            if let Some(pages) = pages {
                found.add(Kind::Need, path, &[&pages.to_string()]);
            }
        }
        if let Some(ksm) = performance.ksm {
            let put = |found: &mut Self, name: &str, value: u32| {
                found.add(Kind::Need, &format!("{KSM}/{name}"), &[&value.to_string()]);
            };
            put(&mut found, "pages_to_scan", ksm.pages_to_scan);
            put(&mut found, "sleep_millisecs", ksm.sleep_milliseconds);
            put(&mut found, "run", ksm.enabled.into());
        }
        found
    }

    fn add(&mut self, kind: Kind, pattern: &str, choices: &[&str]) {
        if !choices.is_empty() {
            self.tunables.push(Tunable {
                kind,
                pattern: pattern.to_owned(),
                choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
            });
        }
    }
}

/// A file that is written, or a slice that systemd is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub path: String,
    pub value: String,
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TuningPlan {
    /// In this order.
    pub writes: Vec<Write>,
    /// What everything that is changed now was before anybody changed it.
    pub before: BTreeMap<String, String>,
    /// What was asked for by its name and cannot be had, one sentence each.
    pub problems: Vec<String>,
}

/// Files beside a file of the kernel that say what it takes.
pub fn companions(path: &str) -> Vec<String> {
    let beside = |name: &str| path.rsplit_once('/').map(|(folder, _)| format!("{folder}/{name}"));
    let name = match path.rsplit_once('/').map(|(_, name)| name) {
        Some("scaling_governor") => beside("scaling_available_governors"),
        Some("energy_performance_preference") => beside("energy_performance_available_preferences"),
        Some("scheduler") => beside("rotational"),
        _ => None,
    };
    name.into_iter().collect()
}

/// The value that the content of a file of the kernel stands for: the chosen one of several has brackets.
pub fn shown(content: &str) -> &str {
    let chosen = content.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    chosen.map_or(content.trim(), |(chosen, _)| chosen.trim())
}

/// The sentence for a value that the kernel did not take as it was given.
pub fn mismatch(path: &str, wanted: &str, is: &str) -> String {
    let size = [(SMALL_PAGES, "2 MiB"), (LARGE_PAGES, "1 GiB")];
    match size.into_iter().find(|(pages, _)| *pages == path) {
        Some((_, size)) => format!(
            "the kernel could set {is} instead of {wanted} huge pages of {size} aside: memory is in use or in pieces, so stop machines or restart the node and set it again"
        ),
        None => format!("{path} is {is:?} after {wanted:?} was written to it"),
    }
}

/// Plans the way from what is seen to what is wanted. `seen` has every file that a pattern matches and its companions, the slices, and
/// everything in `before`.
pub fn plan_tuning(wanted: &Tuning, seen: &BTreeMap<String, String>, before: &BTreeMap<String, String>) -> TuningPlan {
    let mut plan = TuningPlan::default();
    let mut values: Vec<(String, String)> = Vec::new();
    for tunable in &wanted.tunables {
        let mut any = false;
        for (path, content) in seen.iter().filter(|(path, _)| matches(&tunable.pattern, path)) {
            if !is_meant(tunable.kind, path, seen) {
                continue;
            }
            any = true;
            let offered = offered(path, content, seen);
            let takes = |choice: &&String| {
                offered
                    .as_ref()
                    .is_none_or(|offered| offered.contains(&choice.as_str()))
            };
            match tunable.choices.iter().find(takes) {
                Some(value) => values.push((path.clone(), value.clone())),
                None if tunable.kind == Kind::Need => plan.problems.push(format!(
                    "{path} takes {} and not {}",
                    offered.unwrap_or_default().join(", "),
                    tunable.choices.join(" or ")
                )),
                None => {}
            }
        }
        if !any && tunable.kind == Kind::Need {
            plan.problems.push(format!("this machine has no {}", tunable.pattern));
        }
    }
    if let Some(isolated) = &wanted.isolated {
        let online = seen.get(CPUS_ONLINE).and_then(|text| text.parse::<CpuList>().ok());
        match online.and_then(|online| Some((online.without(isolated)?, online))) {
            Some((own, online)) if isolated.iter().all(|cpu| online.contains(cpu)) => {
                let slices = OWN_SLICES.map(|slice| (format!("{SLICE}{slice}"), own.to_string()));
                values.extend(slices);
                values.push((format!("{SLICE}{MACHINES}"), isolated.to_string()));
            }
            _ => plan.problems.push(format!(
                "processors {isolated} cannot be isolated: this machine has {}, of which the node needs one",
                seen.get(CPUS_ONLINE).map_or("none", |online| online.trim())
            )),
        }
    }
    // What nobody wants any more first: it may be memory that is needed again.
    for (path, value) in before
        .iter()
        .filter(|(path, _)| values.iter().all(|(own, _)| own != *path))
    {
        if seen.contains_key(path) || path.starts_with(SLICE) {
            plan.writes.push(Write {
                path: path.clone(),
                value: value.clone(),
            });
        }
    }
    for (path, value) in values {
        let is = seen.get(&path).map_or("", |content| shown(content));
        let first = before.get(&path).cloned().unwrap_or_else(|| is.to_owned());
        if is != value {
            plan.writes.push(Write {
                path: path.clone(),
                value: value.clone(),
            });
        }
        if first != value || before.contains_key(&path) {
            plan.before.insert(path, first);
        }
    }
    // With some governors the driver takes no preference, so what frees it comes first.
    plan.writes
        .sort_by_key(|write| !write.path.ends_with("/scaling_governor"));
    plan
}

fn is_meant(kind: Kind, path: &str, seen: &BTreeMap<String, String>) -> bool {
    let rotates = || {
        let beside = companions(path).into_iter().find_map(|path| seen.get(&path));
        beside.map(|content| content.trim() == "1")
    };
    match kind {
        Kind::Wish | Kind::Need => true,
        Kind::Solid => rotates() == Some(false),
        Kind::Rotating => rotates() == Some(true),
    }
}

/// What a file takes, where it says so.
fn offered<'a>(path: &str, content: &'a str, seen: &'a BTreeMap<String, String>) -> Option<Vec<&'a str>> {
    if path.ends_with("/scheduler") {
        return Some(
            content
                .split_whitespace()
                .map(|word| word.trim_matches(['[', ']']))
                .collect(),
        );
    }
    let beside = companions(path).into_iter().find_map(|path| seen.get(&path));
    beside.map(|content| content.split_whitespace().collect())
}

/// Whether a path is one of a pattern, part by part.
pub fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) => {
                let fits = match pattern.split_once('*') {
                    Some((start, end)) => {
                        part.len() >= start.len() + end.len() && part.starts_with(start) && part.ends_with(end)
                    }
                    None => pattern == part,
                };
                if !fits {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
