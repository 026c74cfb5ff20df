//! One line of text that is being typed, with a cursor.

use serde::{Deserialize, Serialize};

use crate::state::Key;

/// Longer texts than a PEM certificate are none that a person types.
const LONGEST: usize = 8192;

/// What was typed so far.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Line {
    text: String,
    /// In characters.
    at: usize,
}

impl std::fmt::Debug for Line {
    /// It may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({} characters)", self.text.chars().count())
    }
}

impl Line {
    /// With the cursor behind the text.
    pub(crate) fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            at: text.chars().count(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Takes a key that edits; `false` for one that does not.
    pub(crate) fn key(&mut self, key: Key) -> bool {
        let count = self.text.chars().count();
        match key {
            Key::Char(c) if !c.is_control() && self.text.len() < LONGEST => {
                let place = self.byte(self.at);
                self.text.insert(place, c);
                self.at += 1;
            }
            Key::Char(_) => {}
            Key::Backspace if self.at > 0 => {
                self.at -= 1;
                let place = self.byte(self.at);
                self.text.remove(place);
            }
            Key::Backspace => {}
            Key::Left => self.at = self.at.saturating_sub(1),
            Key::Right => self.at = (self.at + 1).min(count),
            Key::Home => self.at = 0,
            Key::End => self.at = count,
            Key::Clear => *self = Self::default(),
            _ => return false,
        }
        true
    }

    fn byte(&self, at: usize) -> usize {
        self.text
            .char_indices()
            .nth(at)
            .map_or(self.text.len(), |(place, _)| place)
    }

    /// The part around the cursor that fits, the cursor as `_`; `masked` shows stars.
    pub(crate) fn shown(&self, width: usize, masked: bool) -> String {
        let mut all: Vec<char> = if masked {
            vec!['*'; self.text.chars().count()]
        } else {
            self.text.chars().collect()
        };
        all.insert(self.at.min(all.len()), '_');
        let first = (self.at + 1).saturating_sub(width.max(1));
        all.into_iter().skip(first).take(width).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_typing_mistake_in_the_middle_is_mended() {
        let mut line = Line::of("eno11");
        for key in [
            Key::Left,
            Key::Backspace,
            Key::Home,
            Key::Char('x'),
            Key::End,
            Key::Char('!'),
        ] {
            assert!(line.key(key));
        }
        assert_eq!(line.text(), "xeno1!");
        assert_eq!(line.shown(4, false), "o1!_");
        assert_eq!(line.shown(20, true), "******_");
        assert!(!line.key(Key::Enter));
        assert!(!format!("{line:?}").contains("eno"));
    }

    proptest! {
        #[test]
        fn no_keys_break_it(keys in proptest::collection::vec(0_u8..8, 0..60), width in 0_usize..20) {
            let mut line = Line::default();
            for key in keys {
                line.key(match key {
                    0 => Key::Left,
                    1 => Key::Right,
                    2 => Key::Home,
                    3 => Key::End,
                    4 => Key::Backspace,
                    5 => Key::Char('\u{e4}'),
                    _ => Key::Char('a'),
                });
                prop_assert!(line.shown(width, false).chars().count() <= width);
            }
        }
    }
}
