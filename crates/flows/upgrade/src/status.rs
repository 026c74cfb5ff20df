//! Both slots as an operator wants to see them.

use corbel_boot::{BootState, read_state};
use corbel_layout::slot::Slot;
use serde::Serialize;

use crate::{Facilities, Failed, Notes, UpgradeError};

/// What a slot is to the loaders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SlotState {
    /// Started by default.
    Good,
    /// Started next, as often as it has tries.
    Trial { tries: u8 },
    /// Healthy once: a rollback leads there.
    Spare,
    /// Its version failed here.
    Failed,
    /// Nothing that was ever armed and healthy.
    Empty,
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlotStatus {
    pub slot: Slot,
    /// What was written there last.
    pub version: Option<String>,
    #[serde(flatten)]
    pub state: SlotState,
    /// Its system is the one that runs.
    pub running: bool,
}

/// Everything about the slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// a, b.
    pub slots: [SlotStatus; 2],
    /// Versions that failed here with their reasons, the latest last.
    pub failed: Vec<Failed>,
    /// Damaged records, as sentences.
    pub problems: Vec<String>,
}

/// Reads the state of both slots. Changes nothing.
///
/// # Errors
/// Records that cannot be read.
pub fn status(facilities: &dyn Facilities) -> Result<Status, UpgradeError> {
    let state = read_state(facilities.esp())?;
    let failed = Notes::new(facilities.config()).failed()?;
    let slots = Slot::ALL.map(|slot| slot_status(facilities, &state, &failed, slot));
    Ok(Status {
        slots,
        failed,
        problems: state.problems,
    })
}

fn slot_status(facilities: &dyn Facilities, state: &BootState, failed: &[Failed], slot: Slot) -> SlotStatus {
    let running = facilities.running();
    let written = state.slot(slot).release.as_ref().map(|release| release.version.clone());
    let version = match running.slot == slot {
        true => Some(facilities.version().to_owned()),
        false => written,
    };
    let records = &state.records;
    let trial = records.trial(running.firmware).filter(|trial| trial.slot == slot);
    let known_bad = || version.as_ref().is_some_and(|v| failed.iter().any(|f| f.version == *v));
    let state = match trial {
        Some(trial) => SlotState::Trial { tries: trial.tries },
        None if records.good(running.firmware) == Some(slot) => SlotState::Good,
        None if records.was_healthy(slot) => SlotState::Spare,
        None if known_bad() => SlotState::Failed,
        None => SlotState::Empty,
    };
    SlotStatus {
        slot,
        version,
        state,
        running: running.slot == slot,
    }
}
