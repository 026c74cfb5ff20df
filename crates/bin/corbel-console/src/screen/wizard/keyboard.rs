//! The list of keyboard layouts.

use super::{Body, Tone};
use crate::text::{ascii, fit};
use crate::wizard::{Focus, Wizard};

pub(super) fn layouts(body: &mut Body, wizard: &Wizard, height: usize) {
    let here = wizard.keyboard_label(wizard.keyboard_here());
    let text = format!(
        "The keyboard at the node's own screen, from now on and on the installed system. Now keys are those of: {here}."
    );
    body.text(&text, 1, Tone::Plain);
    body.blank();
    let on_list = wizard.focus == Focus::Layouts;
    let cursor = if on_list { "_" } else { "" };
    body.line(
        &format!(" Search         [{:<25}]", format!("{}{cursor}", ascii(&wizard.search))),
        Tone::Plain,
    );
    body.blank();
    body.line(&format!("       {:<34}NAME", "LAYOUT"), Tone::Label);
    let rows = wizard.layouts();
    if rows.is_empty() {
        body.line("   No layout has that in its name.", Tone::Bad);
    }
    let room = height.saturating_sub(body.lines.len() + 1).max(3);
    let at_row = wizard.row.min(rows.len().saturating_sub(1));
    let first = at_row.saturating_sub(room / 2).min(rows.len().saturating_sub(room));
    for (at, row) in rows.iter().enumerate().skip(first).take(room) {
        let (mark, tone) = if row.name == wizard.keyboard() {
            ("(*)", Tone::Good)
        } else {
            ("( )", Tone::Plain)
        };
        let text = format!("{mark} {:<34}{}", fit(&ascii(row.label), 33), ascii(row.name));
        if at == at_row && !on_list {
            body.line(&format!(" > {text}"), tone);
        } else {
            body.item(&text, tone, at == at_row);
        }
    }
    // The list scrolls by itself, so the page need not.
    body.cursor = None;
    let shown = (first + room).min(rows.len());
    if rows.len() > room {
        body.line(&format!("    {}-{shown} of {}", first + 1, rows.len()), Tone::Label);
    }
}
