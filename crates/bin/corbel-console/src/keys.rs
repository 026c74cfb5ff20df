//! Keys and mouse from the terminal. A serial line may deliver the bytes of an arrow key one by one, and its first byte alone is Esc, which
//! leaves a page: what follows an Esc at once is put together again here.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};

use crate::state::{self, Key, Mouse, MouseAct};

/// A person does not type so fast after Esc, and a line of 9600 baud carries 90 bytes in this time.
pub(crate) const TOGETHER: Duration = Duration::from_millis(100);

/// A report of the mouse has a mark and three numbers, of which none here is longer than four digits (xterm, "Extended coordinates").
const LONGEST: usize = 18;

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

    /// What the terminal sent means this.
    pub(crate) fn feed(&mut self, event: &Event) -> Vec<state::Event> {
        if let Event::Mouse(event) = event {
            let act = match event.kind {
                MouseEventKind::Down(MouseButton::Left) => MouseAct::Click,
                MouseEventKind::ScrollUp => MouseAct::WheelUp,
                MouseEventKind::ScrollDown => MouseAct::WheelDown,
                _ => return Vec::new(),
            };
            let mut events = self.end();
            events.push(state::Event::Mouse(Mouse {
                act,
                column: event.column,
                row: event.row,
            }));
            return events;
        }
        let Some(key) = meaning(event) else { return Vec::new() };
        let Some(held) = &mut self.held else {
            if key == Key::Esc {
                self.held = Some(String::new());
                return Vec::new();
            }
            return vec![state::Event::Key(key)];
        };
        match (key, held.as_str()) {
            (Key::Char(c @ ('[' | 'O')), "") => held.push(c),
            // The first function keys of the Linux console: `ESC [ [ A`.
            (Key::Char('['), "[") => held.push('['),
            (Key::Char('<'), "[") => held.push('<'),
            (Key::Char(c @ ('0'..='9' | ';')), text) if text.starts_with("[<") && text.len() < LONGEST => held.push(c),
            (Key::Char(c @ ('0'..='9' | ';')), text) if text.starts_with('[') && text.len() < 8 => held.push(c),
            (Key::Char(c), text) if !text.is_empty() => {
                let event = match text.strip_prefix("[<") {
                    Some(numbers) => report(numbers, c).map(state::Event::Mouse),
                    None => sequence(&text[1..], c).map(state::Event::Key),
                };
                self.held = None;
                // A sequence of nothing that matters is not typed text either.
                return event.into_iter().collect();
            }
            (key, _) => {
                let mut events = self.end();
                events.push(state::Event::Key(key));
                return events;
            }
        }
        Vec::new()
    }

    /// Nothing more came: it was Esc.
    pub(crate) fn end(&mut self) -> Vec<state::Event> {
        let esc = self.held.take().map(|_| state::Event::Key(Key::Esc));
        esc.into_iter().collect()
    }
}

/// A report of mode 1006: `ESC [ <`, button, column and row from 1, and `M` for pressed (xterm, "Mouse Tracking").
fn report(numbers: &str, last: char) -> Option<Mouse> {
    let mut numbers = numbers.split(';').map(|number| number.parse::<u16>().ok());
    let (button, column, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    if last != 'M' || numbers.next().is_some() {
        return None;
    }
    let act = match button {
        0 => MouseAct::Click,
        64 => MouseAct::WheelUp,
        65 => MouseAct::WheelDown,
        _ => return None,
    };
    Some(Mouse {
        act,
        column: column.checked_sub(1)?,
        row: row.checked_sub(1)?,
    })
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

    fn press(escape: &mut Escape, code: KeyCode) -> Vec<state::Event> {
        escape.feed(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn typed(text: &str) -> Vec<Key> {
        let keys = told(text).into_iter().filter_map(|event| match event {
            state::Event::Key(key) => Some(key),
            _ => None,
        });
        keys.collect()
    }

    fn told(text: &str) -> Vec<state::Event> {
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
    fn a_report_of_the_mouse_in_pieces_is_one() {
        let at = |act, column, row| state::Event::Mouse(Mouse { act, column, row });
        assert_eq!(told("\x1b[<0;1;24M"), [at(MouseAct::Click, 0, 23)]);
        assert_eq!(told("\x1b[<0;1;24m"), [], "it was let go");
        assert_eq!(told("\x1b[<64;200;50M"), [at(MouseAct::WheelUp, 199, 49)]);
        assert_eq!(told("\x1b[<65;9;9M"), [at(MouseAct::WheelDown, 8, 8)]);
        let wrong = [
            "0;0;1M",
            "0;1M",
            "0;1;2;3M",
            ";;M",
            "M",
            "99999;1;1M",
            "2;1;1M",
            "0;1;1A",
        ];
        for text in wrong {
            assert_eq!(told(&format!("\x1b[<{text}")), [], "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_that_is_sent_breaks_it(text in "(\x1b|\\[|<|;|[0-9]|M|m|\\PC){0,60}") {
            told(&text);
        }
    }

    #[test]
    fn an_esc_alone_stays_one() {
        assert_eq!(typed("\x1b"), [Key::Esc]);
        assert_eq!(typed("\x1bq"), [Key::Esc, Key::Char('q')]);
        assert_eq!(typed("a\x1b\x1b"), [Key::Char('a'), Key::Esc, Key::Esc]);
    }
}
