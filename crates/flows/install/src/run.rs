//! The order of an installation, with its progress: everything is checked first, then the steps of the plan are done.

use std::time::Instant;

use corbel_layout::grub::bios::BiosError;
use corbel_plan::install::InstallPlan;
use corbel_progress::{Event, Sink};
use corbel_sys::{Cancel, chain};
use corbel_upgrade::{CopyError, OpenError, Step as Report};

use crate::steps::{System, do_step};
use crate::{Facilities, FacilityError};

/// Why an installation or removal ended early. What was planned and not done can be done again from the start.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Nothing was written.
    #[error(transparent)]
    Release(#[from] OpenError),
    /// Nothing was written.
    #[error("{disk} is not the disk any more that the plan was made for: it has {found} bytes, expected {expected}")]
    Changed { disk: String, found: u64, expected: u64 },
    /// Nothing was written.
    #[error("the root image has {bytes} bytes, and the slot of {disk} has {room}")]
    SlotTooSmall { disk: String, bytes: u64, room: u64 },
    #[error("cannot {step}")]
    Step { step: String, source: FacilityError },
    #[error("cannot copy the system to {disk}")]
    Copy { disk: String, source: CopyError },
    #[error("GRUB's images do not fit {disk}")]
    Bios { disk: String, source: BiosError },
    /// A plan that lacks what its own steps need.
    #[error("the plan for {disk} has no partition {role}")]
    NoPartition { disk: String, role: &'static str },
    #[error("stopped as asked")]
    Cancelled,
}

/// Does the plan. A cancel is heeded between steps and within the long ones, up to the one that makes the disk start.
///
/// # Errors
/// The step that failed. Before the loaders are written the disk starts nothing.
pub fn install(
    plan: &InstallPlan,
    system: &System<'_>,
    facilities: &dyn Facilities,
    sink: &dyn Sink,
    cancel: &Cancel,
) -> Result<(), InstallError> {
    let title = format!("Install Corbel {} on {}", plan.version, plan.boot.path);
    whole(sink, title, plan.steps.len() + 1, || {
        let summed = system.release.verify(sink, cancel)?;
        for disk in plan.disks() {
            let expected = disk.layout.disk_bytes;
            let found = facilities.disk(&disk.path).and_then(|open| Ok(open.size()?));
            let found = found.map_err(failed(&format!("open {}", disk.path)))?;
            if found != expected {
                let disk = disk.path.clone();
                return Err(InstallError::Changed { disk, found, expected });
            }
        }
        for step in &plan.steps {
            if cancel.is_cancelled() {
                return Err(InstallError::Cancelled);
            }
            let report = Report::begin(sink, step.id(), &capital(&step.to_string()));
            do_step(step, plan, system, &summed, facilities, &report, cancel)?;
            report.done();
        }
        Ok(())
    })
}

/// Frames the work by its first and last event.
pub(crate) fn whole(
    sink: &dyn Sink,
    title: String,
    steps: usize,
    work: impl FnOnce() -> Result<(), InstallError>,
) -> Result<(), InstallError> {
    let started = Instant::now();
    sink.event(Event::Begin { title, steps });
    let result = work();
    sink.event(Event::End {
        ok: result.is_ok(),
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        message: result.as_ref().err().map(|error| chain(error)),
    });
    result
}

pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(crate) fn failed(step: &str) -> impl FnOnce(FacilityError) -> InstallError {
    let step = step.to_owned();
    move |source| InstallError::Step { step, source }
}
