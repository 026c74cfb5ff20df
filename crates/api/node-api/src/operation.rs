//! Long work on the node: at most one at a time, started by one request and followed or cancelled by others.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One event of long work, as `GET /v1/operation/events` tells it.
pub use corbel_progress::Event as ProgressEvent;

/// Answer of `GET /v1/operation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationStatus {
    /// The present work or the last one; null when there was none since the daemon started.
    #[serde(default)]
    pub operation: Option<OperationInfo>,
}

/// Long work: how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationInfo {
    /// Grows with each work since the daemon started.
    pub id: u64,
    pub kind: OperationKind,
    pub state: OperationState,
    /// For a person, such as `Upgrade to 1.2.0`.
    pub title: String,
    pub elapsed_seconds: u64,
    /// How many steps there will be; null while that is not known.
    #[serde(default)]
    pub steps_total: Option<u32>,
    /// The steps that were begun, in order.
    #[serde(default)]
    pub steps: Vec<OperationStep>,
    /// One sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// At the end: why it failed, or what it came to. One sentence.
    #[serde(default)]
    pub message: Option<String>,
}

impl OperationInfo {
    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        matches!(self.state, OperationState::Running | OperationState::Cancelling)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationKind {
    Install,
    Uninstall,
    Upgrade,
    Rollback,
    Reboot,
    Poweroff,
    SupportBundle,
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    Running,
    /// Asked to stop; it goes on until it can stop safely.
    Cancelling,
    Done,
    Failed,
    Cancelled,
    #[serde(other)]
    Unknown,
}

/// A step of long work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationStep {
    /// Stable word for programs.
    pub id: String,
    /// For a person.
    pub title: String,
    pub state: StepState,
    /// Bytes or items, as `unit` says; null when the step does not count.
    #[serde(default)]
    pub done: Option<u64>,
    #[serde(default)]
    pub total: Option<u64>,
    /// `bytes` or `items`.
    #[serde(default)]
    pub unit: Option<String>,
    /// A word on what is being done now.
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    Running,
    Done,
    /// The result was there already.
    Cached,
    Skipped,
    Failed,
    #[serde(other)]
    Unknown,
}

/// The shape of [`ProgressEvent`] for the OpenAPI document; a test holds that the two are one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename = "ProgressEvent")]
#[schema(as = ProgressEvent)]
pub(crate) enum ProgressShape {
    /// The work begins, with the number of steps that it will have.
    Begin { title: String, steps: u64 },
    /// `step` is a stable word for programs, `title` is for people.
    StepStarted { step: String, title: String },
    /// `done` and `total` in `unit`; `total` is absent while it is not known.
    StepProgress {
        step: String,
        done: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
        unit: String,
    },
    /// A word on what is being done now.
    StepNote { step: String, note: String },
    /// `outcome` is `done`, `cached`, `skipped` or `failed`.
    StepFinished {
        step: String,
        outcome: String,
        elapsed_ms: u64,
    },
    /// Something that should be known.
    Warning { message: String },
    /// The last event; `message` says what went wrong when it did.
    End {
        ok: bool,
        elapsed_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use corbel_progress::{Event, Outcome, Unit};

    use super::*;

    #[test]
    fn the_document_describes_the_events_that_are_sent() {
        let (step, title) = (|| "write".to_owned(), || "Write".to_owned());
        let (bytes, message) = (Unit::Bytes, || "why".to_owned());
        #[rustfmt::skip]
        let all = [
            Event::Begin { title: title(), steps: 3 },
            Event::StepStarted { step: step(), title: title() },
            Event::StepProgress { step: step(), done: 1, total: Some(2), unit: bytes },
            Event::StepProgress { step: step(), done: 1, total: None, unit: Unit::Items },
            Event::StepNote { step: step(), note: message() },
            Event::StepFinished { step: step(), outcome: Outcome::Cached, elapsed_ms: 1 },
            Event::Warning { message: message() },
            Event::End { ok: false, elapsed_ms: 1, message: Some(message()) },
            Event::End { ok: true, elapsed_ms: 1, message: None },
            Event::Unknown,
        ];
        for event in all {
            let sent = serde_json::to_value(&event).unwrap();
            let shape: ProgressShape = serde_json::from_value(sent.clone()).unwrap();
            assert_eq!(serde_json::to_value(&shape).unwrap(), sent);
        }
    }

    #[test]
    fn an_older_client_reads_what_a_newer_node_says() {
        let text =
            r#"{"operation":{"id":1,"kind":"migrate","state":"resting","title":"x","elapsed_seconds":1,"more":1}}"#;
        let status: OperationStatus = serde_json::from_str(text).unwrap();
        let operation = status.operation.unwrap();
        assert_eq!(operation.kind, OperationKind::Unknown);
        assert_eq!(operation.state, OperationState::Unknown);
        assert!(!operation.is_running());
    }
}
