//! Steps with their time, as events.

use std::time::Instant;

use corbel_progress::{Event, Outcome, Sink, Unit};

/// Work of some steps; dropped without an end, it has failed.
pub(crate) struct Work<'a> {
    sink: &'a dyn Sink,
    started: Instant,
}

/// One step that is under way. A step that is dropped before it is finished has failed.
pub struct Step<'a> {
    sink: &'a dyn Sink,
    name: &'static str,
    started: Instant,
    finished: bool,
}

impl std::fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Step").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> Work<'a> {
    pub(crate) fn begin(sink: &'a dyn Sink, title: String, steps: usize) -> Self {
        sink.event(Event::Begin { title, steps });
        Self {
            sink,
            started: Instant::now(),
        }
    }

    pub(crate) fn warn(&self, message: String) {
        self.sink.event(Event::Warning { message });
    }

    /// The last event, from the result of all.
    pub(crate) fn end<T, E: std::error::Error>(self, result: Result<T, E>) -> Result<T, E> {
        let message = result.as_ref().err().map(|error| {
            let mut text = error.to_string();
            let mut source = error.source();
            while let Some(error) = source {
                text = format!("{text}: {error}");
                source = error.source();
            }
            text
        });
        self.sink.event(Event::End {
            ok: message.is_none(),
            elapsed_ms: millis(self.started),
            message,
        });
        result
    }
}

impl<'a> Step<'a> {
    /// Begins a step; `name` is a stable kebab-case id.
    pub fn begin(sink: &'a dyn Sink, name: &'static str, title: &str) -> Self {
        sink.event(Event::StepStarted {
            step: name.to_owned(),
            title: title.to_owned(),
        });
        Self {
            sink,
            name,
            started: Instant::now(),
            finished: false,
        }
    }

    /// Bytes that are done.
    pub fn progress(&self, done: u64, total: u64) {
        self.sink.event(Event::StepProgress {
            step: self.name.to_owned(),
            done,
            total: Some(total),
            unit: Unit::Bytes,
        });
    }

    /// The step came to its end.
    pub fn done(mut self) {
        self.finish(Outcome::Done);
    }

    fn finish(&mut self, outcome: Outcome) {
        self.finished = true;
        self.sink.event(Event::StepFinished {
            step: self.name.to_owned(),
            outcome,
            elapsed_ms: millis(self.started),
        });
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.finish(Outcome::Failed);
        }
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
