//! The document of a boot from a URL: fetched once there is a network, put where settle finds it, and settled again.
//!
//! ```text
//! settle ─▶ /run/corbel/config-url ─▶ configure ─▶ config.toml, or config-failed ─▶ settle ─▶ what changed is told to who must know
//! ```
//!
//! Run by `corbel-config.service`, on no installed node. That nothing could be fetched is a warning of settle's report and ends nothing.
//! The document holds password hashes; neither it nor the URL, which may hold a token, goes into a log.

use std::time::Duration;

use corbel_plan::config::{FILES, NodeState, PREFIXES, Step, plan_change};
use corbel_plan::settle::{AUTO_INSTALL_FLAG, CONFIG_URL_FILE, Fetched};

use crate::apply::{REPORT_FILE, Report};
use crate::facilities::{Facilities, FacilityError, chain};
use crate::settle;

/// The fetched document, for root alone.
const DOCUMENT: &str = "/run/corbel/config.toml";
/// Why there is none, as a sentence.
const FAILED: &str = "/run/corbel/config-failed";
/// From the start of the service. A server that was switched on together with its nodes is there by then.
const DEADLINE: Duration = Duration::from_secs(120);
/// The first pause between two tries; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What fetching needs besides what settle needs. [`crate::Host`] is the real one.
pub trait ConfigFacilities: Facilities {
    /// The bytes behind a URL, at most one MiB, within `limit`.
    fn fetch(&self, url: &str, limit: Duration) -> Result<Vec<u8>, FacilityError>;
    /// Since some moment in the past.
    fn now(&self) -> Duration;
    fn pause(&self, time: Duration);
    /// Runs a program: the first word and its arguments.
    fn run(&self, command: &[&str]) -> Result<(), FacilityError>;
    /// For settle, which is the same machine.
    fn settled(&self) -> &dyn Facilities;
}

/// Fetches and settles again; `None` when this boot has no such URL.
pub fn configure(facilities: &dyn ConfigFacilities) -> Option<Report> {
    let url = text(facilities.read(CONFIG_URL_FILE))?;
    let fetched = fetch(facilities, url.trim());
    let mut problems = Vec::new();
    let (keep, text, forget) = match &fetched {
        Ok(document) => (DOCUMENT, document, FAILED),
        Err(reason) => (FAILED, reason, DOCUMENT),
    };
    let noted = facilities
        .write(keep, text.as_bytes(), 0o600)
        .and_then(|()| facilities.remove(forget));
    if let Err(error) = noted {
        problems.push(format!("corbel.config: {}", chain(&error)));
    }
    let has_flag = |facilities: &dyn ConfigFacilities| matches!(facilities.read(AUTO_INSTALL_FLAG), Ok(Some(_)));
    let (before, had_flag) = (snapshot(facilities), has_flag(facilities));
    let mut report = settle(facilities.settled());
    let installs = !had_flag && has_flag(facilities);
    for command in changed(&before, &snapshot(facilities), installs) {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        if let Err(error) = facilities.run(&command) {
            problems.push(format!("corbel.config: {}", chain(&error)));
        }
    }
    if !problems.is_empty() {
        report.warnings.append(&mut problems);
        let json = serde_json::to_vec_pretty(&report).expect("texts and a bool are always JSON");
        // The journal has the report too.
        let _ = facilities.write(REPORT_FILE, &json, 0o644);
    }
    Some(report)
}

/// What an earlier run has fetched, for settle.
pub(crate) fn fetched(facilities: &dyn Facilities) -> Fetched {
    match (text(facilities.read(DOCUMENT)), text(facilities.read(FAILED))) {
        (Some(document), _) => Fetched::Document(document),
        (None, Some(reason)) => Fetched::Failed(reason),
        (None, None) => Fetched::NotYet,
    }
}

fn text(read: Result<Option<Vec<u8>>, FacilityError>) -> Option<String> {
    String::from_utf8(read.ok()??).ok()
}

/// The document, or why there is none.
fn fetch(facilities: &dyn ConfigFacilities, url: &str) -> Result<String, String> {
    let start = facilities.now();
    let left = || DEADLINE.saturating_sub(facilities.now().saturating_sub(start));
    let mut pause = FIRST_PAUSE;
    loop {
        let reason = match facilities.fetch(url, left()) {
            Ok(bytes) => {
                return String::from_utf8(bytes).map_err(|_| "what came is not UTF-8 text".to_owned());
            }
            Err(error) => chain(&error),
        };
        if left() <= pause {
            return Err(reason);
        }
        facilities.pause(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Files whose change somebody has to be told who has read them already.
fn snapshot(facilities: &dyn Facilities) -> NodeState {
    let several = PREFIXES
        .into_iter()
        .flat_map(|prefix| facilities.paths_from(prefix).unwrap_or_default());
    let paths = FILES.into_iter().map(str::to_owned).chain(several);
    let files = paths.filter_map(|path| Some((path.clone(), text(facilities.read(&path))?)));
    NodeState {
        files: files.collect(),
        ..NodeState::default()
    }
}

/// What is run so that a change counts for this boot, by the same planner that changes an installed node. The boot goes on meanwhile, so
/// systemd is not waited for; a unit whose conditions do not hold is not started.
fn changed(before: &NodeState, after: &NodeState, installs: bool) -> Vec<Vec<String>> {
    let steps = plan_change(before, after).steps;
    let commands = steps.iter().filter_map(Step::command);
    let autoinstall = installs.then(|| vec!["systemctl", "start", "corbel-autoinstall.service"]);
    let unhurried = |mut command: Vec<&str>| {
        if command.first() == Some(&"systemctl") {
            command.insert(1, "--no-block");
        }
        command.into_iter().map(str::to_owned).collect()
    };
    commands.chain(autoinstall).map(unhurried).collect()
}

#[cfg(test)]
mod tests;
