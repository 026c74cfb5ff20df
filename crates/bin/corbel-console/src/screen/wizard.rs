//! The installer's pages: head, title, what the page shows, one message, buttons, and the keys that mean something here.

mod choose;
mod keyboard;
mod table;
mod work;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::body::Body;
use super::{Tone, head, put};
use crate::state::{Daemon, State};
use crate::text::{ascii, fit, wrap};
use crate::wizard::{Button, Focus, Page, Task, Waiting, Wizard};
pub(super) use work::{amount, share};

/// Head, title and a blank above the body; two lines for a message, buttons and keys below it.
const ABOVE: usize = 3;
const BELOW: usize = 4;

fn body(state: &State, wizard: &Wizard, width: usize, height: usize) -> Body {
    let mut body = Body::new(width);
    match wizard.page {
        Page::Welcome => choose::welcome(&mut body, state, wizard),
        Page::Hardware => choose::hardware(&mut body, state, wizard),
        Page::Keyboard => keyboard::layouts(&mut body, wizard, height),
        Page::System | Page::Boot | Page::Data => table::disks(&mut body, wizard, height),
        Page::Sizes => choose::sizes(&mut body, wizard),
        Page::Removal => choose::removal(&mut body, wizard),
        Page::Confirm => work::confirm(&mut body, wizard),
        Page::Password => choose::password(&mut body, wizard),
        Page::Progress => work::progress(&mut body, wizard, height),
        Page::Done => work::done(&mut body, state, wizard),
        Page::Failed => work::failed(&mut body, wizard),
    }
    body
}

/// How far the present page can be scrolled on a screen of this size.
pub(super) fn last(state: &State, wizard: &Wizard, columns: u16, rows: u16) -> usize {
    let height = usize::from(rows).saturating_sub(ABOVE + BELOW);
    let body = body(state, wizard, usize::from(columns), height);
    body.lines.len().saturating_sub(height)
}

/// Draws the whole screen.
pub(super) fn draw(state: &State, wizard: &Wizard, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let (width, rows) = (usize::from(area.width), usize::from(area.height));
    let height = rows.saturating_sub(ABOVE + BELOW);
    let body = body(state, wizard, width, height);
    let last = body.lines.len().saturating_sub(height);
    // The line with the focus is seen, wherever the page was scrolled to.
    let first = match body.cursor {
        Some(cursor) => cursor.saturating_sub(height.saturating_sub(1)).min(last),
        None => wizard.scroll.min(last),
    };
    put(buffer, area, 0, &head(state, width), Tone::Bar);
    let title = title(wizard);
    let place = match last {
        0 => place(wizard),
        _ => format!(
            "lines {}-{} of {}",
            first + 1,
            first + height.min(body.lines.len()),
            body.lines.len()
        ),
    };
    let room = width.saturating_sub(title.len() + 2);
    put(buffer, area, 1, &format!(" {title}{place:>room$}"), Tone::Label);
    for (at, line) in body.lines.iter().skip(first).take(height).enumerate() {
        put(buffer, area, row(ABOVE + at), &line.text, line.tone);
    }
    let below = rows.saturating_sub(BELOW);
    if below >= ABOVE {
        message(state, wizard, buffer, area, below);
        buttons(wizard, buffer, area, row(below + 2));
    }
    let keys = format!(" {}", keys(wizard));
    put(buffer, area, area.height.saturating_sub(1), &keys, Tone::Bar);
}

