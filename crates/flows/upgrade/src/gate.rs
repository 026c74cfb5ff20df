//! After a boot: what the records say of it, and for a trial the health gate with its deadline.

use std::time::Duration;

use corbel_boot::read_state;
use corbel_layout::slot::Slot;
use corbel_plan::gate::{Decision, Facts, decide};
use corbel_plan::slots::{Outcome, Step, plan_bless, review};

use crate::run::do_step;
use crate::{Facilities, Failed, Notes, Trial, UpgradeError};

/// The reason of a trial that left no word.
pub const NEVER_STARTED: &str = "it never reached the configuration: the kernel panicked or hung";

/// What the gate asks of the running system, and its clock.
pub trait Health {
    /// What is seen now.
    fn facts(&self) -> Facts;
    /// Since the start of the system.
    fn elapsed(&self) -> Duration;
    /// Waits a little before the next look.
    fn wait(&self);
    /// Asks the node itself to restart, so that its machines are stopped as each one's policy says; false when it does not do that.
    fn restart(&self) -> bool;
}

/// What became of the boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is on trial here.
    NotOnTrial(Outcome),
    /// The trial is the good system now.
    Blessed,
    /// The trial was not healthy in time. The reason is noted and the restart is asked for.
    Unhealthy(String),
}

/// Brings the records in line with the boot that happened. A trial that failed is remembered with the reason that it noted.
/// Running it again changes nothing more.
///
/// # Errors
/// Records that cannot be read or written.
pub fn review_boot(facilities: &dyn Facilities) -> Result<Outcome, UpgradeError> {
    let notes = Notes::new(facilities.config());
    let state = read_state(facilities.esp())?;
    let noted = notes.trial()?;
    let found = review(&state.records, facilities.running(), noted.as_ref().map(Trial::note));
    let version_of = |slot: Slot| {
        let noted = noted
            .as_ref()
            .filter(|trial| trial.slot == slot)
            .map(|trial| trial.version.clone());
        let written = state.slot(slot).release.as_ref().map(|release| release.version.clone());
        noted.or(written).unwrap_or_default()
    };
    for step in found.steps {
        match step {
            Step::NoteStarted(slot) => notes.save_trial(&Trial {
                slot,
                version: facilities.version().to_owned(),
                started: true,
                reason: None,
            })?,
            Step::NoteFailed(slot) => {
                let noted = noted.as_ref().filter(|trial| trial.slot == slot);
                notes.add_failed(Failed {
                    version: version_of(slot),
                    reason: reason(noted),
                    at: facilities.now(),
                })?;
            }
            other => do_step(facilities, &notes, other, None)?,
        }
    }
    Ok(found.outcome)
}

fn reason(trial: Option<&Trial>) -> String {
    match trial {
        Some(Trial {
            reason: Some(reason), ..
        }) => reason.clone(),
        Some(Trial { started: true, .. }) => {
            "it started and stopped before it was healthy: it crashed, hung or lost power".to_owned()
        }
        _ => NEVER_STARTED.to_owned(),
    }
}

/// The whole of it: review, and for a trial wait until it is healthy and bless it; at the deadline note what is missing and
/// restart.
///
/// # Errors
/// Records that cannot be read or written. A trial that cannot be judged is not blessed, so that its tries run out.
pub fn gate(facilities: &dyn Facilities, health: &dyn Health, deadline: Duration) -> Result<Verdict, UpgradeError> {
    let outcome = review_boot(facilities)?;
    if outcome != Outcome::OnTrial {
        return Ok(Verdict::NotOnTrial(outcome));
    }
    let notes = Notes::new(facilities.config());
    loop {
        match decide(&health.facts(), health.elapsed(), deadline) {
            Decision::Wait(_) => health.wait(),
            Decision::Healthy => {
                bless(facilities, &notes)?;
                return Ok(Verdict::Blessed);
            }
            Decision::Unhealthy(reason) => {
                notes.save_trial(&Trial {
                    slot: facilities.running().slot,
                    version: facilities.version().to_owned(),
                    started: true,
                    reason: Some(reason.clone()),
                })?;
                if !health.restart() {
                    facilities.reboot().map_err(UpgradeError::Reboot)?;
                }
                return Ok(Verdict::Unhealthy(reason));
            }
        }
    }
}

fn bless(facilities: &dyn Facilities, notes: &Notes) -> Result<(), UpgradeError> {
    let records = read_state(facilities.esp())?.records;
    for step in plan_bless(&records, facilities.running())? {
        do_step(facilities, notes, step, None)?;
    }
    Ok(notes.clear_failed(facilities.version())?)
}
