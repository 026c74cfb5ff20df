//! Following the long work of the node, whoever began it.

use corbel_node_api::{OperationInfo, OperationKind, OperationState, StepState};

use super::{Page, Wizard};

/// As many lines as a person scrolls back through.
const LOG: usize = 200;

impl Wizard {
    /// How the long work stands now.
    pub(crate) fn work(&mut self, now: OperationInfo) {
        self.missed = false;
        if self.dismissed == Some(now.id) {
            if !now.is_running() {
                return;
            }
            // Numbers begin anew with the node's service.
            self.dismissed = None;
        }
        self.note(&now);
        let running = now.is_running();
        let follows = self.page == Page::Progress;
        let restarts = matches!(now.kind, OperationKind::Reboot | OperationKind::Poweroff);
        let page = match now.state {
            _ if running => Page::Progress,
            // The machine goes down; an old restart is nobody's matter.
            OperationState::Done if restarts && follows => Page::Progress,
            _ if restarts && !follows => self.page,
            OperationState::Done => Page::Done,
            OperationState::Failed | OperationState::Cancelled => Page::Failed,
            _ => self.page,
        };
        self.operation = Some(now);
        if page != self.page {
            self.waiting = None;
            self.asks_stop = false;
            self.go(page);
        }
        self.settle_focus();
    }

    /// What goes on is followed; what ended before the wizard was called is known already.
    pub(crate) fn begin_with(&mut self, operation: Option<&OperationInfo>) {
        match operation {
            Some(operation) if operation.is_running() => self.work(operation.clone()),
            Some(operation) => self.dismissed = Some(operation.id),
            None => {}
        }
    }

    /// The node knows of no long work: its service was started anew while this one was followed.
    pub(crate) fn work_is_lost(&mut self) {
        // The first such answer may have been on its way when the work began.
        let again = std::mem::replace(&mut self.missed, true);
        let Some(operation) = self.operation.as_mut().filter(|_| again && self.page == Page::Progress) else {
            return;
        };
        operation.state = OperationState::Failed;
        operation.message = Some("the node's service was started anew and does not know how far it came".to_owned());
        self.asks_stop = false;
        self.go(Page::Failed);
    }

    /// Whether asking to stop makes sense.
    pub(crate) fn can_stop(&self) -> bool {
        let operation = self.operation.as_ref();
        operation.is_some_and(|operation| operation.state == OperationState::Running)
    }

    /// Writes down what changed since the last look.
    fn note(&mut self, now: &OperationInfo) {
        let before = match &self.operation {
            Some(before) if before.id == now.id && before.kind == now.kind => Some(before),
            _ => None,
        };
        let mut lines = Vec::new();
        if before.is_none() {
            self.log.clear();
            lines.push(now.title.clone());
        }
        for (at, step) in now.steps.iter().enumerate() {
            let old = before.and_then(|before| before.steps.get(at));
            if old.is_none() {
                lines.push(format!("  {}", step.title));
            }
            if let Some(note) = &step.note
                && old.and_then(|old| old.note.as_ref()) != Some(note)
            {
                lines.push(format!("    {note}"));
            }
            if old.is_none_or(|old| old.state != step.state)
                && let Some(word) = word(step.state)
            {
                lines.push(format!("  {}: {word}", step.title));
            }
        }
        let told = before.map_or(0, |before| before.warnings.len());
        lines.extend(now.warnings.iter().skip(told).map(|text| format!("  Warning: {text}")));
        self.log.extend(lines);
        let over = self.log.len().saturating_sub(LOG);
        self.log.drain(..over);
    }
}

/// How a step ended.
pub(super) fn word(state: StepState) -> Option<&'static str> {
    match state {
        StepState::Done => Some("done"),
        StepState::Cached => Some("was there already"),
        StepState::Skipped => Some("not needed"),
        StepState::Failed => Some("failed"),
        StepState::Running | StepState::Unknown => None,
    }
}
