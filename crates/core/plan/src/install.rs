//! From a request and the disks of a machine to a plan of installation or removal, or to a refusal that names the field.
//!
//! ```text
//! InstallRequest ─┐                    ┌─▶ InstallPlan (prints what will be erased, VM storage foremost)
//! (corbel-model)  ├─▶ plan_install ────┤
//! Observed ───────┘   devices, guards  └─▶ Refusal { field, message }
//! ```
//!
//! Nothing is written here or before a plan exists. `corbel-install` does the steps of a plan in their order and decides nothing.

mod guard;
mod observed;
mod plan;
mod remove;
mod select;
mod show;
mod sizes;
mod steps;
mod welcome;
mod words;

use std::fmt;

use serde::Serialize;

pub use observed::{Disk, DiskPartition, Firmware, Installed, Observed, ReleaseFacts};
pub use plan::{InstallPlan, PlannedDisk, check_data, plan_install};
pub use remove::{RemovedDisk, UninstallPlan, plan_uninstall};
pub use select::{Candidate, candidates};
pub use sizes::minimum_bytes;
pub use steps::{Step, UninstallStep};
pub use welcome::{Welcome, welcome};
pub use words::beyond_release;

/// Why nothing will be done, before anything was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The part of the request that cannot be done: `boot`, `data`, `sizes.root`, `wipe_fakeraid` and so on.
    pub field: String,
    /// One sentence that names the device and what would be right.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(field: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            field: field.into(),
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for Refusal {}

/// Something on a disk that a plan takes away or leaves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Content {
    /// VM storage is told first.
    pub vm_storage: bool,
    /// The device node.
    pub device: String,
    /// As it stands behind "carries".
    pub what: String,
}
