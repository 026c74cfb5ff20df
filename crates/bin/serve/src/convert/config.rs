//! The configuration.

use corbel_agent::config as engine;
use corbel_node_api as wire;

fn pending(pending: engine::Pending) -> wire::PendingConfig {
    wire::PendingConfig {
        seconds_left: pending.seconds_left,
        by: pending.by,
        document: pending.text,
    }
}

pub(crate) fn config(view: engine::View) -> wire::Config {
    wire::Config {
        generation: view.generation,
        document: view.text,
        password_set: view.password_set,
        user_passwords_set: view.user_passwords_set,
        kept: view.kept,
        notes: view.notes,
        pending: view.pending.map(pending),
    }
}

pub(crate) fn config_applied(applied: engine::Applied) -> wire::ConfigApplied {
    let steps = applied.change.steps.iter().map(|step| wire::ConfigStep {
        kind: step.kind().to_owned(),
        text: step.to_string(),
    });
    wire::ConfigApplied {
        generation: applied.generation,
        plan: wire::ConfigPlan {
            steps: steps.collect(),
            network: applied.change.network,
            warnings: applied.change.warnings,
        },
        pending: applied.pending.map(pending),
    }
}

pub(crate) fn config_entry(entry: engine::Entry) -> wire::ConfigEntry {
    let origin = entry.origin;
    wire::ConfigEntry {
        generation: entry.generation,
        saved_at: (origin.at > 0).then_some(origin.at),
        by: origin.by,
        why: origin.why,
        understood: entry.understood,
    }
}
