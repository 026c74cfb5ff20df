//! The menu and its pages: head, on the left what there is, on the right the page; below, the help of what is under the cursor, one message,
//! and the keys that mean something here.

mod deeds;
mod form;
mod lists;
mod vms;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::body::Body;
use super::{Hit, Tone, head, put};
use crate::menu::{Deed, Kind, List, Menu, Place, Save};
use crate::state::{Daemon, Key, State};
use crate::text::{ascii, fit, wrap};

/// The menu's column with the line beside it.
const MENU: u16 = 19;
/// Three lines of help, one message, the keys.
const BELOW: u16 = 5;

/// Where the parts are.
struct Parts {
    menu: Rect,
    page: Rect,
}

fn parts(menu: &Menu, area: Rect) -> Parts {
    let top = 1 + u16::from(menu.config.pending().is_some());
    let height = area.height.saturating_sub(top + BELOW);
    // Too narrow for both: the one that has the keys.
    let width = match area.width {
        60.. => MENU,
        _ if menu.inside => 0,
        width => width,
    };
    Parts {
        menu: Rect::new(area.x, area.y + top.min(area.height), width, height),
        page: Rect::new(
            area.x + width,
            area.y + top.min(area.height),
            area.width - width,
            height,
        ),
    }
}

/// Tells the pages what a screen of this size has room for.
pub(super) fn fit_to(state: &mut State, columns: u16, rows: u16) {
    let page = parts(&state.menu, Rect::new(0, 0, columns, rows)).page;
    let height = usize::from(page.height);
    state.menu.rows = height.saturating_sub(2);
    if let Some(save) = &state.menu.config.save {
        let plan = form::plan(save, usize::from(page.width));
        state.menu.config.last = plan.lines.len().saturating_sub(height.saturating_sub(2));
    }
}

pub(super) fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let menu = &state.menu;
    let parts = parts(menu, area);
    put(buffer, area, 0, &top(state, usize::from(area.width)), Tone::Bar);
    if let Some(pending) = menu.config.pending() {
        let text = format!(
            " THE NETWORK WAS CHANGED: k keeps it, u undoes it. It goes back in {} s.",
            pending.seconds_left
        );
        put(buffer, area, 1, &text, Tone::Bad);
    }
    column(state, buffer, parts.menu, area.width >= 60);
    if menu.help {
        help_page(state, buffer, parts.page);
    } else {
        page(state, buffer, parts.page);
    }
    let below = area.height.saturating_sub(BELOW);
    if below > 0 {
        let width = usize::from(area.width).saturating_sub(2);
        let told = match menu.config.is_saving() || menu.help {
            true => String::new(),
            false => help(menu),
        };
        let mut lines = wrap(&ascii(&told), width);
        if lines.len() > 3 {
            let rest = lines.split_off(2).join(" ");
            lines.push(fit(&rest, width));
        }
        for (line, row) in lines.iter().zip(below..) {
            put(buffer, area, row, &format!(" {line}"), Tone::Label);
        }
        let (text, tone) = message(state);
        put(
            buffer,
            area,
            below + 3,
            &format!(" {}", fit(&ascii(&text), width)),
            tone,
        );
    }
    put(
        buffer,
        area,
        area.height.saturating_sub(1),
        &format!(" {}", keys(state)),
        Tone::Bar,
    );
}

/// The head, with what must not be forgotten.
fn top(state: &State, width: usize) -> String {
    let text = head(state, width);
    let config = &state.menu.config;
    if !config.is_changed() || config.pending().is_some() {
        return text;
    }
    let mark = "  changes are not saved: s saves them";
    let left = text.trim_end().len().min(16);
    let mut line: String = text.chars().take(left).collect();
    line.push_str(mark);
    let rest: String = text.chars().skip(line.len()).collect();
    line + &rest
}

fn column(state: &State, buffer: &mut Buffer, area: Rect, beside: bool) {
    let menu = &state.menu;
    let places = menu.places(state.locks());
    let at = places.iter().position(|place| *place == menu.place).unwrap_or(0);
    let first = (at + 1).saturating_sub(usize::from(area.height));
    let width = usize::from(area.width).saturating_sub(usize::from(beside));
    for (row, place) in (0..area.height).zip(places.iter().skip(first)) {
        let here = *place == menu.place;
        let mark = if here { ">" } else { " " };
        let text = format!(
            "{mark}{:<room$}",
            fit(&menu.title(*place), width.saturating_sub(1)),
            room = width.saturating_sub(1)
        );
        let tone = match (here, menu.inside) {
            (true, false) => Tone::Bar,
            (true, true) => Tone::Good,
            (false, _) => Tone::Plain,
        };
        let cell = Rect::new(
            area.x,
            area.y,
            area.width.saturating_sub(u16::from(beside)),
            area.height,
        );
        put(buffer, cell, row, &text, tone);
    }
    if beside && area.width > 0 {
        let line = Rect::new(area.x + area.width - 1, area.y, 1, area.height);
        for row in 0..area.height {
            put(buffer, line, row, "|", Tone::Dim);
        }
    }
}

