//! Tells the kernel what the machine is tuned for, reads it back, and takes it back as a whole when it is not so.
//!
//! `corbel-performance.service` does it at each boot, in the manner in which a boot does everything: what is right is done and the rest is
//! told. A change of the configuration does it strictly.

use std::collections::{BTreeMap, BTreeSet};

use corbel_plan::performance::{
    CPUS_ONLINE, SLICE, Tuning, TuningPlan, Write, companions, matches, mismatch, plan_tuning, shown,
};
use corbel_plan::settle::PERFORMANCE_FILE;
use serde::{Deserialize, Serialize};

use crate::configure::ConfigFacilities;
use crate::facilities::{FacilityError, chain};

/// What became of it, for console and API.
pub const TUNING_REPORT: &str = "/run/corbel/performance.json";
/// What was there before anything was tuned.
const BEFORE: &str = "/run/corbel/performance-before.json";

/// What is done about something that cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Everything, or nothing and an error.
    Strict,
    /// The rest, and a warning.
    AsFarAsPossible,
}

/// The content of [`TUNING_REPORT`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tuned {
    /// Values that were told to the kernel now.
    pub changed: Vec<String>,
    /// What could not be had, one sentence each.
    pub warnings: Vec<String>,
}

/// Makes the machine as [`PERFORMANCE_FILE`] says; without that file, as it was.
///
/// # Errors
/// In the strict manner, the first thing that cannot be had; then everything is as before.
pub fn tune(node: &dyn ConfigFacilities, manner: Manner) -> Result<Tuned, FacilityError> {
    let text = |path: &str| -> Result<Option<String>, FacilityError> {
        let bytes = node.read(path)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let wanted = Tuning::parse(&text(PERFORMANCE_FILE)?.unwrap_or_default());
    // One that cannot be read is as good as none: what is there now counts as what was there before.
    let before = text(BEFORE)?.and_then(|text| serde_json::from_str(&text).ok());
    let before: BTreeMap<String, String> = before.unwrap_or_default();
    let seen = observe(node, &wanted, &before)?;
    let TuningPlan {
        writes,
        before: after,
        problems,
    } = plan_tuning(&wanted, &seen, &before);
    if manner == Manner::Strict
        && let Some(problem) = problems.first()
    {
        return Err(problem.clone().into());
    }
    // Before the first write, so that whoever comes after a power cut of this process knows what was there.
    let union: BTreeMap<_, _> = before
        .iter()
        .chain(&after)
        .map(|(path, value)| (path.clone(), value.clone()))
        .collect();
    note(node, &union)?;
    let mut tuned = Tuned {
        changed: Vec::new(),
        warnings: problems,
    };
    let mut done: Vec<&Write> = Vec::new();
    for write in &writes {
        match put(node, write) {
            Ok(()) => tuned.changed.push(format!("{} = {}", write.path, write.value)),
            Err(error) if manner == Manner::Strict => {
                done.push(write);
                take_back(node, &done, &seen);
                note(node, &before)?;
                return Err(error);
            }
            Err(error) => tuned.warnings.push(chain(&error)),
        }
        done.push(write);
    }
    note(node, &after)?;
    let json = serde_json::to_vec_pretty(&tuned)?;
    node.write(TUNING_REPORT, &json, 0o644)?;
    Ok(tuned)
}

fn note(node: &dyn ConfigFacilities, before: &BTreeMap<String, String>) -> Result<(), FacilityError> {
    match before.is_empty() {
        true => node.remove(BEFORE),
        false => node.write(BEFORE, &serde_json::to_vec(before)?, 0o644),
    }
}

/// Everything that a plan looks at.
fn observe(
    node: &dyn ConfigFacilities,
    wanted: &Tuning,
    before: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, FacilityError> {
    let mut paths: BTreeSet<String> = before.keys().cloned().collect();
    paths.insert(CPUS_ONLINE.to_owned());
    if wanted.isolated.is_some() {
        let slices = ["init.scope", "system.slice", "user.slice", "machine.slice"];
        paths.extend(slices.map(|slice| format!("{SLICE}{slice}")));
    }
    for tunable in &wanted.tunables {
        for path in expand(node, &tunable.pattern)? {
            paths.extend(companions(&path));
            paths.insert(path);
        }
    }
    let mut seen = BTreeMap::new();
    for path in paths {
        if let Some(content) = look(node, &path) {
            seen.insert(path, content);
        }
    }
    Ok(seen)
}

/// The content of a file of the kernel, or the processors of a slice. Some files exist and cannot be read where the hardware lacks what
/// they stand for; those are as good as absent.
fn look(node: &dyn ConfigFacilities, path: &str) -> Option<String> {
    let file = match path.strip_prefix(SLICE) {
        Some(slice) => format!("/sys/fs/cgroup/{slice}/cpuset.cpus"),
        None => path.to_owned(),
    };
    let bytes = node.read(&file).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The paths of a pattern, found part by part.
fn expand(node: &dyn ConfigFacilities, pattern: &str) -> Result<Vec<String>, FacilityError> {
    let mut found = vec![String::new()];
    let parts: Vec<&str> = pattern.split('/').skip(1).collect();
    for part in parts {
        let mut next = Vec::new();
        for base in found {
            match part.split_once('*') {
                None => next.push(format!("{base}/{part}")),
                Some((start, _)) => {
                    let here = format!("{base}/{part}");
                    let listed = node.paths_from(&format!("{base}/{start}"))?;
                    next.extend(listed.into_iter().filter(|path| matches(&here, path)));
                }
            }
        }
        found = next;
    }
    Ok(found)
}

fn put(node: &dyn ConfigFacilities, Write { path, value }: &Write) -> Result<(), FacilityError> {
    // What was written before may have changed this one, too.
    if look(node, path).is_some_and(|content| shown(&content) == value) {
        return Ok(());
    }
    match path.strip_prefix(SLICE) {
        Some(slice) => {
            let property = format!("AllowedCPUs={value}");
            node.run(&["systemctl", "set-property", "--runtime", slice, &property])?;
        }
        None => node.tell(path, value)?,
    }
    match look(node, path) {
        Some(content) if shown(&content) != value => Err(mismatch(path, value, shown(&content)).into()),
        // A slice that nothing runs in has no file; it gets its processors when something does.
        _ => Ok(()),
    }
}

fn take_back(node: &dyn ConfigFacilities, done: &[&Write], seen: &BTreeMap<String, String>) {
    for write in done.iter().rev() {
        let value = seen.get(&write.path).map_or("", |content| shown(content)).to_owned();
        let path = write.path.clone();
        if let Err(error) = put(node, &Write { path, value }) {
            tracing::warn!(path = write.path, error = chain(&error), "cannot be taken back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facilities::Facilities as _;
    use crate::fake::FakeNode;

    const GOVERNOR: &str = "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor";
    const SWAPPINESS: &str = "/proc/sys/vm/swappiness";
    const MACHINES: &str = "/sys/fs/cgroup/machine.slice/cpuset.cpus";

    fn node(lines: &str) -> FakeNode {
        FakeNode::installed(&format!("version = 1\n[performance]\n{lines}")).expect("a folder")
    }

    fn is(node: &FakeNode, path: &str) -> String {
        node.text(path).unwrap_or_default().trim().to_owned()
    }

    #[test]
    fn a_boot_tunes_and_a_file_that_is_gone_takes_it_back() {
        let node = node("profile = \"latency\"\nisolated_cpus = \"2-7\"\n");
        let tuned = tune(&node, Manner::Strict).expect("tuned");
        assert_eq!(tuned.warnings, Vec::<String>::new());
        assert_eq!(
            (is(&node, GOVERNOR), is(&node, SWAPPINESS), is(&node, MACHINES)),
            ("performance".into(), "10".into(), "2-7".into())
        );
        assert!(tune(&node, Manner::Strict).expect("again").changed.is_empty());
        node.remove(PERFORMANCE_FILE).expect("removed");
        tune(&node, Manner::Strict).expect("taken back");
        assert_eq!(
            (is(&node, GOVERNOR), is(&node, SWAPPINESS), is(&node, MACHINES)),
            ("powersave".into(), "60".into(), String::new())
        );
        assert_eq!(node.text(BEFORE), None);
    }

    #[test]
    fn what_fails_is_told_at_a_boot_and_takes_a_change_back() {
        let node = node("profile = \"throughput\"\n");
        node.break_what_begins(SWAPPINESS);
        let error = tune(&node, Manner::Strict).expect_err("it fails");
        assert_eq!(error.to_string(), format!("{SWAPPINESS} is broken"));
        assert_eq!((is(&node, GOVERNOR), node.text(BEFORE)), ("powersave".into(), None));
        let tuned = tune(&node, Manner::AsFarAsPossible).expect("the rest");
        assert_eq!(tuned.warnings, [format!("{SWAPPINESS} is broken")]);
        assert_eq!(is(&node, GOVERNOR), "performance");
    }
}
