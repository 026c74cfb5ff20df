//! Everything that is unsafe: callbacks, statistics and console streams, for which the binding has no safe call. Each
//! file hands out a safe interface.

mod console;
mod link;
mod stats;

pub(crate) use console::open_console;
pub(crate) use link::{Link, run_event_loop};
pub(crate) use stats::{Groups, Record, Which, all_stats, machine_stats};