/// What is under a mouse there, above the key line.
pub(super) fn hit(state: &State, area: Rect, column: u16, row: u16) -> Option<Hit> {
    let menu = &state.menu;
    if menu.is_typing() || menu.config.is_saving() || menu.help {
        return None;
    }
    let parts = parts(menu, area);
    let at = Position::new(column, row);
    if parts.menu.contains(at) {
        let places = menu.places(state.locks());
        let now = places.iter().position(|place| *place == menu.place).unwrap_or(0);
        let first = (now + 1).saturating_sub(usize::from(parts.menu.height));
        let place = places.get(first + usize::from(row - parts.menu.y))?;
        return Some(Hit::Place(*place));
    }
    if !parts.page.contains(at) || menu.place == Place::Lock {
        return None;
    }
    if !menu.inside {
        return Some(Hit::Page);
    }
    let (_, body, first) = content(state, parts.page);
    let line = first + usize::from((row - parts.page.y).checked_sub(2)?);
    let from = body.items.iter().position(|item| Some(*item) == body.focus)?;
    let to = body.items.iter().position(|item| *item == line)?;
    let key = if to < from { Key::Up } else { Key::Down };
    Some(Hit::Rows {
        key,
        count: to.abs_diff(from),
    })
}

/// Title, lines, and the first line that is seen.
fn content(state: &State, area: Rect) -> (String, Body, usize) {
    let menu = &state.menu;
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let room = height.saturating_sub(2);
    let (title, body) = match (&menu.config.save, menu.place) {
        (Some(save), _) => ("Save".to_owned(), form::plan(save, width)),
        (None, Place::Vms) => vms::page(state, width, room),
        (None, Place::Section(_)) => form::page(menu, width),
        (None, Place::List(list)) => lists::page(menu, list, width, room),
        (None, Place::Upgrade) => ("Upgrade".to_owned(), deeds::upgrade(state, width)),
        (None, Place::Support) => ("Support bundle".to_owned(), deeds::support(state, width)),
        (None, Place::Power) => ("Power".to_owned(), deeds::power(state, width)),
        (None, Place::Lock) => {
            let mut body = Body::new(width);
            body.text(
                "Enter locks this screen. Who comes next needs the password of admin.",
                1,
                Tone::Plain,
            );
            ("Lock".to_owned(), body)
        }
    };
    let last = body.lines.len().saturating_sub(room);
    let first = match body.cursor {
        _ if menu.config.save.is_some() => menu.config.scroll().min(last),
        // The line under the cursor is seen, and what is said below it.
        Some(cursor) => (cursor + 2).saturating_sub(room.saturating_sub(1)).min(last),
        None => 0,
    };
    (title, body, first)
}

fn page(state: &State, buffer: &mut Buffer, area: Rect) {
    let (title, body, first) = content(state, area);
    let width = usize::from(area.width);
    let room = usize::from(area.height).saturating_sub(2);
    let last = body.lines.len().saturating_sub(room);
    let place = match last {
        0 => String::new(),
        _ => format!(
            "{}-{} of {} ",
            first + 1,
            first + room.min(body.lines.len()),
            body.lines.len()
        ),
    };
    let title = fit(&ascii(&title), width.saturating_sub(place.len() + 3));
    let gap = width.saturating_sub(title.len() + 1);
    put(buffer, area, 0, &format!(" {title}{place:>gap$}"), Tone::Label);
    for (row, line) in (2..area.height).zip(body.lines.iter().skip(first)) {
        put(buffer, area, row, &line.text, line.tone);
    }
}

/// What is under the cursor, in a sentence or two.
fn help(menu: &Menu) -> String {
    match menu.place {
        Place::Section(_) => menu.form.as_ref().map_or(String::new(), |form| match form.field().filter(|_| menu.inside) {
            Some(field) => form::help(field),
            None => form.level().help.clone(),
        }),
        Place::Vms => vms::help(menu),
        Place::List(list) => lists::help(menu, list),
        Place::Upgrade => "A new version goes to the slot that does not run. If it does not become healthy, the node goes back by itself.".to_owned(),
        Place::Support => "One file for whoever helps: how the node is set up, its logs and its hardware, without passwords and keys.".to_owned(),
        Place::Power => "Machines that run are shut down or saved first, as each one's definition says.".to_owned(),
        Place::Lock => "An open screen locks itself after 15 minutes without a key.".to_owned(),
    }
}

