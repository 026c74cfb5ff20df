//! What a mouse means: a click is the keys that would have done the same, so it can do nothing that keys cannot.

use super::{Action, Key, Mouse, MouseAct, State, View};
use crate::screen::{self, Hit};

/// Rows that one notch of a wheel moves.
const NOTCH: usize = 3;

impl State {
    pub(super) fn on_mouse(&mut self, mouse: Mouse) -> Option<Action> {
        self.idle = 0;
        // The installer erases disks: it is answered by keys alone.
        if self.wizard.is_some() {
            return None;
        }
        match mouse.act {
            MouseAct::WheelUp => self.wheel(Key::Up),
            MouseAct::WheelDown => self.wheel(Key::Down),
            MouseAct::Click => self.click(mouse),
        }
    }

    fn wheel(&mut self, key: Key) -> Option<Action> {
        let notch = match self.view {
            View::Lock(_) => 0,
            View::Menu if self.menu.is_typing() || self.menu.help => 0,
            // Each page of the menu is asked for as it is shown.
            View::Menu if !self.menu.inside => 1,
            View::Menu | View::Status => NOTCH,
        };
        self.press(key, notch)
    }

    fn click(&mut self, mouse: Mouse) -> Option<Action> {
        match screen::hit(self, mouse.column, mouse.row)? {
            Hit::Key(key) => self.press(key, 1),
            Hit::Place(place) if place == self.menu.place && !self.menu.inside => self.press(Key::Enter, 1),
            Hit::Place(place) => {
                (self.menu.inside, self.menu.hint) = (false, None);
                let exit = self.menu.go(place);
                self.menu_exit(exit)
            }
            // The page gets the keys, and then the row that was meant.
            Hit::Page => {
                self.menu.inside = true;
                match screen::hit(self, mouse.column, mouse.row) {
                    Some(Hit::Rows { key, count }) => self.press(key, count),
                    _ => None,
                }
            }
            Hit::Rows { key, count } => self.press(key, count),
        }
    }

    /// The key so many times, or until something is to be done.
    fn press(&mut self, key: Key, count: usize) -> Option<Action> {
        (0..count).find_map(|_| self.on_key(key))
    }
}

#[cfg(test)]
mod tests;
