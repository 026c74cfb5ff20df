//! The configuration of an installed node: which of its kept texts counts, whether a document makes sense as a whole, and what must be
//! done so that the running system is as it says.

mod change;
mod check;
mod choose;

pub use change::{Change, FILES, NodeState, Step, mode_of, plan_change};
pub use check::{Problem, check, is_unreachable};
pub use choose::{Candidate, Chosen, choose};
