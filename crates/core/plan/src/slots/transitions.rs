//! The writes of each transition, in their order.
//!
//! An entry is made under its new name before the old name goes, because a rename on FAT may be torn into neither. Records are
//! cleared before a slot is touched and set after it is whole.

use corbel_layout::grubenv::{GrubEnv, Trial};
use corbel_layout::loader_entry::EntryName;
use corbel_layout::slot::Slot;

use super::{Entry, Firmware, Records, Running, Step, TRIES, TrialNote};

/// Why a transition may not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the loaders disagree on which slot is good: restart the node, which settles it")]
    Disagree,
    #[error("slot {running} runs and slot {good} is the good one: the spare slot is in use")]
    SpareRuns { running: Slot, good: Slot },
    #[error("slot {slot} holds no system that was ever healthy")]
    NothingThere { slot: Slot },
    #[error("slot {slot} is on trial already: restart the node to try it")]
    OnTrial { slot: Slot },
    #[error("slot {slot} is not on trial")]
    NotOnTrial { slot: Slot },
}

/// What a boot turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// The good slot, and nothing is on trial.
    Good,
    /// The trial: it must become healthy in time.
    OnTrial,
    /// The good slot, although a trial has tries left: a person chose it, or the trial could not be loaded.
    TrialWaiting(Slot),
    /// The good slot, because the trial has no tries left or was taken away after it had started.
    FellBack(Slot),
    /// Neither: a person chose the spare in the loader's menu.
    Chosen,
}

/// What a boot turned out to be, and what is written before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    pub outcome: Outcome,
    pub steps: Vec<Step>,
}

/// Looks at the records after a boot. The good slot's system brings both records in line; the trial's only notes that it came
/// so far.
pub fn review(records: &Records, running: Running, note: Option<TrialNote>) -> Review {
    let Running { slot, firmware } = running;
    let plain = |outcome| Review {
        outcome,
        steps: Vec::new(),
    };
    let trial = records.trial(firmware);
    if trial.is_some_and(|t| t.slot == slot) {
        let known = note == Some(TrialNote { slot, started: true });
        return Review {
            outcome: Outcome::OnTrial,
            steps: if known {
                Vec::new()
            } else {
                vec![Step::NoteStarted(slot)]
            },
        };
    }
    if records.good(firmware) != Some(slot) {
        return plain(Outcome::Chosen);
    }
    let noted = note.filter(|note| note.slot != slot);
    // A disk may have moved to the other firmware: tries that either loader used up are used up.
    let used_up = [firmware, firmware.other()]
        .into_iter()
        .filter_map(|firmware| records.trial(firmware))
        .find(|trial| trial.tries == 0 && trial.slot != slot);
    let failed = match (used_up, trial) {
        (Some(used_up), _) => Some(used_up.slot),
        (None, Some(trial)) => return plain(Outcome::TrialWaiting(trial.slot)),
        (None, None) => noted.filter(|note| note.started).map(|note| note.slot),
    };
    let mut steps: Vec<Step> = failed.map(Step::NoteFailed).into_iter().collect();
    steps.extend(align(records, slot));
    if note.is_some() {
        steps.push(Step::ForgetTrial);
    }
    Review {
        outcome: failed.map_or(Outcome::Good, Outcome::FellBack),
        steps,
    }
}

/// Both records say that `good` is good and nothing is on trial. An older entry of the other slot stays: that is what a person
/// rolls back to.
fn align(records: &Records, good: Slot) -> Vec<Step> {
    let mut steps = put_env(records, GrubEnv { good, trial: None });
    let generation = match records.plain_generation(good) {
        Some(generation) => generation,
        None => {
            let generation = records.next_generation();
            let name = EntryName::plain(good);
            steps.push(Step::PutEntry(Entry { name, generation }));
            generation
        }
    };
    let stale = |e: &&Entry| match e.name.slot == good {
        true => e.name.counter.is_some(),
        false => e.name.counter.is_some() || e.generation >= generation,
    };
    steps.extend(records.entries.iter().filter(stale).map(|e| Step::RemoveEntry(e.name)));
    steps
}

fn put_env(records: &Records, env: GrubEnv) -> Vec<Step> {
    match records.env == Some(env) {
        true => Vec::new(),
        false => vec![Step::PutEnv(env)],
    }
}

/// The good slot, when its system runs and both loaders agree on it.
fn good_and_running(records: &Records, running: Running) -> Result<Slot, Refused> {
    let good = records.agreed_good().ok_or(Refused::Disagree)?;
    match running.slot == good {
        true => Ok(good),
        false => Err(Refused::SpareRuns {
            running: running.slot,
            good,
        }),
    }
}

/// Takes the spare slot out of both records, so that it may be written.
///
/// # Errors
/// The spare slot's system runs, or the loaders disagree.
pub fn plan_disarm(records: &Records, running: Running) -> Result<Vec<Step>, Refused> {
    let good = good_and_running(records, running)?;
    Ok(disarm(records, good))
}

