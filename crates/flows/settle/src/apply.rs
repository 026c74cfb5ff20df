//! The dumb half: does the plan line by line and notes what was done and what was not.

use corbel_model::access::PasswordHash;
use corbel_plan::gate::Expected;
use corbel_plan::settle::{PREFIXES, SEED_FILE, SSH_FLAG, SettlePlan, Ssh, WORDS_FILE};
use serde::Serialize;

use crate::facilities::{Facilities, FacilityError, chain};
use crate::{shadow, ssh_message};

/// Where the report is for console and API.
pub const REPORT_FILE: &str = "/run/corbel/settle.json";

const SHADOW: &str = "/etc/shadow";
const ADMIN: &str = "admin";

/// What this boot's settling came to: the content of [`REPORT_FILE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub hostname: String,
    /// Whether remote login is on.
    pub ssh: bool,
    /// The same as a sentence, with the reason when it is off.
    pub ssh_message: String,
    /// The addresses that the configuration asks for, for the health gate.
    pub addresses: Expected,
    /// Paths that were written.
    pub applied: Vec<String>,
    /// One sentence each.
    pub warnings: Vec<String>,
}

/// For an installation; both texts hold hashes of passwords.
pub(crate) struct Orders {
    pub(crate) document: String,
    pub(crate) words: String,
}

pub(crate) fn apply(facilities: &dyn Facilities, plan: &SettlePlan, keeps: bool, orders: Option<&Orders>) -> Report {
    let mut report = report_of(plan);
    let mut problems = Vec::new();
    let mut failed = |what: &str, error: &FacilityError| {
        let problem = format!("{what}: {}", chain(error));
        problems.push(problem);
    };
    remove_stale(facilities, plan, &mut failed);
    if let Err(error) = facilities.set_hostname(&plan.hostname) {
        failed("host name", &error);
    }
    if let Err(error) = facilities.set_timezone(plan.timezone.as_ref()) {
        failed("time zone", &error);
    }
    if let Some(hash) = &plan.admin_password {
        match set_password(facilities, hash) {
            Ok(()) => report.applied.push(SHADOW.into()),
            Err(error) => failed("password of admin", &error),
        }
    }
    if matches!(plan.ssh, Ssh::On { .. })
        && let Err(error) = facilities.make_host_keys(keeps)
    {
        failed("SSH host keys", &error);
    }
    for file in &plan.files {
        match facilities.write(&file.path, file.content.as_bytes(), file.mode) {
            Ok(()) => report.applied.push(file.path.clone()),
            Err(error) => {
                failed(&file.path, &error);
                if file.path == SSH_FLAG {
                    report.ssh = false;
                    report.ssh_message = "SSH is off: its flag could not be written".into();
                }
            }
        }
    }
    let texts = [
        (SEED_FILE, orders.map(|orders| &orders.document)),
        (WORDS_FILE, orders.map(|orders| &orders.words)),
    ];
    for (path, text) in texts {
        let done = match text {
            Some(text) => facilities.write(path, text.as_bytes(), 0o600),
            None => facilities.remove(path),
        };
        if let Err(error) = done {
            failed(path, &error);
        }
    }
    report.warnings.append(&mut problems);
    if let Err(error) = write_report(facilities, &report) {
        let problem = format!("{REPORT_FILE}: {}", chain(&error));
        report.warnings.push(problem);
    }
    report
}

/// What a plan comes to when everything of it is done.
pub(crate) fn report_of(plan: &SettlePlan) -> Report {
    Report {
        hostname: plan.hostname.to_string(),
        ssh: matches!(plan.ssh, Ssh::On { .. }),
        ssh_message: ssh_message(&plan.ssh),
        addresses: plan.addresses.clone(),
        applied: Vec::new(),
        warnings: plan.warnings.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn write_report(facilities: &dyn Facilities, report: &Report) -> Result<(), FacilityError> {
    let json = serde_json::to_vec_pretty(report).expect("texts and a bool are always JSON");
    facilities.write(REPORT_FILE, &json, 0o644)
}

fn remove_stale(facilities: &dyn Facilities, plan: &SettlePlan, failed: &mut dyn FnMut(&str, &FacilityError)) {
    let mut old = Vec::new();
    for prefix in PREFIXES {
        match facilities.paths_from(prefix) {
            Ok(paths) => old.extend(paths),
            Err(error) => failed(prefix, &error),
        }
    }
    let stale = old
        .iter()
        .filter(|path| plan.files.iter().all(|file| file.path != **path))
        .map(String::as_str);
    for path in stale.chain(plan.remove.iter().copied()) {
        if let Err(error) = facilities.remove(path) {
            failed(path, &error);
        }
    }
}

/// Something about `/etc/shadow` that keeps it from being written.
#[derive(Debug, thiserror::Error)]
enum ShadowError {
    #[error("{SHADOW} is absent")]
    Absent,
    #[error("{SHADOW} is not text")]
    NotText,
    #[error("{SHADOW} has no line for {ADMIN}")]
    NoUser,
}

pub(crate) fn set_password(facilities: &dyn Facilities, hash: &PasswordHash) -> Result<(), FacilityError> {
    set_password_field(facilities, hash.expose())
}

/// `field` is what shadow(5) has for the password: a hash, or a word for none.
pub(crate) fn set_password_field(facilities: &dyn Facilities, field: &str) -> Result<(), FacilityError> {
    let bytes = facilities.read(SHADOW)?.ok_or(ShadowError::Absent)?;
    let before = String::from_utf8(bytes).map_err(|_| ShadowError::NotText)?;
    let after = shadow::with_password(&before, ADMIN, field).ok_or(ShadowError::NoUser)?;
    if after == before {
        return Ok(());
    }
    facilities.write(SHADOW, after.as_bytes(), 0o640)
}
