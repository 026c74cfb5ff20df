//! Keys from the terminal. A serial line may deliver the bytes of an arrow key one by one, and its first byte alone is Esc, which
//! leaves a page: what follows an Esc at once is put together again here.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::state::Key;

/// A person does not type so fast after Esc, and a line of 9600 baud carries 90 bytes in this time.
pub(crate) const TOGETHER: Duration = Duration::from_millis(100);

/// What came after an Esc so far (ECMA-48, 5.4: `ESC [`, parameters, a final byte; VT100: `ESC O`, one byte).
#[derive(Debug, Default)]
pub(crate) struct Escape {
    held: Option<String>,
}

impl Escape {
    /// Whether more may come; when nothing does within [`TOGETHER`], [`Escape::end`] is due.
    pub(crate) fn waits(&self) -> bool {
        self.held.is_some()
    }

    /// What the terminal sent means these keys.
    pub(crate) fn feed(&mut self, event: &Event) -> Vec<Key> {
        let Some(key) = meaning(event) else { return Vec::new() };
        let Some(held) = &mut self.held else {
            if key == Key::Esc {
                self.held = Some(String::new());
                return Vec::new();
            }
            return vec![key];
        };
        match (key, held.as_str()) {
            (Key::Char(c @ ('[' | 'O')), "") => held.push(c),
            // The first function keys of the Linux console: `ESC [ [ A`.
            (Key::Char('['), "[") => held.push('['),
            (Key::Char(c @ ('0'..='9' | ';')), text) if text.starts_with('[') && text.len() < 8 => held.push(c),
            (Key::Char(c), text) if !text.is_empty() => {
                let key = sequence(&text[1..], c);
                self.held = None;
                // A sequence of no key that matters is not typed text either.
                return key.into_iter().collect();
            }
            (key, _) => {
                let mut keys = self.end();
                keys.push(key);
                return keys;
            }
        }
        Vec::new()
    }

    /// Nothing more came: it was Esc.
    pub(crate) fn end(&mut self) -> Vec<Key> {
        self.held.take().map(|_| Key::Esc).into_iter().collect()
    }
}

fn sequence(parameters: &str, last: char) -> Option<Key> {
    Some(match (parameters, last) {
        ("[", 'A') | (_, 'P') | ("11", '~') => Key::Help,
        ("[", _) => return None,
        (_, 'A') => Key::Up,
        (_, 'B') => Key::Down,
        (_, 'C') => Key::Right,
        (_, 'D') => Key::Left,
        (_, 'H') | ("1" | "7", '~') => Key::Home,
        (_, 'F') | ("4" | "8", '~') => Key::End,
        ("3", '~') => Key::Backspace,
        ("5", '~') => Key::PageUp,
        ("6", '~') => Key::PageDown,
        (_, 'Z') => Key::BackTab,
        _ => return None,
    })
}

fn meaning(event: &Event) -> Option<Key> {
    let Event::Key(key) = event else {
        return None;
    };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char('c') if control => Key::Quit,
        KeyCode::Char('l') if control => Key::Repaint,
        KeyCode::Char('u') if control => Key::Clear,
        // A serial terminal's Backspace and Enter, where it sends these.
        KeyCode::Char('h') if control => Key::Backspace,
        KeyCode::Char('j' | 'm') if control => Key::Enter,
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::F(1) => Key::Help,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace | KeyCode::Delete => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyEvent;

    fn press(escape: &mut Escape, code: KeyCode) -> Vec<Key> {
        escape.feed(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn typed(text: &str) -> Vec<Key> {
        let mut escape = Escape::default();
        let mut keys = Vec::new();
        for c in text.chars() {
            let code = if c == '\x1b' { KeyCode::Esc } else { KeyCode::Char(c) };
            keys.extend(press(&mut escape, code));
        }
        keys.extend(escape.end());
        keys
    }

    #[test]
    fn an_arrow_in_pieces_is_an_arrow() {
        assert_eq!(typed("\x1b[A"), [Key::Up]);
        assert_eq!(typed("\x1bOB"), [Key::Down]);
        assert_eq!(typed("\x1b[6~x"), [Key::PageDown, Key::Char('x')]);
        assert_eq!(typed("\x1b[1;5C"), [Key::Right]);
        assert_eq!(typed("\x1b[Z"), [Key::BackTab]);
        assert_eq!(typed("\x1b[99~"), []);
        assert_eq!(typed("\x1bOP\x1b[11~\x1b[[A"), [Key::Help; 3]);
        assert_eq!(typed("\x1b[[Bx"), [Key::Char('x')]);
        assert_eq!(typed("\x1b[3~"), [Key::Backspace]);
    }

    #[test]
    fn an_esc_alone_stays_one() {
        assert_eq!(typed("\x1b"), [Key::Esc]);
        assert_eq!(typed("\x1bq"), [Key::Esc, Key::Char('q')]);
        assert_eq!(typed("a\x1b\x1b"), [Key::Char('a'), Key::Esc, Key::Esc]);
    }
}
