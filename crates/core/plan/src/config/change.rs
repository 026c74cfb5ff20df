//! What must be done so that a running node is as its document says: the difference of two states, in the order in which it is done.
//! The way back is the same function with the states exchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use corbel_model::TimeZone;
use corbel_model::access::{Fingerprint, PasswordHash};
use serde::Serialize;

use super::Step;
use crate::settle::{
    COLLECTD_FILE, DUMP_HOSTS_FILE, DUMP_KEY_FILE, FILES, HOSTNAME_FILE, IDMAP_FILE, JOURNAL_FILE, KERNEL_DUMP_FILE,
    KEYBOARD_FILE, MONITORING_OFF_FLAG, MULTIPATH_FILE, NETCONSOLE_FILE, NETWORK_PREFIX, PERFORMANCE_FILE, PREFIXES,
    SOURCES_FILE, SSH_FIREWALL_FILE, SSH_FLAG, SSHD_FILE, STORAGE_ACCESS_FILE, SYSLOG_CA_PREFIX, SYSLOG_FILE,
    SettlePlan, TIME_SYNC_OFF_FLAG, TIMESYNC_FILE, TLS_FILE,
};

/// VLANs on each other; more than anybody has.
const DEEPEST: usize = 8;

/// A node as it is or shall be, as far as its configuration goes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NodeState {
    pub hostname: String,
    pub timezone: Option<TimeZone>,
    /// `None` also where it is not known and not to be changed.
    pub password: Option<PasswordHash>,
    /// Path and content.
    pub files: BTreeMap<String, String>,
}

impl fmt::Debug for NodeState {
    /// Files may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeState({} {:?})", self.hostname, self.files.keys())
    }
}

impl NodeState {
    /// What a plan asks for.
    pub fn wanted(plan: &SettlePlan) -> Self {
        let ours = |path: &str| FILES.contains(&path) || PREFIXES.iter().any(|prefix| path.starts_with(prefix));
        let files = plan.files.iter().filter(|file| ours(&file.path));
        Self {
            hostname: plan.hostname.to_string(),
            timezone: plan.timezone.clone(),
            password: plan.admin_password.clone(),
            files: files.map(|file| (file.path.clone(), file.content.clone())).collect(),
        }
    }
}

/// The difference of two states.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Change {
    pub steps: Vec<Step>,
    /// Who changes this may cut off whoever asked for it, so it has to be confirmed.
    pub network: bool,
    /// What somebody should know before it is done, one sentence each.
    pub warnings: Vec<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            writeln!(f, "nothing to do")?;
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))?;
        self.warnings
            .iter()
            .try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}

