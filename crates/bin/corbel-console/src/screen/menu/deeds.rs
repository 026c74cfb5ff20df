//! Upgrade, support bundles and power: how things are, what can be done, and how far it is.

use corbel_model::ByteSize;
use corbel_node_api::{OperationState, SlotState, VmState};

use super::super::body::Body;
use super::super::wizard::{amount, share};
use super::{Tone, ask};
use crate::menu::{Deed, Place, spare};
use crate::state::State;
use crate::text::bar;

pub(super) fn upgrade(state: &State, width: usize) -> Body {
    let mut body = Body::new(width);
    let slots = &state.slots;
    if slots.slots.is_empty() {
        body.text(
            "This node runs from its medium and has no slots. Install it first; from then on it is upgraded here.",
            1,
            Tone::Plain,
        );
    }
    for slot in &slots.slots {
        let version = slot.version.as_deref().unwrap_or("nothing that can be read");
        let word = match slot.state {
            _ if slot.running && slot.state == SlotState::Trial => "runs, and is being tried",
            _ if slot.running => "runs",
            SlotState::Good => "was healthy; starts if the other fails",
            SlotState::Spare => "the version before",
            SlotState::Trial => "starts next",
            SlotState::Failed => "failed here, and is not started any more",
            SlotState::Empty | SlotState::Unknown => "empty",
        };
        let told = match slot.state {
            SlotState::Empty => word.to_owned(),
            _ => format!("{version}: {word}"),
        };
        body.fact(&format!("Slot {}", slot.name), &told, Tone::Plain);
    }
    let failed = state
        .node
        .as_ref()
        .and_then(|node| node.last_failed.as_ref())
        .or(slots.last_failed.as_ref());
    if let Some(failed) = failed {
        body.fact("Failed", &format!("{}: {}", failed.version, failed.reason), Tone::Bad);
    }
    for problem in &slots.problems {
        body.fact("Records", problem, Tone::Bad);
    }
    work(&mut body, state);
    body.blank();
    offer(&mut body, state, Place::Upgrade);
    url(&mut body, state);
    body
}

fn url(body: &mut Body, state: &State) {
    if let Some(line) = &state.menu.deeds.url {
        let room = body.width.saturating_sub(10);
        body.line(&format!("   URL  [{:<room$}]", line.shown(room, false)), Tone::Bar);
    }
}

pub(super) fn support(state: &State, width: usize) -> Body {
    let mut body = Body::new(width);
    let bundles = &state.menu.deeds.bundles;
    match bundles.bundles.last() {
        None => body.text("No bundle lies on this node.", 1, Tone::Plain),
        Some(newest) => {
            let told = format!("{} ({})", newest.name, ByteSize(newest.bytes));
            body.fact("Newest", &told, Tone::Plain);
        }
    }
    if bundles.disks.is_empty() {
        body.text(
            "No USB disk with a file system (FAT or ext4) is seen. Plug one in, and r looks again.",
            1,
            Tone::Plain,
        );
    }
    work(&mut body, state);
    body.blank();
    offer(&mut body, state, Place::Support);
    url(&mut body, state);
    body
}

pub(super) fn power(state: &State, width: usize) -> Body {
    let mut body = Body::new(width);
    body.text(
        &running(state),
        1,
        if count(state) == 0 { Tone::Plain } else { Tone::Bad },
    );
    work(&mut body, state);
    body.blank();
    offer(&mut body, state, Place::Power);
    body
}

fn count(state: &State) -> usize {
    state
        .vms
        .iter()
        .filter(|vm| !matches!(vm.state, VmState::Off | VmState::Crashed | VmState::Unknown))
        .count()
}

fn running(state: &State) -> String {
    match count(state) {
        0 => "No virtual machine runs.".to_owned(),
        1 => "1 virtual machine runs. It is shut down or saved first.".to_owned(),
        count => format!("{count} virtual machines run. They are shut down or saved first."),
    }
}

