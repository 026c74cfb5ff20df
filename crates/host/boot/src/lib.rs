//! The boot files of an installed disk: the EFI partition with both loaders' records, and the firmware's own boot entry.
//!
//! What is written and in which order is decided by `corbel_plan::slots`; this crate does one [`Step`](corbel_plan::slots::Step)
//! after the other on an [`Esp`], and a power cut between any two is part of the plan. It starts nothing and mounts nothing.

mod efivars;
mod esp;
mod fake;
mod state;
mod write;

pub use efivars::{EfiVariables, EfiVarsError, HardDrive, LABEL, firmware};
pub use esp::{Esp, EspError, MountedEsp};
pub use fake::FakeEsp;
pub use state::{BootState, SlotFiles, read_state};
pub use write::{
    BootError, Content, Loaders, apply, arm, bless, disarm, entry_words, install_loaders, install_system, kernel_path,
    menu_path, release_path, write_kernel, write_menu, write_slot,
};

#[cfg(test)]
mod tests;
