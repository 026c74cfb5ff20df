//! The status page: who this node is, how to reach it, how it is, and its machines; the installer's pages are beside it. A function
//! of the state.

mod body;
mod facts;
mod graph;
mod hit;
mod lock;
mod menu;
mod wizard;

use corbel_model::ByteSize;
use corbel_node_api::{VmState, VmSummary};
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Widget as _;
use ratatui::{Frame, Terminal};

use crate::state::{Daemon, State, View};
use crate::text::{ascii, fit};

pub(crate) use hit::{Hit, hit};

/// How a piece of text is meant. Colour only repeats what the words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Label,
    Bar,
    Good,
    Bad,
    /// What cannot be chosen.
    Dim,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Label => Style::new().fg(Color::Cyan),
            Self::Bar => Style::new().add_modifier(Modifier::REVERSED),
            Self::Good => Style::new().fg(Color::Green),
            Self::Bad => Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
            Self::Dim => Style::new().add_modifier(Modifier::DIM),
        }
    }
}

/// Tells the state what a screen of this size has room for, as scrolling has its ends there.
pub(crate) fn fit_to(state: &mut State, columns: u16, rows: u16) {
    state.size = (columns, rows);
    state.page = layout(state, columns, rows).2;
    state.clamp();
    menu::fit_to(state, columns, rows);
    let last = state
        .wizard
        .as_ref()
        .map(|shown| wizard::last(state, shown, columns, rows));
    if let (Some(wizard), Some(last)) = (&mut state.wizard, last) {
        wizard.last = last;
        wizard.scroll = wizard.scroll.min(last);
    }
}

/// The facts that fit, the row where the list begins, and the rows that it has.
fn layout(state: &State, columns: u16, rows: u16) -> (Vec<facts::Row>, u16, usize) {
    let height = usize::from(rows);
    let mut facts = facts::rows(state, usize::from(columns), height);
    // Head line, foot line, the list's two head lines and at least two machines stay whatever else must go.
    facts.truncate(height.saturating_sub(6));
    let gap = usize::from(height > facts.len() + 8);
    let start = 1 + facts.len() + gap;
    let page = height.saturating_sub(start + 3);
    (facts, u16::try_from(start).unwrap_or(u16::MAX), page)
}

/// Draws the whole screen.
pub(crate) fn draw(state: &State, frame: &mut Frame<'_>) {
    if let Some(shown) = &state.wizard {
        wizard::draw(state, shown, frame);
        return;
    }
    match &state.view {
        View::Status => {}
        View::Lock(shown) => return lock::draw(state, shown, frame),
        View::Menu => return menu::draw(state, frame),
    }
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let (facts, start, page) = layout(state, area.width, area.height);
    put(buffer, area, 0, &head(state, usize::from(area.width)), Tone::Bar);
    for (row, fact) in (1..area.height).zip(&facts) {
        put(buffer, area, row, &fact.text(), fact.tone);
        let end = area.width.min(u16::try_from(fact.label.len() + 1).unwrap_or(u16::MAX));
        buffer.set_style(Rect::new(area.x, area.y + row, end, 1), Tone::Label.style());
    }
    list(state, buffer, area, start, page);
    put(buffer, area, area.height.saturating_sub(1), keys(state), Tone::Bar);
}

/// The status page's last line.
fn keys(state: &State) -> &'static str {
    if let Some(hint) = state.hint {
        return hint;
    }
    match (state.no_password(), state.installer) {
        (true, Some(_)) => " Enter menu   Up/Down scroll   i install   Ctrl-L repaint   no password is set",
        (true, None) => " Enter menu   Up/Down scroll   Ctrl-L repaint   no password is set (adminpw=)",
        (false, Some(_)) => " Enter menu   Up/Down scroll   i install   l shell   Ctrl-L repaint",
        (false, None) => " Enter menu   Up/Down scroll   l shell   Ctrl-L repaint",
    }
}

fn head(state: &State, width: usize) -> String {
    let version = state
        .node
        .as_ref()
        .map_or(env!("CARGO_PKG_VERSION"), |node| &node.version);
    let name = state.node.as_ref().map_or("", |node| &node.name);
    let (left, right) = (ascii(&format!(" Corbel {version}")), ascii(name));
    let room = width.saturating_sub(left.len() + 2);
    let right = fit(&right, room);
    format!("{left}{right:>width$} ", width = room + 1)
}

