//! Tables of disks, and all that is known about the one under the cursor.

use corbel_model::ByteSize;
use corbel_node_api::Disk;

use super::{Body, Tone};
use crate::text::{ascii, fit};
use crate::wizard::{Check, Focus, Page, Task, Use, Wizard, use_of};

/// The details below the table, with the blank above them.
const DETAILS: usize = 7;

pub(super) fn disks(body: &mut Body, wizard: &Wizard, height: usize) {
    let sentence = match wizard.page {
        Page::System => "More than one disk carries a Corbel. Which one is meant?",
        Page::Boot if wizard.task == Task::Reinstall => "The node boots from this disk. Its configuration is lost.",
        Page::Boot => "The node boots from this disk. All that it carries is erased.",
        _ => "Further disks for VM storage, erased whole. There need not be any.",
    };
    body.text(sentence, 1, Tone::Plain);
    body.blank();
    let model = if body.width > 120 { 32 } else { 18 };
    let row = |mark: &str, path: &str, name: &str, size: &str, contents: &str| {
        format!(
            "{mark:3} {:<16} {:<model$} {size:>9}  {contents}",
            fit(&ascii(path), 16),
            fit(&ascii(name), model)
        )
    };
    body.line(
        &format!("   {}", row("", "DEVICE", "MODEL", "SIZE", "WHAT IS ON IT")),
        Tone::Label,
    );
    let rows = wizard.rows();
    if rows.is_empty() {
        body.line("   There is no disk.", Tone::Bad);
    }
    let room = height.saturating_sub(body.lines.len() + DETAILS + 2).max(3);
    let first = wizard.row.saturating_sub(room - 1);
    let on_table = wizard.focus == Focus::Disks;
    for (at, disk) in rows.iter().enumerate().skip(first).take(room) {
        let (mark, tone) = mark(wizard, disk);
        let size = ByteSize(disk.size).to_string();
        let text = row(
            mark,
            &disk.path,
            disk.model.as_deref().unwrap_or("-"),
            &size,
            &disk.contents,
        );
        if at == wizard.row && !on_table {
            body.line(&format!(" > {text}"), tone);
        } else {
            body.item(&text, tone, at == wizard.row);
        }
    }
    // The table scrolls by itself, so the page need not.
    body.cursor = None;
    let shown = (first + room).min(rows.len());
    let range = if rows.len() > room {
        format!("{}-{shown} of {}", first + 1, rows.len())
    } else {
        String::new()
    };
    if wizard.page != Page::System {
        body.line(
            &format!("    !  of other storage   -  not usable   {range}"),
            Tone::Label,
        );
    }
    body.blank();
    if let Some(disk) = rows.get(wizard.row) {
        details(body, wizard, disk);
    }
    if wizard.items().contains(&Focus::Check(Check::FakeRaid)) {
        let mark = if wizard.wipe_fakeraid { "[x]" } else { "[ ]" };
        let focused = wizard.focus == Focus::Check(Check::FakeRaid);
        body.item(
            &format!("{mark} Erase what a RAID firmware left on the disks"),
            Tone::Plain,
            focused,
        );
    }
}

/// `( )` can be taken, `(!)` belongs to other storage, `(-)` is refused; `[x]` is taken.
fn mark(wizard: &Wizard, disk: &Disk) -> (&'static str, Tone) {
    let several = wizard.page == Page::Data;
    let chosen = if several {
        wizard.data.contains(&disk.path)
    } else {
        wizard.page == Page::Boot && wizard.boot.as_ref() == Some(&disk.path)
    };
    match use_of(wizard, disk) {
        _ if chosen && several => ("[x]", Tone::Good),
        _ if chosen => ("(*)", Tone::Good),
        Use::Free if several => ("[ ]", Tone::Plain),
        Use::Free => ("( )", Tone::Plain),
        Use::Belongs(_) if several => ("[!]", Tone::Bad),
        Use::Belongs(_) => ("(!)", Tone::Bad),
        Use::Refused(_) if several => ("[-]", Tone::Dim),
        Use::Refused(_) => ("(-)", Tone::Dim),
    }
}

fn details(body: &mut Body, wizard: &Wizard, disk: &Disk) {
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known".to_owned());
    let kind = [
        disk.bus.as_deref(),
        match disk.rotational {
            Some(true) => Some("rotating"),
            Some(false) => Some("solid state"),
            None => None,
        },
        disk.removable.then_some("removable"),
        disk.read_only.then_some("read-only"),
    ];
    let kind: Vec<_> = kind.into_iter().flatten().collect();
    let size = format!(
        "{} ({} bytes), sectors of {} bytes",
        ByteSize(disk.size),
        disk.size,
        disk.sector_size
    );
    body.fact("Device", &format!("{}, {}", disk.path, kind.join(", ")), Tone::Plain);
    body.fact("Model", &known(&disk.model), Tone::Plain);
    let wwn = disk.wwn.as_ref().map(|wwn| format!(", WWN {wwn}")).unwrap_or_default();
    body.fact("Serial", &format!("{}{wwn}", known(&disk.serial)), Tone::Plain);
    body.fact("Size", &size, Tone::Plain);
    body.fact("Contents", &disk.contents, Tone::Plain);
    match use_of(wizard, disk) {
        Use::Free => {}
        Use::Belongs(reason) => body.fact("Careful", &reason, Tone::Bad),
        Use::Refused(reason) => body.fact("Not usable", &reason, Tone::Bad),
    }
}
