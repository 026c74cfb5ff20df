//! The machines: only the rows that are seen are made.

use corbel_model::ByteSize;
use corbel_node_api::{BootFirmware, VmDetail};

use super::super::body::{Body, Text};
use super::super::{vm_head, vm_row, vm_state};
use super::{Tone, form};
use crate::menu::{Asked, Create, Menu, VmAct, Vms};
use crate::state::State;
use crate::text::ascii;

pub(super) fn page(state: &State, width: usize, room: usize) -> (String, Body) {
    let vms = &state.menu.vms;
    if let Some(create) = &vms.create {
        return new(create, width);
    }
    let mut body = Body::new(width);
    if let Some(detail) = &vms.detail {
        about(&mut body, detail);
        return (detail.name.clone(), body);
    }
    let found = vms.found(&state.vms);
    let at = vms.row(&found);
    let rows = room.saturating_sub(1).max(1);
    let first = (at + 1).saturating_sub(rows);
    let range = if found.len() > rows {
        format!(", {}-{} shown", first + 1, (first + rows).min(found.len()))
    } else {
        String::new()
    };
    let title = match vms.search.as_str() {
        "" => format!("Virtual machines: {}{range}", found.len()),
        search => format!("Virtual machines with \"{search}\": {}{range}", found.len()),
    };
    body.line(&format!(" {}", vm_head(width.saturating_sub(1))), Tone::Label);
    if found.is_empty() {
        body.text("None. n makes one.", 2, Tone::Plain);
    }
    for (row, vm) in found.iter().enumerate().skip(first).take(rows) {
        let (text, tone) = vm_row(vm, width.saturating_sub(1));
        let focused = row == at && state.menu.inside;
        body.items.push(body.lines.len());
        if focused {
            body.focus = Some(body.lines.len());
        }
        let (mark, tone) = if focused { (">", Tone::Bar) } else { (" ", tone) };
        body.lines.push(Text {
            text: format!("{mark}{text}"),
            tone,
        });
    }
    (title, body)
}

fn new(create: &Create, width: usize) -> (String, Body) {
    let mut body = Body::new(width);
    let shown = form::Shown {
        focused: true,
        problem: create.problem.as_ref(),
        password: "",
    };
    form::fields(&mut body, &create.form, &create.document, &shown);
    (create.form.level().title.clone(), body)
}

fn about(body: &mut Body, vm: &VmDetail) {
    let (state, tone) = vm_state(vm.state);
    let firmware = match vm.firmware {
        BootFirmware::Bios => "BIOS",
        BootFirmware::Uefi => "UEFI",
        BootFirmware::Unknown => "firmware not known",
    };
    let speed = if vm.accelerator == "kvm" {
        "KVM"
    } else {
        "emulated, many times slower than KVM"
    };
    body.fact("State", state, tone);
    body.fact("Processors", &format!("{} ({speed})", vm.cpus), Tone::Plain);
    body.fact("Memory", &ByteSize(vm.memory).to_string(), Tone::Plain);
    body.fact("Firmware", firmware, Tone::Plain);
    body.fact(
        "With the node",
        if vm.autostart {
            "started with it"
        } else {
            "not started with it"
        },
        Tone::Plain,
    );
    for disk in &vm.disks {
        let source = disk.source.as_deref().unwrap_or("empty");
        body.fact(&format!("Disk {}", disk.target), source, Tone::Plain);
    }
    for nic in &vm.nics {
        let source = nic.source.as_deref().unwrap_or("-");
        body.fact(
            "Network card",
            &format!("{} in {} {source}", nic.mac, nic.kind),
            Tone::Plain,
        );
    }
    body.fact("UUID", &vm.uuid, Tone::Plain);
}

pub(super) fn help(menu: &Menu) -> String {
    if let Some(create) = &menu.vms.create {
        return create.form.field().map(form::help).unwrap_or_default();
    }
    "What is done here, and what the CLI, the API or virsh do, is the same: everybody sees the same machines."
        .to_owned()
}

pub(super) fn message(vms: &Vms) -> Option<(String, Tone)> {
    if let Some(line) = &vms.typing {
        return Some((format!("Search: {}", line.shown(50, false)), Tone::Plain));
    }
    if let Some(Asked { act, name }) = &vms.asked {
        let name = ascii(name);
        return Some(match act {
            VmAct::ForceOff => (
                format!("Switch {name} off at once? What it has not written is lost.  y yes"),
                Tone::Bad,
            ),
            _ => (
                format!("Ask {name} to shut down?  y yes   any other key: no"),
                Tone::Bad,
            ),
        });
    }
    if let Some(create) = &vms.create {
        if create.waits {
            return Some(("The node is making it ...".to_owned(), Tone::Plain));
        }
        return create
            .problem
            .as_ref()
            .map(|problem| (format!("Not right yet: {}", problem.message), Tone::Bad));
    }
    vms.message.as_ref().map(|text| (text.clone(), Tone::Good))
}

pub(super) fn keys(vms: &Vms) -> String {
    if let Some(create) = &vms.create {
        if create.form.edit.is_some() {
            return "type   Enter take it   Esc leave it as it was   Ctrl-U empty".to_owned();
        }
        return form::form_keys(&create.form, false, "s make it").replace("Esc menu", "Esc give up");
    }
    if vms.typing.is_some() {
        "type   Enter keep the search   Esc all machines".to_owned()
    } else if vms.asked.is_some() {
        "y yes   any other key: no".to_owned()
    } else {
        "s start  x shut down  f force off  c console  n new  / search  Enter more  Esc".to_owned()
    }
}