/// Long work that goes on, or how the last one ended.
fn work(body: &mut Body, state: &State) {
    let Some(operation) = &state.operation else { return };
    body.blank();
    match operation.state {
        OperationState::Running | OperationState::Cancelling => {
            let share = share(operation);
            // At most a hundred.
            let percent = (share * 100.0) as u8;
            body.line(&format!(" {}", operation.title), Tone::Label);
            body.line(
                &format!(" {} {percent} %", bar(share, body.width.saturating_sub(10))),
                Tone::Plain,
            );
            if let Some(step) = operation.steps.last() {
                body.line(&format!(" {}{}", step.title, amount(step)), Tone::Plain);
            }
        }
        OperationState::Failed => {
            let reason = operation.message.as_deref().unwrap_or("no reason is known");
            body.text(&format!("{} failed: {reason}", operation.title), 1, Tone::Bad);
        }
        OperationState::Done => {
            let end = operation.message.as_deref().unwrap_or("done");
            body.text(&format!("{}: {end}", operation.title), 1, Tone::Good);
        }
        OperationState::Cancelled => body.text(&format!("{} was stopped", operation.title), 1, Tone::Plain),
        OperationState::Unknown => {}
    }
    for warning in &operation.warnings {
        body.text(&format!("Warning: {warning}"), 1, Tone::Bad);
    }
}

fn offer(body: &mut Body, state: &State, place: Place) {
    let menu = &state.menu;
    let deeds = menu.deeds.offer(place, state);
    let row = menu.deeds.row.min(deeds.len().saturating_sub(1));
    for (at, deed) in deeds.iter().enumerate() {
        let text = match deed {
            Deed::Upgrade => "Upgrade from a URL".to_owned(),
            Deed::Rollback => {
                let version = spare(state).and_then(|slot| slot.version.clone());
                format!("Go back to {}", version.as_deref().unwrap_or("the other slot"))
            }
            Deed::BundleToNode => "Make one and keep it on this node".to_owned(),
            Deed::BundleToDisk(at) => format!("Make one on the disk {}", disk(state, *at)),
            Deed::BundleToUrl => "Make one and send it to a URL".to_owned(),
            Deed::Cancel => "Stop what is going on, where that is safe".to_owned(),
            Deed::Reboot => "Reboot".to_owned(),
            Deed::Poweroff => "Power off".to_owned(),
        };
        body.item(&text, Tone::Plain, at == row && menu.inside);
    }
}

/// A removable disk as its owner knows it.
fn disk(state: &State, at: usize) -> String {
    let Some(disk) = state.menu.deeds.bundles.disks.get(at) else {
        return String::new();
    };
    let label = disk.label.as_ref().or(disk.model.as_ref());
    let label = label.map_or(String::new(), |label| format!(" ({label})"));
    format!("{}{label}, {}, {}", disk.device, disk.file_system, ByteSize(disk.size))
}

pub(super) fn message(state: &State) -> Option<(String, Tone)> {
    let deeds = &state.menu.deeds;
    if let Some(deed) = deeds.asked {
        let question = match deed {
            Deed::Upgrade => "Upgrade?".to_owned(),
            Deed::Rollback => "Go back?".to_owned(),
            Deed::BundleToNode => "Make a bundle on this node?".to_owned(),
            Deed::BundleToDisk(at) => format!("Write a bundle to {}?", disk(state, at)),
            Deed::BundleToUrl => "Make a bundle and send it there?".to_owned(),
            Deed::Cancel => "Stop it?".to_owned(),
            Deed::Reboot => format!("{} Reboot?", running(state)),
            Deed::Poweroff => format!("{} Power off?", running(state)),
        };
        return Some((question, Tone::Bad));
    }
    deeds.message.as_ref().map(|text| (text.clone(), Tone::Good))
}

pub(super) fn keys(deeds: &crate::menu::Deeds) -> &'static str {
    match (deeds.asked, &deeds.url) {
        (Some(deed), _) => ask(deed),
        (None, Some(_)) => "type or paste the URL   Enter go on   Ctrl-U empty   Esc leave it",
        (None, None) => "Up/Down move   Enter do it   ? help   Esc menu",
    }
}
