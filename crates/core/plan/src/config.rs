//! The configuration of an installed node: which of its kept texts counts, whether a document makes sense as a whole, and what must be
//! done so that the running system is as it says.

mod change;
mod check;
mod choose;
mod step;

pub use change::{Change, NodeState, plan_change};
pub use check::{Machine, Problem, check, check_machine, check_secrets, is_unreachable, machine_warnings};
pub use choose::{Candidate, Chosen, choose};
pub use step::Step;

pub use crate::settle::{FILES, PREFIXES, mode_of};