fn row(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

fn title(wizard: &Wizard) -> String {
    let task = match wizard.task {
        Task::Install => "Install",
        Task::Reinstall => "Reinstall",
        Task::Upgrade { downgrade: false } => "Upgrade",
        Task::Upgrade { downgrade: true } => "Downgrade",
        Task::Uninstall => "Uninstall",
    };
    let page = match wizard.page {
        Page::Welcome => return "Welcome".to_owned(),
        Page::Hardware => return "Hardware".to_owned(),
        Page::System => return "Which system".to_owned(),
        Page::Progress | Page::Done | Page::Failed => {
            let title = wizard.operation.as_ref().map(|operation| ascii(&operation.title));
            let end = match wizard.page {
                Page::Done => ": done",
                Page::Failed => ": not done",
                _ => "",
            };
            return format!("{}{end}", title.unwrap_or_default());
        }
        Page::Keyboard => "keyboard",
        Page::Boot => "boot device",
        Page::Data => "data devices",
        Page::Sizes => "sizes",
        Page::Removal => "what stays",
        Page::Confirm => "confirm",
        Page::Password => "password",
    };
    format!("{task}: {page}")
}

/// Which step of how many.
fn place(wizard: &Wizard) -> String {
    let walk = wizard.walk();
    match walk.iter().position(|page| *page == wizard.page) {
        Some(at) if at > 0 && wizard.page != Page::Progress => format!("step {at} of {}", walk.len() - 1),
        _ => String::new(),
    }
}

/// What stands in the way, or what is being waited for.
fn message(state: &State, wizard: &Wizard, buffer: &mut Buffer, area: Rect, at: usize) {
    let (text, tone) = match (&wizard.error, &wizard.waiting, &state.daemon) {
        (Some(error), _, _) => (error.clone(), Tone::Bad),
        (None, Some(Waiting::Plan(_)), _) => ("Asking the node what would be done ...".to_owned(), Tone::Plain),
        (None, Some(Waiting::Begin), _) => ("Beginning ...".to_owned(), Tone::Plain),
        (None, None, Daemon::Away(reason)) => (format!("The node does not answer: {reason}. Trying again."), Tone::Bad),
        (None, None, Daemon::Starting) => ("The node is starting ...".to_owned(), Tone::Plain),
        (None, None, Daemon::Here) => return,
    };
    let mut lines = wrap(&ascii(&text), usize::from(area.width).saturating_sub(2));
    if lines.len() > 2 {
        let rest = lines.split_off(1).join(" ");
        lines.push(fit(&rest, usize::from(area.width).saturating_sub(2)));
    }
    for (line, at) in lines.iter().zip(at..) {
        put(buffer, area, row(at), &format!(" {line}"), tone);
    }
}

fn name(wizard: &Wizard, button: Button) -> &'static str {
    let erases = wizard.shown.as_ref().is_some_and(|shown| !shown.plan.erases.is_empty());
    match button {
        Button::Back => "Back",
        Button::Next if wizard.page == Page::Password => match wizard.task {
            Task::Upgrade { .. } => "Upgrade now",
            _ => "Install now",
        },
        Button::Next => "Next",
        Button::Go => match wizard.task {
            Task::Install | Task::Reinstall if erases => "Erase and install",
            Task::Install | Task::Reinstall => "Install",
            Task::Upgrade { downgrade: false } => "Upgrade",
            Task::Upgrade { downgrade: true } => "Downgrade",
            Task::Uninstall => "Uninstall now",
        },
        Button::Stop => "Stop",
        Button::Continue => "Go on",
        Button::ReallyStop => "Stop it",
        Button::Reboot => "Reboot",
        Button::Start => "Back to the start",
    }
}

fn buttons(wizard: &Wizard, buffer: &mut Buffer, area: Rect, at: u16) {
    if at >= area.height {
        return;
    }
    let mut spans = vec![Span::raw(" ")];
    for item in wizard.items() {
        let Focus::Button(button) = item else { continue };
        let name = name(wizard, button);
        let (text, tone) = if wizard.focus == item {
            (format!("[>{name}<]"), Tone::Bar)
        } else {
            (format!("[ {name} ]"), Tone::Plain)
        };
        spans.push(Span::styled(text, tone.style()));
        spans.push(Span::raw("  "));
    }
    Line::from(spans).render(Rect::new(area.x, area.y + at, area.width, 1), buffer);
}

/// The keys of the focus, then those of the page.
fn keys(wizard: &Wizard) -> &'static str {
    match (wizard.page, wizard.focus) {
        (Page::Welcome, _) => "Up/Down choose   Enter go on   r read disks again   Ctrl-L repaint",
        (Page::Progress, _) if wizard.asks_stop => "Left/Right choose   Enter do it   Esc go on",
        (Page::Progress, _) if wizard.can_stop() => "Enter or Esc stop it   Ctrl-L repaint",
        (Page::Progress, _) => "Ctrl-L repaint",
        (Page::Done | Page::Failed, _) => "Left/Right choose   Enter do it   Up/Down scroll",
        (Page::Confirm, _) => "Left/Right choose   Enter do it   Up/Down scroll   Esc back",
        (Page::Hardware, _) => "Up/Down scroll   Enter or Esc back",
        (_, Focus::Layouts) => "type to search   Ctrl-U all   Up/Down move   Enter take it   Esc back",
        (Page::Data, Focus::Disks) => "Up/Down move   Space take or leave   Enter next   Tab buttons   Esc back",
        (_, Focus::Disks) => "Up/Down move   Enter take it   Tab buttons   r read disks again   Esc back",
        (_, Focus::Check(_)) => "Space change   Up/Down move   Enter next   Esc back",
        (_, Focus::Field(_)) => "type   Ctrl-U empty   Up/Down move   Enter next   Esc back",
        (_, Focus::Button(_)) => "Left/Right choose   Enter do it   Esc back",
        (_, Focus::Choice(_)) => "Enter go on   Esc back",
    }
}

#[cfg(test)]
mod tests;
