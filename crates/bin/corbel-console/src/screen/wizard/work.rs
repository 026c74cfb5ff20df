//! The plan before long work, the work while it runs, and its end.

use corbel_model::ByteSize;
use corbel_node_api::{BootSource, OperationInfo, OperationKind, OperationState, OperationStep, StepState};

use super::{Body, Tone};
use crate::state::State;
use crate::text::{bar, fit};
use crate::wizard::{Page, Wizard};

pub(super) fn confirm(body: &mut Body, wizard: &Wizard) {
    let Some(shown) = &wizard.shown else { return };
    let plan = &shown.plan;
    if plan.erases.is_empty() {
        body.text("Nothing that is on the disks is lost.", 1, Tone::Good);
    } else {
        body.line(" THIS IS LOST FOR EVER", Tone::Bad);
        for text in &plan.erases {
            list(body, "!", text, Tone::Bad);
        }
    }
    if !plan.keeps.is_empty() {
        body.blank();
        body.line(" THIS STAYS", Tone::Label);
        for text in &plan.keeps {
            list(body, "=", text, Tone::Good);
        }
    }
    if !plan.warnings.is_empty() {
        body.blank();
        body.line(" BEFORE YOU GO ON", Tone::Label);
        for text in &plan.warnings {
            list(body, "*", text, Tone::Plain);
        }
    }
    body.blank();
    body.line(" WHAT WILL BE DONE", Tone::Label);
    for text in &plan.steps {
        list(body, "-", text, Tone::Plain);
    }
    body.blank();
    let text = if wizard.walk().contains(&Page::Password) {
        "Nothing was written so far. The password is asked next."
    } else {
        "Nothing was written so far."
    };
    body.text(text, 1, Tone::Plain);
}

fn list(body: &mut Body, mark: &str, text: &str, tone: Tone) {
    let before = body.lines.len();
    body.text(text, 3, tone);
    if let Some(line) = body.lines.get_mut(before) {
        line.text.replace_range(1..2, mark);
    }
}

/// How much of all steps is done, as far as that is known; from 0 to 1.
pub(crate) fn share(operation: &OperationInfo) -> f64 {
    let total = operation
        .steps_total
        .map_or(operation.steps.len(), |total| total as usize);
    let total = total.max(operation.steps.len()).max(1);
    let one = |step: &OperationStep| match (step.state, step.done, step.total) {
        (StepState::Running, Some(done), Some(total)) => done as f64 / (total.max(1)) as f64,
        (StepState::Running | StepState::Failed | StepState::Unknown, _, _) => 0.0,
        _ => 1.0,
    };
    let done: f64 = operation.steps.iter().map(|step| one(step).clamp(0.0, 1.0)).sum();
    (done / total as f64).clamp(0.0, 1.0)
}

pub(super) fn progress(body: &mut Body, wizard: &Wizard, height: usize) {
    let Some(operation) = &wizard.operation else { return };
    let whole = share(operation);
    let width = body.width.saturating_sub(10).min(70);
    // At most a hundred.
    let percent = (whole * 100.0) as u8;
    body.line(&format!(" {} {percent:>3} %", bar(whole, width)), Tone::Plain);
    let total = operation
        .steps_total
        .map_or(String::new(), |total| format!(" of {total}"));
    let step = operation.steps.last();
    let title = step.map_or("Preparing", |step| step.title.as_str());
    let at = operation.steps.len();
    body.line(
        &format!(" Step {at}{total}: {title}{}", step.map_or(String::new(), amount)),
        Tone::Plain,
    );
    let seconds = operation.elapsed_seconds;
    let state = match operation.state {
        OperationState::Cancelling => ", stopping where that is safe",
        _ => "",
    };
    body.line(
        &format!(" {}:{:02} since it began{state}", seconds / 60, seconds % 60),
        Tone::Plain,
    );
    if wizard.asks_stop {
        body.blank();
        body.text(stopping(operation.kind), 1, Tone::Bad);
    }
    if operation.state == OperationState::Done {
        body.blank();
        body.text("The machine goes down.", 1, Tone::Plain);
    }
    body.blank();
    // Its end is what is new.
    let room = height.saturating_sub(body.lines.len());
    let first = wizard.log.len().saturating_sub(room);
    for line in &wizard.log[first..] {
        body.line(&format!(" {line}"), Tone::Plain);
    }
}

