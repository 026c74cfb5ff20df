//! The locked screen: who it is that may go on.

use ratatui::Frame;

use super::{Tone, head, put};
use crate::state::{Daemon, Lock, State};
use crate::text::{ascii, wrap};

pub(super) fn draw(state: &State, lock: &Lock, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buffer = frame.buffer_mut();
    let width = usize::from(area.width);
    put(buffer, area, 0, &head(state, width), Tone::Bar);
    put(
        buffer,
        area,
        2,
        " This screen is locked. The menu changes the node, so it asks first.",
        Tone::Plain,
    );
    let typed = lock.line.shown(40, true);
    put(
        buffer,
        area,
        4,
        &format!(" Password of admin   [{typed:<40}]"),
        Tone::Plain,
    );
    let (text, tone) = match (&lock.problem, &state.daemon, lock.asked.is_some()) {
        (Some(problem), _, _) => (problem.clone(), Tone::Bad),
        (None, Daemon::Away(reason), _) => (format!("The node does not answer: {reason}. Trying again."), Tone::Bad),
        (None, _, true) => ("Asking the node ...".to_owned(), Tone::Plain),
        (None, _, false) => (String::new(), Tone::Plain),
    };
    for (line, row) in wrap(&ascii(&text), width.saturating_sub(2)).iter().zip(6..9) {
        put(buffer, area, row, &format!(" {line}"), tone);
    }
    let keys = " Enter open   Ctrl-U empty   Esc back to the status";
    put(buffer, area, area.height.saturating_sub(1), keys, Tone::Bar);
}
