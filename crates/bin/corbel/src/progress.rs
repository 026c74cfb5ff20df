//! Progress of long work for whoever watches: bars on a terminal, one JSON object a line for programs, plain lines in a log.

use std::sync::Mutex;
use std::time::Duration;

use corbel_progress::{Event, Outcome, Sink, Unit};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::printer::Printer;

/// A sink for events, by what the printer writes to.
#[derive(Debug)]
pub(crate) struct Progress {
    printer: Printer,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bar: Option<ProgressBar>,
    work: String,
    title: String,
    number: usize,
    steps: usize,
}

impl Progress {
    pub(crate) fn new(printer: Printer) -> Self {
        Self {
            printer,
            state: Mutex::default(),
        }
    }

    fn show(&self, state: &mut State, event: Event) {
        match event {
            // A node says it again when it knows the number of steps.
            Event::Begin { title, steps } => {
                state.steps = steps;
                if state.work != title {
                    self.printer.talk(&title);
                    state.work = title;
                }
            }
            Event::StepStarted { title, .. } => {
                state.number += 1;
                state.title = if state.steps == 0 {
                    title
                } else {
                    format!("[{:>2}/{}] {title}", state.number, state.steps)
                };
                if self.printer.draws() {
                    state.bar = Some(spinner(&state.title));
                } else {
                    self.printer.talk(&state.title);
                }
            }
            Event::StepProgress { done, total, unit, .. } => {
                if let (Some(bar), Some(total)) = (&state.bar, total) {
                    if bar.length() != Some(total) {
                        bar.set_length(total);
                        bar.set_style(style(match unit {
                            Unit::Items => "{prefix} {bar:20} {pos}/{len} {elapsed} {wide_msg}",
                            _ => "{prefix} {bar:20} {binary_bytes}/{binary_total_bytes} {elapsed} {wide_msg}",
                        }));
                    }
                    bar.set_position(done);
                }
            }
            Event::StepNote { note, .. } => {
                if let Some(bar) = &state.bar {
                    bar.set_message(note);
                }
            }
            Event::StepFinished {
                outcome, elapsed_ms, ..
            } => {
                if let Some(bar) = state.bar.take() {
                    bar.finish_and_clear();
                }
                let seconds = Duration::from_millis(elapsed_ms).as_secs_f32();
                let word = match outcome {
                    Outcome::Cached => "kept from before",
                    Outcome::Failed => "FAILED",
                    Outcome::Skipped => "skipped",
                    Outcome::Done | Outcome::Unknown => "done",
                };
                self.printer.talk(&format!("{}: {word} ({seconds:.1} s)", state.title));
            }
            Event::Warning { message } => self.printer.talk(&format!("warning: {message}")),
            // The command says itself how it ended.
            Event::End { .. } | Event::Unknown => {}
        }
    }
}

impl Sink for Progress {
    fn event(&self, event: Event) {
        if self.printer.json {
            // A reader that went away is noticed when the result is written.
            let _ = self.printer.json_line(&event);
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.show(&mut state, event);
    }
}

fn spinner(title: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(style("{prefix} {spinner} {elapsed} {wide_msg}"));
    bar.set_prefix(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is a constant of this file")
        .progress_chars("=> ")
}
