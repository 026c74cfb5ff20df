//! Typed progress: what everything that takes time says while it does. One set of events for terminal, log, `--json` and API.
//!
//! Readers must take a kind that they do not know for [`Event::Unknown`] and go on.

use serde::{Deserialize, Serialize};

/// One thing that happened. `step` is a stable kebab-case id; `title` is for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The work begins, with the number of steps that it will have.
    Begin {
        title: String,
        steps: usize,
    },
    StepStarted {
        step: String,
        title: String,
    },
    /// `total` is absent while it is not known. Both in bytes or items, as `unit` says.
    StepProgress {
        step: String,
        done: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
        unit: Unit,
    },
    /// A word on what is being done now, such as a package name.
    StepNote {
        step: String,
        note: String,
    },
    StepFinished {
        step: String,
        outcome: Outcome,
        elapsed_ms: u64,
    },
    Warning {
        message: String,
    },
    /// The last event. `message` says what went wrong when it did.
    End {
        ok: bool,
        elapsed_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    Bytes,
    Items,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Done,
    /// The result was there already.
    Cached,
    Skipped,
    Failed,
    #[serde(other)]
    Unknown,
}

/// Where events go. Implemented by the terminal printer, the JSON printer, the log and tests.
pub trait Sink: Send + Sync {
    fn event(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Sink for F {
    fn event(&self, event: Event) {
        self(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_peer_does_not_break_an_older_reader() {
        let event: Event = serde_json::from_str(r#"{"event":"teleported","x":1}"#).expect("an unknown kind is read");
        assert_eq!(event, Event::Unknown);
        let event: Event =
            serde_json::from_str(r#"{"event":"step-finished","step":"a","outcome":"half","elapsed_ms":1}"#)
                .expect("an unknown outcome is read");
        assert_eq!(
            event,
            Event::StepFinished {
                step: "a".into(),
                outcome: Outcome::Unknown,
                elapsed_ms: 1
            }
        );
    }
}
