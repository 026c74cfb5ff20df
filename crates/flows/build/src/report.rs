//! Typed progress of a build: numbered steps, each timed, each telling whether its result was there already.

use std::time::Instant;

use corbel_progress::{Event, Outcome, Sink, Unit};
use corbel_sys::Cancel;

use crate::BuildError;

/// What a build tells and whom it asks whether to go on.
#[derive(Clone, Copy)]
pub(crate) struct Report<'a> {
    pub(crate) sink: &'a dyn Sink,
    pub(crate) cancel: &'a Cancel,
}

/// One running step.
pub(crate) struct Step<'a> {
    id: &'static str,
    report: Report<'a>,
    outcome: std::cell::Cell<Outcome>,
}

impl<'a> Report<'a> {
    /// Run `work` as a step. Asks before it starts whether the build was cancelled.
    pub(crate) fn step<T>(
        self,
        id: &'static str,
        title: &str,
        work: impl FnOnce(&Step<'a>) -> Result<T, BuildError>,
    ) -> Result<T, BuildError> {
        if self.cancel.is_cancelled() {
            return Err(BuildError::Cancelled);
        }
        let started = Instant::now();
        self.sink.event(Event::StepStarted {
            step: id.into(),
            title: title.into(),
        });
        let step = Step {
            id,
            report: self,
            outcome: std::cell::Cell::new(Outcome::Done),
        };
        let result = work(&step);
        let outcome = if result.is_ok() {
            step.outcome.get()
        } else {
            Outcome::Failed
        };
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.sink.event(Event::StepFinished {
            step: id.into(),
            outcome,
            elapsed_ms,
        });
        result
    }
}

impl Step<'_> {
    /// The result was there already.
    pub(crate) fn cached(&self) {
        self.outcome.set(Outcome::Cached);
    }
    pub(crate) fn note(&self, note: impl Into<String>) {
        self.report.sink.event(Event::StepNote {
            step: self.id.into(),
            note: note.into(),
        });
    }
    /// Something that was put right, but that a person should know of.
    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.report.sink.event(Event::Warning {
            message: message.into(),
        });
    }
    pub(crate) fn bytes(&self, done: u64, total: Option<u64>) {
        self.report.sink.event(Event::StepProgress {
            step: self.id.into(),
            done,
            total,
            unit: Unit::Bytes,
        });
    }
    pub(crate) fn cancel(&self) -> &Cancel {
        self.report.cancel
    }
    /// Err when somebody cancelled.
    pub(crate) fn go_on(&self) -> Result<(), BuildError> {
        if self.report.cancel.is_cancelled() {
            Err(BuildError::Cancelled)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Run `work` as a step that nobody listens to.
    pub(crate) fn step<T>(
        cancel: &Cancel,
        work: impl FnOnce(&Step<'_>) -> Result<T, BuildError>,
    ) -> Result<T, BuildError> {
        let sink = |_: Event| {};
        Report { sink: &sink, cancel }.step("test", "Testing", work)
    }
}
