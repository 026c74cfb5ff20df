//! Why an upgrade, a rollback or a gate could not be done.

use corbel_boot::{BootError, EspError};
use corbel_layout::slot::Slot;
use corbel_plan::slots::Refused;
use corbel_sys::ledger::LedgerError;

use crate::{CopyError, HookError, OpenError};

/// What went wrong. Until the first write nothing has changed; after it, the good slot is what the loaders start.
#[derive(Debug, thiserror::Error)]
pub enum UpgradeError {
    #[error(transparent)]
    Release(#[from] OpenError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("slot {slot} holds version {version}, which failed on this node: {reason}")]
    FailedThere {
        slot: Slot,
        version: String,
        reason: String,
    },
    #[error(transparent)]
    Boot(#[from] BootError),
    #[error(transparent)]
    Esp(#[from] EspError),
    #[error(transparent)]
    Notes(#[from] LedgerError),
    #[error("cannot write slot {slot}")]
    Write { slot: Slot, source: CopyError },
    #[error("cannot open slot {slot}")]
    Slot { slot: Slot, source: std::io::Error },
    #[error("the root image has {bytes} bytes, and slot {slot} has room for {room}")]
    TooLarge { slot: Slot, bytes: u64, room: u64 },
    #[error("a hook before the upgrade refused it")]
    Hook(#[source] HookError),
    #[error("cannot restart the machine")]
    Reboot(#[source] corbel_sys::ProgramError),
    #[error("the upgrade was cancelled")]
    Cancelled,
}