/// The one thing that has to be said.
fn message(state: &State) -> (String, Tone) {
    let menu = &state.menu;
    if let Some(hint) = &menu.hint {
        return (hint.clone(), Tone::Bad);
    }
    if let Daemon::Away(reason) = &state.daemon {
        return (format!("The node does not answer: {reason}. Trying again."), Tone::Bad);
    }
    let said = match menu.place {
        _ if menu.config.is_saving() => form::save_message(&menu.config),
        Place::Section(_) => form::message(menu),
        Place::Vms => vms::message(&menu.vms),
        Place::List(_) => {
            let trouble = menu.lists.trouble.clone().map(|text| (text, Tone::Bad));
            trouble.or_else(|| menu.lists.note.clone().map(|text| (text, Tone::Good)))
        }
        Place::Upgrade | Place::Support | Place::Power => deeds::message(state),
        Place::Lock => None,
    };
    said.or_else(|| menu.config.notice.clone().map(|text| (text, Tone::Good)))
        .unwrap_or((String::new(), Tone::Plain))
}

pub(super) fn keys(state: &State) -> String {
    let menu = &state.menu;
    if menu.help {
        return "any key goes back".to_owned();
    }
    match &menu.config.save {
        None => {}
        Some(Save::Plan(_)) => return "Enter do it   Up/Down scroll   Esc back, nothing is saved".to_owned(),
        Some(Save::Failed(_)) => return "Enter or Esc back to the page".to_owned(),
        Some(Save::Asking(_)) => return "Esc back".to_owned(),
        Some(Save::Applying) => return "The node is at work ...".to_owned(),
    }
    if !menu.inside {
        return "Up/Down choose   Enter open   s save   ? help   Esc status".to_owned();
    }
    match menu.place {
        Place::Vms => vms::keys(&menu.vms),
        Place::Section(_) => form::keys(menu),
        Place::List(List::Ping) if menu.lists.typing.is_some() => "type   Enter send echoes   Esc leave it".to_owned(),
        Place::List(List::Ping) if menu.lists.reading => "Esc stop   ? help".to_owned(),
        Place::List(List::Ping) => "Enter name a machine   r again   ? help   Esc menu".to_owned(),
        Place::List(List::Links) => "Up/Down move   i blink its lamps   r read again   ? help   Esc menu".to_owned(),
        Place::List(_) if menu.lists.typing.is_some() => "type   Enter search   Esc leave it".to_owned(),
        Place::List(List::Logs) => "Up/Down move   / search   r read again   ? help   Esc menu".to_owned(),
        Place::List(_) => "Up/Down move   r read again   ? help   Esc menu".to_owned(),
        Place::Upgrade | Place::Support | Place::Power => deeds::keys(&menu.deeds).to_owned(),
        Place::Lock => "Esc menu".to_owned(),
    }
}

/// All that is known of what is under the cursor, and every key.
fn help_page(state: &State, buffer: &mut Buffer, area: Rect) {
    let menu = &state.menu;
    let width = usize::from(area.width);
    let mut body = Body::new(width);
    let field = menu.form.as_ref().filter(|_| menu.inside).and_then(|form| form.field());
    match (menu.place, field) {
        (Place::Section(_), Some(field)) => {
            body.text(&field.help, 1, Tone::Plain);
            if let Some(example) = &field.example {
                body.text(&format!("Example: {example}"), 1, Tone::Plain);
            }
            if let Kind::Text(words) = &field.kind
                && !words.is_empty()
            {
                body.text(
                    &format!("Space takes the next of: {}", words.join(", ")),
                    1,
                    Tone::Plain,
                );
            }
            if field.kind == Kind::Texts {
                body.text(
                    "Several are typed with commas between. [] is an empty list, which is not the same as left out.",
                    1,
                    Tone::Plain,
                );
            }
        }
        _ => body.text(&help(menu), 1, Tone::Plain),
    }
    body.blank();
    for (key, what) in KEYS {
        body.fact(key, what, Tone::Plain);
    }
    put(buffer, area, 0, " Help", Tone::Label);
    for (row, line) in (2..area.height).zip(&body.lines) {
        put(buffer, area, row, &line.text, line.tone);
    }
}

const KEYS: [(&str, &str); 8] = [
    (
        "Up, Down",
        "move; Page Up and Page Down by a page, Home and End to the ends",
    ),
    ("Enter", "open what is under the cursor, or begin to type"),
    ("Space", "the next value of a field that has few"),
    (
        "x, Ctrl-U",
        "leave a field out; a, d: another entry of a list, or one less",
    ),
    ("s", "show what saving would do; nothing is done before Enter"),
    ("r", "forget what was typed, or read a list again"),
    ("Esc", "one step back; Ctrl-L paints the screen anew"),
    ("k, u", "keep or take back a change of the network that waits"),
];

/// A question of which the letter is the answer.
fn ask(deed: Deed) -> &'static str {
    match deed {
        Deed::Upgrade | Deed::Rollback => "y yes, and reboot then   w yes, without a reboot   any other key: no",
        _ => "y yes   any other key: no",
    }
}
