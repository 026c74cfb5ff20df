//! The power-cut proof. Every write that an install, an upgrade or any other operation makes to a disk is recorded; then the
//! power is cut at each of them, and in between with the writes out of order, and a checker says what would boot.
//!
//! [`log`] reads what was recorded, [`replay()`] makes the states, a [`Checker`] judges them.

pub mod boot;
pub mod check;
pub mod esp;
pub mod judge;
pub mod log;
pub mod overlay;
pub mod record;
pub mod recording;
pub mod release;
pub mod replay;
pub mod report;
pub mod state;
#[cfg(test)]
mod testing;

pub use check::{Checker, Outcome, Verdict};
pub use judge::judge;
pub use recording::{Operation, Recording};
pub use replay::{Cut, Name, replay};
pub use report::Report;
pub use state::State;
