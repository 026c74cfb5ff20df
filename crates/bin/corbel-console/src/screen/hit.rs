//! What is under a mouse: made from the same layout and texts that are drawn.

use ratatui::layout::Rect;

use super::menu;
use crate::menu::Place;
use crate::state::{Key, State, View};

/// What a click at a place means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hit {
    /// A key of the last line.
    Key(Key),
    /// An entry of the menu.
    Place(Place),
    /// The page, while the menu has the keys.
    Page,
    /// A row of the page that is so many keys away from the cursor.
    Rows { key: Key, count: usize },
}

/// What is there on the screen, of the size that was told last.
pub(crate) fn hit(state: &State, column: u16, row: u16) -> Option<Hit> {
    let area = Rect::new(0, 0, state.size.0, state.size.1);
    if column >= area.width || row >= area.height || state.wizard.is_some() {
        return None;
    }
    let last = row + 1 == area.height;
    match state.view {
        View::Status if last => in_line(super::keys(state), column).map(Hit::Key),
        View::Menu if last => {
            let line = format!(" {}", menu::keys(state));
            let key = in_line(&line, column)?;
            // A letter would be typed into the field.
            let typed = state.menu.is_typing() && matches!(key, Key::Char(_));
            (!typed).then_some(Hit::Key(key))
        }
        View::Menu => menu::hit(state, area, column, row),
        View::Status | View::Lock(_) => None,
    }
}

/// The key of a line like `Enter open   s save` that is under this column. Parts have three blanks between.
fn in_line(line: &str, column: u16) -> Option<Key> {
    let column = usize::from(column);
    let mut start = 0;
    for part in line.split("   ") {
        let end = start + part.chars().count();
        if (start..end).contains(&column) {
            return key(part.split_whitespace().next()?);
        }
        start = end + 3;
    }
    None
}

fn key(word: &str) -> Option<Key> {
    let mut chars = word.chars();
    Some(match word {
        "Enter" => Key::Enter,
        "Esc" => Key::Esc,
        "Space" => Key::Char(' '),
        "Tab" => Key::Tab,
        "Ctrl-L" => Key::Repaint,
        _ => match (chars.next(), chars.next()) {
            (Some(c), None) => Key::Char(c),
            _ => return None,
        },
    })
}