/// Plans the way from one state to the other.
pub fn plan_change(from: &NodeState, to: &NodeState) -> Change {
    let mut change = Change::default();
    let differs = |path: &str| from.files.get(path) != to.files.get(path);
    let (gone, again) = devices(from, to, &mut change.warnings);
    let is_again = |path: &String| again.iter().any(|device| *path == netdev(device));
    let mut paths: Vec<&String> = from
        .files
        .keys()
        .chain(to.files.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    paths.sort_by_key(|path| (FILES.iter().position(|own| own == path), *path));
    for path in paths.into_iter().filter(|path| differs(path) || is_again(path)) {
        let path = path.clone();
        change.steps.push(match to.files.contains_key(&path) {
            true => Step::Write { path },
            false => Step::Remove { path },
        });
    }
    if from.hostname != to.hostname {
        change.steps.push(Step::HostName {
            name: to.hostname.clone(),
        });
    }
    if from.timezone != to.timezone {
        change.steps.push(Step::TimeZone {
            zone: to.timezone.as_ref().map(ToString::to_string),
        });
    }
    if to.password.is_some() && from.password != to.password {
        change.steps.push(Step::Password);
    }
    let certificate = differs(TLS_FILE);
    if certificate {
        let shown = to.files.get(TLS_FILE).and_then(|pem| Fingerprint::of_pem(pem).ok());
        let fingerprint = shown.map(|fingerprint| fingerprint.as_str().to_owned());
        change.warnings.push(format!(
            "clients that know the node by its fingerprint refuse it until they are told the new one{}",
            fingerprint.as_ref().map(|text| format!(": {text}")).unwrap_or_default()
        ));
        change.steps.push(Step::ShowCertificate { fingerprint });
    }
    let below = |prefix: &str| {
        let mut paths = from.files.keys().chain(to.files.keys());
        paths.any(|path| path.starts_with(prefix) && differs(path))
    };
    let network = below(NETWORK_PREFIX);
    // Whoever asked may not take the other certificate for the node's.
    change.network = network || certificate;
    if network {
        change
            .steps
            .extend(gone.into_iter().map(|device| Step::DeleteDevice { device }));
        change.steps.push(Step::ReloadNetwork);
    }
    let any = |paths: &[&str]| paths.iter().any(|path| differs(path));
    if any(&[SSH_FIREWALL_FILE, SOURCES_FILE]) {
        // The new port is open before sshd listens on it.
        change.steps.push(Step::ReloadFirewall);
        // Whoever asked may be at an address that is let in no more.
        change.network |= any(&[SOURCES_FILE]);
    }
    if any(&[SSHD_FILE, SSH_FLAG]) {
        change.steps.push(match to.files.contains_key(SSH_FLAG) {
            true => Step::ReloadSsh,
            false => Step::StopSsh,
        });
        change.network |= any(&[SSH_FLAG, SSH_FIREWALL_FILE]) && from.files.contains_key(SSH_FLAG);
    }
    if any(&[TIMESYNC_FILE, TIME_SYNC_OFF_FLAG]) {
        change.steps.push(Step::RestartTimeSync);
    }
    if any(&[JOURNAL_FILE]) {
        change.steps.push(Step::RestartJournal);
    }
    if any(&[SYSLOG_FILE]) || below(SYSLOG_CA_PREFIX) {
        change.steps.push(match to.files.contains_key(SYSLOG_FILE) {
            true => Step::RestartSyslog,
            false => Step::StopSyslog,
        });
    }
    if any(&[NETCONSOLE_FILE]) {
        change.steps.push(match to.files.contains_key(NETCONSOLE_FILE) {
            true => Step::RestartNetconsole,
            false => Step::StopNetconsole,
        });
    }
    // It tells its figures under the name that the node had when it started.
    let off = to.files.contains_key(MONITORING_OFF_FLAG);
    if any(&[COLLECTD_FILE, MONITORING_OFF_FLAG]) || (any(&[HOSTNAME_FILE]) && !off) {
        change.steps.push(match off {
            true => Step::StopMonitoring,
            false => Step::RestartMonitoring,
        });
    }
    // Before the sessions, so that a second path is taken for one from its first moment on.
    if any(&[MULTIPATH_FILE]) {
        let on = to.files.contains_key(MULTIPATH_FILE);
        if !on {
            change
                .warnings
                .push("multipath devices that are there stay until the next boot".into());
        }
        change.steps.push(match on {
            true => Step::RestartMultipath,
            false => Step::StopMultipath,
        });
    }
    if any(&[IDMAP_FILE]) {
        change.steps.push(Step::ForgetNfsNames);
    }
    if any(&[STORAGE_ACCESS_FILE]) {
        change.steps.push(Step::AccessStorage);
    }
    if any(&[PERFORMANCE_FILE]) {
        change.steps.push(Step::Tune);
    }
    if any(&[KERNEL_DUMP_FILE, DUMP_KEY_FILE, DUMP_HOSTS_FILE]) {
        match to.files.contains_key(KERNEL_DUMP_FILE) {
            // A place that cannot be reached now could not be reached by a kernel that has just crashed.
            true => change.steps.extend([Step::TestDump, Step::LoadDump]),
            false => change.steps.push(Step::UnloadDump),
        }
    }
    if any(&[KEYBOARD_FILE]) {
        change.steps.push(match to.files.contains_key(KEYBOARD_FILE) {
            true => Step::LoadKeyboard,
            false => Step::LoadDefaultKeyboard,
        });
    }
    change
}

fn netdev(device: &str) -> String {
    format!("{NETWORK_PREFIX}{device}.netdev")
}

/// The devices of a state with their texts.
fn netdevs(state: &NodeState) -> BTreeMap<&str, &str> {
    let named = state.files.iter().filter_map(|(path, text)| {
        let device = path.strip_prefix(NETWORK_PREFIX)?.strip_suffix(".netdev")?;
        Some((device, text.as_str()))
    });
    named.collect()
}

/// What the VLAN `device` lies over, by the names of a state; none for what is no VLAN.
fn over<'a>(state: &'a NodeState, device: &str) -> Vec<&'a str> {
    let has = |text: &&String| text.lines().any(|line| line.strip_prefix("VLAN=") == Some(device));
    let name = |text: &'a String| text.lines().find_map(|line| line.strip_prefix("Name="));
    state.files.values().filter(has).filter_map(name).collect()
}

/// How many VLANs lie between `device` and a card. Names are the user's and could go in circles.
fn depth(state: &NodeState, device: &str) -> usize {
    let mut below = over(state, device);
    let mut depth = 0;
    while let Some(parent) = below.first().filter(|_| depth < DEEPEST) {
        depth += 1;
        below = over(state, parent);
    }
    depth
}

/// Devices to take away, the upper ones first, and those of them that are wanted again. networkctl(1): a reload makes new devices and
/// neither changes nor removes those that are there. What lies over a device goes with it, and comes back only with a new file.
fn devices(from: &NodeState, to: &NodeState, warnings: &mut Vec<String>) -> (Vec<String>, Vec<String>) {
    let (before, after) = (netdevs(from), netdevs(to));
    let mut gone: Vec<&str> = Vec::new();
    for (device, text) in &before {
        let is_bridge = text.contains("\nKind=bridge\n");
        match after.get(device) {
            Some(new) if new == text => continue,
            // Its ports are the VMs' too, so it is never taken away and made anew under them.
            Some(new) if is_bridge && new.contains("\nKind=bridge\n") => {
                warnings.push(format!(
                    "{device} is changed as a bridge, which counts from the next boot"
                ));
                continue;
            }
            None if is_bridge => warnings.push(format!(
                "{device} goes away: machines on this bridge lose their network"
            )),
            _ => {}
        }
        gone.push(device);
    }
    // A VLAN goes with what it lies over.
    loop {
        let next = before
            .keys()
            .find(|device| !gone.contains(device) && over(from, device).iter().any(|parent| gone.contains(parent)));
        match next {
            Some(device) => gone.push(device),
            None => break,
        }
    }
    // The upper ones first: one that went with what it lay over could not be taken away any more.
    gone.sort_by_key(|device| {
        let is_vlan = before.get(device).is_some_and(|text| text.contains("\nKind=vlan\n"));
        (!is_vlan, std::cmp::Reverse(depth(from, device)))
    });
    let again = gone
        .iter()
        .filter(|device| after.contains_key(*device))
        .map(ToString::to_string)
        .collect();
    (gone.into_iter().map(str::to_owned).collect(), again)
}
