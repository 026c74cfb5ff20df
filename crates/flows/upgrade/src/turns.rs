//! Hooks at the start and the end of the system, and whether its version is new here.
//!
//! ```text
//! boot ─ version is the one noted in boot/hooked? ─ yes ────────────────────────────────▶ on-boot
//!                                                 └ no ─▶ on-changed-image ─ all ran: note it ─▶ on-boot
//! ```
//! A trial that is left again changes the version twice, and so do hooks that came to nothing because the power was cut.

use std::path::Path;

use corbel_layout::slot::Slot;
use corbel_sys::Cancel;

use crate::{Hook, HookError, Notes, run_hooks};

/// What hooks are told of the system that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System<'a> {
    /// Folder of the configuration, `/config`.
    pub config: &'a Path,
    /// `None` when it could not be found out; then nothing can be said of a change either.
    pub version: Option<&'a str>,
    pub slot: Slot,
}

impl System<'_> {
    fn run(&self, hook: Hook, previous: Option<&str>, cancel: &Cancel) -> Vec<HookError> {
        let mut variables = vec![("CORBEL_SLOT", self.slot.letter())];
        variables.extend(self.version.map(|version| ("CORBEL_VERSION", version)));
        variables.extend(previous.map(|version| ("CORBEL_PREVIOUS_VERSION", version)));
        run_hooks(self.config, hook, &variables, cancel)
    }
}

/// Runs the hooks of [`Hook::OnChangedImage`] when another version runs than the one that they last ran for, then those of
/// [`Hook::OnBoot`]. A version is noted once each of its hooks has run, whether it succeeded or not. Gives what failed.
pub fn boot_hooks(system: &System<'_>, cancel: &Cancel) -> Vec<(Hook, HookError)> {
    let changed = system
        .version
        .map_or_else(Vec::new, |version| changed(system, version, cancel));
    let boot = system.run(Hook::OnBoot, None, cancel);
    let changed = changed.into_iter().map(|failure| (Hook::OnChangedImage, failure));
    changed
        .chain(boot.into_iter().map(|failure| (Hook::OnBoot, failure)))
        .collect()
}

fn changed(system: &System<'_>, version: &str, cancel: &Cancel) -> Vec<HookError> {
    let notes = Notes::new(system.config);
    let previous = match notes.hooked() {
        Ok(previous) => previous,
        Err(error) => return vec![error.into()],
    };
    if previous.as_deref() == Some(version) {
        return Vec::new();
    }
    let mut failures = system.run(Hook::OnChangedImage, previous.as_deref(), cancel);
    if failures.iter().all(HookError::was_run) {
        failures.extend(notes.save_hooked(version).err().map(HookError::from));
    }
    failures
}

/// Runs the hooks of [`Hook::OnShutdown`]. Gives what failed.
pub fn shutdown_hooks(system: &System<'_>, cancel: &Cancel) -> Vec<HookError> {
    system.run(Hook::OnShutdown, None, cancel)
}