fn stopping(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Install => "Stop the installation? The disk then carries no system that starts.",
        OperationKind::Uninstall => "Stop? What was removed so far stays removed.",
        OperationKind::Upgrade | OperationKind::Rollback => "Stop? The version in use stays, and starts as before.",
        OperationKind::Reboot | OperationKind::Poweroff | OperationKind::SupportBundle | OperationKind::Unknown => {
            "Stop what is going on?"
        }
    }
}

/// `, 128 MiB of 512 MiB`.
pub(crate) fn amount(step: &OperationStep) -> String {
    let bytes = step.unit.as_deref() == Some("bytes");
    let say = |n: u64| if bytes { ByteSize(n).to_string() } else { n.to_string() };
    match (step.done, step.total) {
        (Some(done), Some(total)) => format!(", {} of {}", say(done), say(total)),
        (Some(done), None) => format!(", {}", say(done)),
        _ => String::new(),
    }
}

pub(super) fn done(body: &mut Body, state: &State, wizard: &Wizard) {
    let Some(operation) = &wizard.operation else { return };
    let text = operation.message.as_deref().unwrap_or("It is done");
    body.text(&format!("{}.", first_capital(text)), 1, Tone::Good);
    for warning in &operation.warnings {
        body.text(&format!("Warning: {warning}"), 1, Tone::Bad);
    }
    body.blank();
    let medium = state.node.as_ref().map(|node| node.boot.source);
    let remove = match medium {
        Some(BootSource::Network) => "Let the machine start from its own disk, and no more from the network.",
        Some(BootSource::Installed) => "The machine is started anew.",
        _ => "Remove the medium (CD, USB stick or virtual medium) when the screen goes dark.",
    };
    if operation.kind != OperationKind::Uninstall {
        body.text(remove, 1, Tone::Plain);
        body.text(
            "The installed node shows its address and fingerprint on this console.",
            1,
            Tone::Plain,
        );
    }
    body.blank();
    steps(body, operation);
}

pub(super) fn failed(body: &mut Body, wizard: &Wizard) {
    let Some(operation) = &wizard.operation else { return };
    let reason = operation.message.as_deref().unwrap_or("No reason is known");
    body.text(
        &format!("{}.", first_capital(reason.trim_end_matches('.'))),
        1,
        Tone::Bad,
    );
    body.blank();
    let begun = !operation.steps.is_empty();
    let text = match operation.kind {
        _ if !begun => "It broke off before its first step: nothing was written.",
        OperationKind::Install => "The disk carries no whole system. Steps that are done were written:",
        OperationKind::Upgrade | OperationKind::Rollback => {
            "The installed version was not touched and starts as before. Of the new one:"
        }
        _ => "Steps that are done stay done:",
    };
    body.text(text, 1, Tone::Plain);
    steps(body, operation);
    for warning in &operation.warnings {
        body.text(&format!("Warning: {warning}"), 1, Tone::Bad);
    }
}

/// What was done, what failed, and what was never begun.
fn steps(body: &mut Body, operation: &OperationInfo) {
    for step in &operation.steps {
        let (word, tone) = match step.state {
            StepState::Done => ("done", Tone::Plain),
            StepState::Cached => ("was there", Tone::Plain),
            StepState::Skipped => ("not needed", Tone::Plain),
            StepState::Failed => ("FAILED", Tone::Bad),
            StepState::Running | StepState::Unknown => ("broke off", Tone::Bad),
        };
        let room = body.width.saturating_sub(16);
        body.line(&format!("   {word:<10}  {}", fit(&step.title, room)), tone);
    }
    let total = operation.steps_total.map_or(0, |total| total as usize);
    let left = total.saturating_sub(operation.steps.len());
    if left > 0 {
        let unit = if left == 1 { "step was" } else { "steps were" };
        body.line(&format!("   not begun   {left} further {unit}"), Tone::Plain);
    }
}

fn first_capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}