fn disarm(records: &Records, good: Slot) -> Vec<Step> {
    let mut steps = put_env(records, GrubEnv { good, trial: None });
    steps.extend(records.of(good.other()).map(|e| Step::RemoveEntry(e.name)));
    steps
}

/// Puts `slot` on trial in both records. Older entries of the slot go after the new one is there.
pub fn plan_arm(records: &Records, slot: Slot) -> Vec<Step> {
    let counted = records.of(slot).filter(|e| e.name.counter.is_some());
    // The loader renames the entry as it counts, and must not meet a file of that name.
    let mut steps: Vec<Step> = counted.map(|e| Step::RemoveEntry(e.name)).collect();
    steps.push(Step::PutEntry(Entry {
        name: EntryName::trial(slot, u32::from(TRIES)),
        generation: records.next_generation(),
    }));
    if records.was_healthy(slot) {
        steps.push(Step::RemoveEntry(EntryName::plain(slot)));
    }
    steps.push(Step::PutEnv(GrubEnv {
        good: slot.other(),
        trial: Some(Trial { slot, tries: TRIES }),
    }));
    steps
}

/// All writes of an upgrade: disarm, write, verify, note, arm. The steps that write the slot carry the new release.
///
/// # Errors
/// The spare slot's system runs, or the loaders disagree.
pub fn plan_upgrade(records: &Records, running: Running) -> Result<Vec<Step>, Refused> {
    let good = good_and_running(records, running)?;
    let spare = good.other();
    // A trial that a person replaces has not failed.
    let mut steps = if any_trial(records).is_some() {
        vec![Step::ForgetTrial]
    } else {
        Vec::new()
    };
    steps.extend(disarm(records, good));
    steps.extend([
        Step::RemoveMenu(spare),
        Step::WriteRoot(spare),
        Step::WriteKernel(spare),
        Step::WriteMenu(spare),
        Step::NoteTrial(spare),
    ]);
    let mut disarmed = records.clone();
    disarmed.entries.retain(|e| e.name.slot == good);
    // The generation counts on from entries that were there.
    let generation = records.next_generation();
    steps.extend(plan_arm(&disarmed, spare).into_iter().map(|step| match step {
        Step::PutEntry(entry) => Step::PutEntry(Entry { generation, ..entry }),
        other => other,
    }));
    Ok(steps)
}

/// A slot that either loader would try.
fn any_trial(records: &Records) -> Option<Slot> {
    let trials = [Firmware::Bios, Firmware::Uefi].map(|firmware| records.trial(firmware));
    trials.into_iter().flatten().map(|trial| trial.slot).next()
}

/// All writes of a rollback by hand: the spare slot is tried as it is; a trial that waits is called off; from the trial itself,
/// it is given up as failed.
///
/// # Errors
/// The spare slot holds nothing that was healthy, or the loaders disagree.
pub fn plan_rollback(records: &Records, running: Running) -> Result<Vec<Step>, Refused> {
    let on_trial = records.trial(running.firmware).is_some_and(|t| t.slot == running.slot);
    if on_trial {
        let mut steps = vec![Step::NoteFailed(running.slot)];
        steps.extend(disarm(records, running.slot.other()));
        steps.push(Step::ForgetTrial);
        return Ok(steps);
    }
    let good = records.agreed_good().ok_or(Refused::Disagree)?;
    if let Some(slot) = any_trial(records) {
        if running.slot != good {
            return Err(Refused::OnTrial { slot });
        }
        let mut steps = vec![Step::ForgetTrial];
        steps.extend(align(records, good));
        return Ok(steps);
    }
    let spare = good.other();
    if !records.was_healthy(spare) {
        return Err(Refused::NothingThere { slot: spare });
    }
    let mut steps = vec![Step::NoteTrial(spare)];
    steps.extend(plan_arm(records, spare));
    Ok(steps)
}

/// All writes that make the trial good.
///
/// # Errors
/// The running slot is not on trial.
pub fn plan_bless(records: &Records, running: Running) -> Result<Vec<Step>, Refused> {
    let slot = running.slot;
    if records.trial(running.firmware).is_none_or(|t| t.slot != slot) {
        return Err(Refused::NotOnTrial { slot });
    }
    let other = records.of(slot.other()).map(|e| e.generation).max();
    let own = records.of(slot).map(|e| e.generation).max();
    // The trial's own generation, unless the other loader's record lost it.
    let generation = own
        .filter(|own| Some(*own) > other)
        .unwrap_or_else(|| records.next_generation());
    let name = EntryName::plain(slot);
    let mut steps = vec![Step::PutEntry(Entry { name, generation })];
    let counted = records.entries.iter().filter(|e| e.name.counter.is_some());
    steps.extend(counted.map(|e| Step::RemoveEntry(e.name)));
    steps.extend(put_env(
        records,
        GrubEnv {
            good: slot,
            trial: None,
        },
    ));
    steps.push(Step::ForgetTrial);
    Ok(steps)
}

/// The loader whose record a firmware does not read.
impl Firmware {
    /// BIOS for UEFI and the other way round.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Bios => Self::Uefi,
            Self::Uefi => Self::Bios,
        }
    }
}
