//! The dumb half: looks at the node, does steps one by one, looks again.

use std::collections::BTreeMap;
use std::time::Duration;

use corbel_model::access::PasswordHash;
use corbel_model::network::Match;
use corbel_plan::config::{FILES, NodeState, PREFIXES, Step, mode_of, plan_change};
use corbel_plan::gate::Expected;
use corbel_plan::settle::{HOSTNAME_FILE, Need, SSH_FLAG, SettlePlan};

use super::{ChangeFacilities, ConfigError};
use crate::apply;
use crate::facilities::{FacilityError, chain};
use crate::performance::{Manner, tune};

const SHADOW: &str = "/etc/shadow";
/// What the kernel calls the node; absent below a root that is not this machine's.
const KERNEL_NAME: &str = "/proc/sys/kernel/hostname";
/// How long fixed addresses may take: duplicate address detection is a second or two, a bond's first look at its links another.
const ADDRESS_LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(250);

/// A step that failed, and why.
type Failed = (String, FacilityError);

/// The node as it is.
pub(super) fn observe(node: &dyn ChangeFacilities) -> Result<NodeState, ConfigError> {
    let text = |path: &str| -> Result<Option<String>, ConfigError> {
        let bytes = node.read(path).map_err(ConfigError::Facility)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let mut files = BTreeMap::new();
    let mut paths: Vec<String> = FILES.into_iter().map(str::to_owned).collect();
    for prefix in PREFIXES {
        paths.extend(node.paths_from(prefix).map_err(ConfigError::Facility)?);
    }
    for path in paths {
        if let Some(text) = text(&path)? {
            files.insert(path, text);
        }
    }
    let hostname = match text(KERNEL_NAME)? {
        Some(name) => name,
        None => text(HOSTNAME_FILE)?.unwrap_or_default(),
    };
    let field = password_field(node).map_err(ConfigError::Facility)?;
    Ok(NodeState {
        hostname: hostname.trim().to_owned(),
        timezone: node.timezone(),
        // A locked account has none that could be set again.
        password: field.and_then(|field| field.parse::<PasswordHash>().ok()),
        files,
    })
}

/// What shadow(5) has for the password of `admin`.
pub(super) fn password_field(node: &dyn ChangeFacilities) -> Result<Option<String>, FacilityError> {
    let bytes = node.read(SHADOW)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let field = text
        .lines()
        .find_map(|line| line.strip_prefix("admin:")?.split(':').next());
    Ok(field.map(str::to_owned))
}

/// Does the steps in their order. `wanted` has the contents.
pub(super) fn execute(node: &dyn ChangeFacilities, steps: &[Step], wanted: &NodeState) -> Result<(), Failed> {
    if wanted.files.contains_key(SSH_FLAG) {
        node.make_host_keys(true)
            .map_err(|error| ("making SSH host keys".to_owned(), error))?;
    }
    for step in steps {
        one(node, step, wanted).map_err(|error| (format!("the step \"{step}\""), error))?;
    }
    Ok(())
}

fn one(node: &dyn ChangeFacilities, step: &Step, wanted: &NodeState) -> Result<(), FacilityError> {
    match step {
        Step::Write { path } => {
            let content = wanted.files.get(path).map(String::as_bytes).unwrap_or_default();
            node.write(path, content, mode_of(path))
        }
        Step::Remove { path } => node.remove(path),
        Step::HostName { name } => node.set_hostname(&name.parse()?),
        Step::TimeZone { .. } => node.set_timezone(wanted.timezone.as_ref()),
        Step::Password => match &wanted.password {
            Some(hash) => apply::set_password(node.settled(), hash),
            None => Ok(()),
        },
        // It went with what it lay over, or a change that is taken back never made it.
        Step::DeleteDevice { device } if !is_there(node, device)? => Ok(()),
        // A restarted unit does what it can; a change is done as a whole or not at all.
        Step::Tune => tune(node, Manner::Strict).map(|_| ()),
        other => match other.command() {
            Some(command) => node.run(&command),
            None => Ok(()),
        },
    }
}

fn is_there(node: &dyn ChangeFacilities, device: &str) -> Result<bool, FacilityError> {
    let interfaces = node.interfaces(Need::Nothing)?;
    Ok(interfaces.iter().any(|interface| interface.name.as_str() == device))
}

/// Looks whether the node is as it shall be. Gives what should be known though it is no fault of the change.
pub(super) fn verify(
    node: &dyn ChangeFacilities,
    wanted: &NodeState,
    addresses: &Expected,
) -> Result<Vec<String>, Failed> {
    let checking = |what: &str| format!("checking {what}");
    let is = observe(node).map_err(|error| (checking("the node"), error.into()))?;
    let left = plan_change(&is, wanted);
    if let Some(step) = left.steps.first() {
        let problem = format!("after all is done there is still to do: {step}");
        return Err((checking("what was written"), problem.into()));
    }
    let start = node.now();
    loop {
        let (wrong, dark) = missing(node, addresses).map_err(|error| (checking("the addresses"), error))?;
        if wrong.is_empty() && dark.is_empty() {
            return Ok(Vec::new());
        }
        if node.now().saturating_sub(start) >= ADDRESS_LIMIT {
            return match wrong.first() {
                Some(_) => Err((checking("the addresses"), wrong.join("; ").into())),
                None => Ok(dark),
            };
        }
        node.pause(LOOK);
    }
}

/// Fixed addresses that are not there: those that should be, and those that wait for a cable.
fn missing(node: &dyn ChangeFacilities, addresses: &Expected) -> Result<(Vec<String>, Vec<String>), FacilityError> {
    let (mut wrong, mut dark) = (Vec::new(), Vec::new());
    if addresses.fixed.is_empty() {
        return Ok((wrong, dark));
    }
    let there = node.addresses()?;
    let interfaces = node.interfaces(Need::Nothing)?;
    for fixed in &addresses.fixed {
        if there.iter().any(|(_, address)| *address == fixed.address) {
            continue;
        }
        let matches: Option<Match> = fixed.interface.parse().ok();
        let mut meant = interfaces
            .iter()
            .filter(|one| matches.as_ref().is_some_and(|matches| matches.covers(one)));
        let sentence = format!("{} is not on {}", fixed.address, fixed.interface);
        match meant.next() {
            Some(interface) if !interface.carrier => {
                dark.push(format!("{sentence}, which has no cable with life in it"))
            }
            _ => wrong.push(sentence),
        }
    }
    Ok((wrong, dark))
}

/// Makes the node what it was. Whatever fails does not keep the rest from being done; gives what is left, as a sentence.
/// `password` is what the change found for the password of `admin`, where it set one: also that there was none.
pub(super) fn go_back(node: &dyn ChangeFacilities, before: &NodeState, password: Option<&str>) -> Option<String> {
    let mut left = Vec::new();
    match observe(node) {
        Err(error) => left.push(error.to_string()),
        Ok(is) => {
            // What was there is brought back whether or not its server answers now.
            let steps = plan_change(&is, before).steps.into_iter();
            for step in steps.filter(|step| *step != Step::TestDump) {
                if let Err(error) = one(node, &step, before) {
                    left.push(format!("{step}: {}", chain(&error)));
                }
            }
        }
    }
    if let Some(Err(error)) = password.map(|field| apply::set_password_field(node.settled(), field)) {
        left.push(format!("{}: {}", Step::Password, chain(&error)));
    }
    (!left.is_empty()).then(|| left.join("; "))
}

/// What console, API and health gate read of this boot is what holds now.
pub(super) fn report(node: &dyn ChangeFacilities, plan: &SettlePlan) {
    if let Err(error) = apply::write_report(node.settled(), &apply::report_of(plan)) {
        tracing::warn!(
            error = chain(&error),
            "the report of the configuration is not the present one"
        );
    }
}
