//! Installation and removal: the steps of a plan, one after the other, with progress and a way to stop.
//!
//! ```text
//! Observed ─ plan_install ─▶ InstallPlan ─▶ install: unboot · clear · partition · format · root · config · slot · loaders · entry
//!                                            old system   │           nothing that starts            │   new system
//! ```
//!
//! What is decided is decided in `corbel_plan::install`; here each step is done through [`Facilities`] and nothing is changed that
//! the plan does not name. The release is verified whole before the first byte is written, and the root image is read back.

mod facilities;
mod machine;
mod run;
mod steps;
mod uninstall;

pub use facilities::{ConfigFiles, Facilities, FacilityError};
pub use machine::{BOOT_FILES, BootFiles, Machine};
pub use run::{InstallError, install};
pub use steps::{BootImages, System};
pub use uninstall::uninstall;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
