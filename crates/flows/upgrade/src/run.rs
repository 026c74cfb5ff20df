//! Upgrade and rollback: the planned steps, done one after the other.

use corbel_boot::{Content, apply, entry_words, read_state, write_kernel, write_menu};
use corbel_layout::slot::Slot;
use corbel_plan::slots::{self, Refused, plan_rollback, plan_upgrade};
use corbel_progress::Sink;
use corbel_sys::Cancel;

use crate::report::{Step, Work};
use crate::{CopyError, Facilities, Failed, Hook, Notes, Release, Trial, UpgradeError, run_hooks, write_verified};

/// What the next start of the machine brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// The slot that will be started.
    pub slot: Slot,
    /// Its version, if it is known.
    pub version: Option<String>,
    /// Hooks that failed after the point of no return.
    pub warnings: Vec<String>,
}

/// Verifies the release, writes it to the spare slot, and arms that. The machine is not restarted here.
///
/// # Errors
/// What was refused or failed. The good slot is untouched and is what the loaders start, whatever happened.
pub fn upgrade(
    facilities: &dyn Facilities,
    release: &Release,
    sink: &dyn Sink,
    cancel: &Cancel,
) -> Result<Armed, UpgradeError> {
    let version = release.manifest().version.clone();
    let work = Work::begin(sink, format!("Upgrade to version {version}"), 4);
    let result = upgrade_steps(facilities, release, sink, cancel);
    if let Ok(armed) = &result {
        armed.warnings.iter().for_each(|warning| work.warn(warning.clone()));
    }
    work.end(result)
}

fn upgrade_steps(
    facilities: &dyn Facilities,
    release: &Release,
    sink: &dyn Sink,
    cancel: &Cancel,
) -> Result<Armed, UpgradeError> {
    let version = release.manifest().version.clone();
    let running = facilities.running();
    let slot = running.slot.other();
    let part = release.root_part()?;
    let steps = plan_upgrade(&read_state(facilities.esp())?.records, running)?;
    let device = facilities
        .slot(slot)
        .map_err(|source| UpgradeError::Slot { slot, source })?;
    let room = device.size().map_err(|source| UpgradeError::Slot { slot, source })?;
    if part.bytes > room {
        let bytes = part.bytes;
        return Err(UpgradeError::TooLarge { slot, bytes, room });
    }
    let summed = release.verify(sink, cancel)?;
    let variables = [("CORBEL_VERSION", version.as_str()), ("CORBEL_SLOT", slot.letter())];
    let before = run_hooks(facilities.config(), Hook::PreUpgrade, &variables, cancel);
    if let Some(failure) = before.into_iter().next() {
        return Err(UpgradeError::Hook(failure));
    }
    let title = format!("Corbel {version}");
    let words = entry_words(release.manifest(), slot, &facilities.words());
    let content = Content {
        title: &title,
        words: &words,
        kernel: release.kernel(),
        release: release.text(),
    };
    let notes = Notes::new(facilities.config());
    let mut arming = None;
    for step in steps {
        if cancel.is_cancelled() && arming.is_none() {
            return Err(UpgradeError::Cancelled);
        }
        match step {
            slots::Step::WriteRoot(slot) => {
                let shown = Step::begin(sink, "write-root", "Write the system and read it back");
                let copied = write_verified(release.root(), &summed, &*device, &shown, cancel);
                copied.map_err(|source| match source {
                    CopyError::Cancelled => UpgradeError::Cancelled,
                    source => UpgradeError::Write { slot, source },
                })?;
                shown.done();
            }
            slots::Step::WriteKernel(slot) => {
                let shown = Step::begin(sink, "write-kernel", "Write the kernel and read it back");
                write_kernel(facilities.esp(), slot, &content)?;
                shown.done();
            }
            slots::Step::WriteMenu(slot) => write_menu(facilities.esp(), slot, &content)?,
            slots::Step::NoteTrial(slot) => {
                arming = Some(Step::begin(sink, "arm", "Arm the new system"));
                notes.save_trial(&Trial {
                    slot,
                    version: version.clone(),
                    started: false,
                    reason: None,
                })?;
            }
            other => do_step(facilities, &notes, other, Some(&content))?,
        }
    }
    if let Some(step) = arming {
        step.done();
    }
    let mut warnings = forget_default_entry(facilities);
    let after = run_hooks(facilities.config(), Hook::PostUpgrade, &variables, cancel);
    warnings.extend(after.iter().map(|failure| describe(failure)));
    Ok(Armed {
        slot,
        version: Some(version),
        warnings,
    })
}

