//! The narrow door to the operating system: running programs, writing files so that a power cut leaves old or new, cancelling.
//!
//! Nothing else in the workspace starts a process (clippy holds that). Errors carry the whole command line and the end of
//! what the program said, so that no failure is silent.

mod cancel;
mod chain;
mod file;
pub mod ledger;
mod program;
mod udev;

pub use cancel::Cancel;
pub use chain::chain;
pub use file::{FileError, hash_file, is_temporary, read_limited, write_atomic, write_value};
pub use program::{Output, Program, ProgramError};
pub use udev::{udev_is_quiet, wait_for_quiet_udev};