fn list(state: &State, buffer: &mut Buffer, area: Rect, start: u16, page: usize) {
    let width = usize::from(area.width);
    let runs = |vm: &&VmSummary| !matches!(vm.state, VmState::Off | VmState::Crashed | VmState::Unknown);
    let running = state.vms.iter().filter(runs).count();
    let (first, last) = (state.scroll + 1, (state.scroll + page).min(state.vms.len()));
    let title = match state.daemon {
        Daemon::Starting => " Virtual machines".to_owned(),
        Daemon::Here | Daemon::Away(_) => format!(" Virtual machines: {running} running, {} defined", state.vms.len()),
    };
    let range = if state.vms.len() > page {
        format!("{first}-{last} of {} ", state.vms.len())
    } else {
        String::new()
    };
    let room = width.saturating_sub(title.len());
    put(buffer, area, start, &format!("{title}{range:>room$}"), Tone::Label);
    put(buffer, area, start + 1, &vm_head(width), Tone::Bar);
    if state.vms.is_empty() {
        let text = match state.daemon {
            Daemon::Here => " none",
            Daemon::Starting | Daemon::Away(_) => " not known",
        };
        put(buffer, area, start + 2, text, Tone::Plain);
    }
    for (at, vm) in state.vms.iter().skip(state.scroll).take(page).enumerate() {
        let (text, tone) = vm_row(vm, width);
        put(
            buffer,
            area,
            start + 2 + u16::try_from(at).unwrap_or(u16::MAX),
            &text,
            tone,
        );
    }
}

fn columns(width: usize, [name, state, cpus, memory]: [&str; 4]) -> String {
    let name_width = width.saturating_sub(36).clamp(8, 64);
    format!(
        " {:name_width$} {state:<14} {cpus:>4} {memory:>11}",
        fit(name, name_width)
    )
}

fn vm_head(width: usize) -> String {
    columns(width, ["NAME", "STATE", "CPUS", "MEMORY"])
}

/// A machine as a row of the list.
fn vm_row(vm: &VmSummary, width: usize) -> (String, Tone) {
    let (word, tone) = vm_state(vm.state);
    let (cpus, memory) = (vm.cpus.to_string(), ByteSize(vm.memory).to_string());
    (columns(width, [&ascii(&vm.name), word, &cpus, &memory]), tone)
}

fn vm_state(state: VmState) -> (&'static str, Tone) {
    match state {
        VmState::Running => ("running", Tone::Good),
        VmState::Paused => ("paused", Tone::Plain),
        VmState::ShuttingDown => ("shutting down", Tone::Plain),
        VmState::Off => ("off", Tone::Plain),
        VmState::Crashed => ("crashed", Tone::Bad),
        VmState::Suspended => ("suspended", Tone::Plain),
        VmState::Unknown => ("unknown", Tone::Plain),
    }
}

/// One row from the left edge; a bar is as wide as the screen.
fn put(buffer: &mut Buffer, area: Rect, row: u16, text: &str, tone: Tone) {
    // The last row is the foot line's; nothing else runs into it or over the edge.
    if row >= area.height || area.width == 0 {
        return;
    }
    let width = usize::from(area.width);
    let text: String = text.chars().take(width).collect();
    let text = if tone == Tone::Bar {
        format!("{text:width$}")
    } else {
        text
    };
    Line::styled(text, tone.style()).render(Rect::new(area.x, area.y + row, area.width, 1), buffer);
}

/// A frame as plain text, trailing blanks cut.
pub(crate) fn as_text(state: &State, columns: u16, rows: u16) -> String {
    let mut state = state.clone();
    fit_to(&mut state, columns, rows);
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let Ok(_) = terminal.draw(|frame| draw(&state, frame));
    let buffer = terminal.backend().buffer();
    let line = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..rows).fold(String::new(), |text, y| text + line(y).trim_end() + "\n")
}

#[cfg(test)]
pub(crate) mod tests;
