//! The configuration of an installed node: which of its kept texts counts, whether a document makes sense as a whole, and what must be
//! done so that the running system is as it says.

mod choose;

pub use choose::{Candidate, Chosen, choose};
