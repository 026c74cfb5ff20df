//! Upgrade: a release becomes the other slot's system, is tried, and is blessed or left again.
//!
//! ```text
//! ISO or network boot ─ Release::open ─ policy, signature ─ verify ─▶ upgrade ─▶ spare slot, armed ─▶ restart
//!                                                                                                  │
//!   failed, with its reason ◀─ review ◀─ good slot ◀─ tries used up ◀─ not healthy ◀─ gate ◀───────┘
//!                                                                         good ◀─ healthy ◀─┘
//! ```
//!
//! The order of all writes is decided by `corbel_plan::slots`; here they are done. Everything about a release is checked before
//! the first of them.

mod copy;
mod error;
mod facilities;
mod gate;
mod hooks;
mod notes;
mod release;
mod report;
mod run;
mod status;
mod turns;

pub use copy::{CopyError, Summed, write_verified};
pub use error::UpgradeError;
pub use facilities::{BlockSlot, Facilities, Installed, KeysError, SlotDevice, load_keys};
pub use gate::{Health, NEVER_STARTED, Verdict, gate, review_boot};
pub use hooks::{Hook, HookError, Limits, run_hooks};
pub use notes::{Failed, Notes, Trial};
pub use release::{OpenError, Release, Source};
pub use report::Step;
pub use run::{Armed, rollback, upgrade};
pub use status::{SlotState, SlotStatus, Status, status};
pub use turns::{System, boot_hooks, shutdown_hooks};

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