/// Tries the other slot as it is; called off or given up when a trial waits or runs. The machine is not restarted here.
///
/// # Errors
/// Nothing to go back to, loaders that disagree, or a write that failed.
pub fn rollback(facilities: &dyn Facilities, sink: &dyn Sink, cancel: &Cancel) -> Result<Armed, UpgradeError> {
    let work = Work::begin(sink, "Roll back".to_owned(), 1);
    let result = rollback_steps(facilities, sink, cancel);
    if let Ok(armed) = &result {
        armed.warnings.iter().for_each(|warning| work.warn(warning.clone()));
    }
    work.end(result)
}

fn rollback_steps(facilities: &dyn Facilities, sink: &dyn Sink, cancel: &Cancel) -> Result<Armed, UpgradeError> {
    let state = read_state(facilities.esp())?;
    let running = facilities.running();
    let notes = Notes::new(facilities.config());
    let version_of = |slot: Slot| state.slot(slot).release.as_ref().map(|release| release.version.clone());
    let steps = plan_rollback(&state.records, running).map_err(|refused| match refused {
        Refused::NothingThere { slot } => why_nothing(&notes, slot, version_of(slot)).unwrap_or_else(|| refused.into()),
        refused => refused.into(),
    })?;
    let shown = Step::begin(sink, "arm", "Arm the other system");
    for step in steps {
        match step {
            slots::Step::NoteTrial(slot) => notes.save_trial(&Trial {
                slot,
                version: version_of(slot).unwrap_or_default(),
                started: false,
                reason: None,
            })?,
            slots::Step::NoteFailed(_) => notes.add_failed(Failed {
                version: facilities.version().to_owned(),
                reason: "it was given up by hand".to_owned(),
                at: facilities.now(),
            })?,
            other => do_step(facilities, &notes, other, None)?,
        }
    }
    shown.done();
    let records = read_state(facilities.esp())?.records;
    let trial = records.trial(running.firmware).map(|trial| trial.slot);
    let slot = trial.or(records.good(running.firmware)).unwrap_or(running.slot);
    let variables = [("CORBEL_SLOT", slot.letter())];
    let mut warnings = forget_default_entry(facilities);
    let failures = run_hooks(facilities.config(), Hook::Rollback, &variables, cancel);
    warnings.extend(failures.iter().map(|failure| describe(failure)));
    Ok(Armed {
        slot,
        version: version_of(slot),
        warnings,
    })
}

/// The notes know more of a slot that was never healthy: its version failed. Notes that cannot be read say nothing.
fn why_nothing(notes: &Notes, slot: Slot, version: Option<String>) -> Option<UpgradeError> {
    let version = version?;
    let failed = notes
        .failed()
        .ok()?
        .into_iter()
        .find(|failed| failed.version == version)?;
    Some(UpgradeError::FailedThere {
        slot,
        version,
        reason: failed.reason,
    })
}

/// A step that needs nothing but the EFI partition or the notes.
pub(crate) fn do_step(
    facilities: &dyn Facilities,
    notes: &Notes,
    step: slots::Step,
    content: Option<&Content<'_>>,
) -> Result<(), UpgradeError> {
    match step {
        slots::Step::ForgetTrial => notes.forget_trial()?,
        other => apply(facilities.esp(), other, content)?,
    }
    Ok(())
}

/// What could not be forgotten: then a person has to choose the new system in the loader's menu.
fn forget_default_entry(facilities: &dyn Facilities) -> Vec<String> {
    let forgotten = facilities.forget_default_entry().err();
    forgotten.iter().map(|error| describe(error)).collect()
}

fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
