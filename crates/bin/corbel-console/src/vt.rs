//! A terminal as VGA console and serial line have it: cursor addressing, erase, and the attributes of ECMA-48 with eight colours.
//!
//! The usual backends write 256-colour sequences, which a VT220 reads as "blink"; these are understood everywhere, and a
//! frame costs only what has changed.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

/// What the names of terminals with a mouse begin with. The Linux console and the VT family have none.
const MICE: [&str; 8] = [
    "xterm",
    "screen",
    "tmux",
    "rxvt",
    "alacritty",
    "foot",
    "konsole",
    "gnome",
];
/// Buttons and wheel, in decimal numbers (xterm, "Mouse Tracking": modes 1000 and 1006).
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

/// A writer with a size that somebody else watches.
#[derive(Debug)]
pub(crate) struct Vt<W> {
    out: W,
    size: Size,
    buffer: Vec<u8>,
    /// The terminal tells of its mouse when it is asked to.
    has_mouse: bool,
}

impl<W: Write> Vt<W> {
    pub(crate) fn new(out: W, size: Size) -> Self {
        Self {
            out,
            size,
            buffer: Vec::new(),
            has_mouse: false,
        }
    }

    /// With a mouse, where the terminal's name (`TERM`) is that of one that tells of it.
    pub(crate) fn with_mouse(mut self, term: &str) -> Self {
        self.has_mouse = MICE.iter().any(|name| term.starts_with(name));
        self
    }

    /// Asks the terminal to tell of its mouse, or to leave it to the person again.
    pub(crate) fn mouse(&mut self, on: bool) -> io::Result<()> {
        if !self.has_mouse {
            return Ok(());
        }
        self.through(if on { MOUSE_ON } else { MOUSE_OFF })
    }

    pub(crate) fn set_size(&mut self, size: Size) {
        self.size = size;
    }

    /// What somebody else writes, as it is.
    pub(crate) fn through(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.flush()
    }

    /// Attributes off, screen empty, cursor home and visible: as the next program wants it.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        self.mouse(false)?;
        self.buffer.extend_from_slice(b"\x1b[0m\x1b[2J\x1b[H\x1b[?25h");
        self.flush()
    }
}

/// The parameters of SGR (ECMA-48, 8.3.117). Everything is set anew, so that no terminal keeps an attribute by mistake.
fn attributes(cell: &Cell) -> Vec<u8> {
    let mut text = b"\x1b[0".to_vec();
    if cell.modifier.contains(Modifier::BOLD) {
        text.extend_from_slice(b";1");
    }
    if cell.modifier.contains(Modifier::DIM) {
        text.extend_from_slice(b";2");
    }
    if cell.modifier.contains(Modifier::REVERSED) {
        text.extend_from_slice(b";7");
    }
    let colour: &[u8] = match cell.fg {
        Color::Red => b";31",
        Color::Green => b";32",
        Color::Yellow => b";33",
        Color::Cyan => b";36",
        _ => b"",
    };
    text.extend_from_slice(colour);
    text.push(b'm');
    text
}

impl<W: Write> Backend for Vt<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut next = None;
        let mut current = Vec::new();
        for (x, y, cell) in content {
            // Writing into the last cell of the last row scrolls many terminals.
            if x + 1 == self.size.width && y + 1 == self.size.height {
                continue;
            }
            if next != Some((x, y)) {
                write!(self.buffer, "\x1b[{};{}H", y + 1, x + 1)?;
            }
            let wanted = attributes(cell);
            if wanted != current {
                self.buffer.extend_from_slice(&wanted);
                current = wanted;
            }
            self.buffer.extend_from_slice(cell.symbol().as_bytes());
            // At the right edge terminals differ in where the cursor is then.
            next = (x + 1 < self.size.width).then_some((x + 1, y));
        }
        if !current.is_empty() {
            self.buffer.extend_from_slice(b"\x1b[0m");
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        // Part of every frame in ratatui; a frame in which nothing changed must cost nothing.
        if !self.buffer.is_empty() {
            self.buffer.extend_from_slice(b"\x1b[?25l");
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.buffer.extend_from_slice(b"\x1b[?25h");
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        // The terminal is not asked: a serial line may have nobody at its other end.
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        write!(self.buffer, "\x1b[{};{}H", y + 1, x + 1)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.buffer.extend_from_slice(b"\x1b[0m\x1b[2J\x1b[H");
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::ZERO,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.buffer)?;
        self.buffer.clear();
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::tests::{fresh, vm};
    use crate::screen::{as_text, draw};
    use crate::state::Event;
    use corbel_node_api::VmState;
    use ratatui::layout::Rect;
    use ratatui::{Terminal, TerminalOptions, Viewport};

    fn terminal() -> Terminal<Vt<Vec<u8>>> {
        let size = Size::new(80, 24);
        let viewport = Viewport::Fixed(Rect::new(0, 0, 80, 24));
        Terminal::with_options(Vt::new(Vec::new(), size), TerminalOptions { viewport }).expect("a terminal")
    }

    fn side(n: u16) -> std::num::NonZeroU16 {
        n.try_into().expect("not zero")
    }

    #[test]
    fn what_a_terminal_shows_is_the_frame() {
        let mut state = fresh();
        let mut terminal = terminal();
        let mut screen = vt100::Parser::new(side(24), side(80), 0);
        for step in 0..3 {
            crate::screen::fit_to(&mut state, 80, 24);
            terminal.draw(|frame| draw(&state, frame)).expect("a frame");
            let sent = std::mem::take(&mut terminal.backend_mut().out);
            assert!(
                sent.is_ascii() && (step == 0 || sent.len() < 600),
                "{} bytes at step {step}",
                sent.len()
            );
            screen.process(&sent);
            let shown: String = screen
                .screen()
                .rows(0, 80)
                .map(|row| row.trim_end().to_owned() + "\n")
                .collect();
            assert_eq!(shown, as_text(&state, 80, 24));
            state.on(Event::Vm {
                name: "new".into(),
                vm: Some(vm(&format!("new{step}"), VmState::Running)),
            });
        }
    }

    #[test]
    fn only_a_terminal_with_a_mouse_is_asked_for_it() {
        for (term, has) in [
            ("xterm-256color", true),
            ("tmux", true),
            ("linux", false),
            ("vt220", false),
            ("", false),
        ] {
            let mut vt = Vt::new(Vec::new(), Size::new(80, 24)).with_mouse(term);
            vt.mouse(true).expect("written");
            assert_eq!(vt.out == MOUSE_ON, has, "{term}");
            vt.reset().expect("written");
            assert_eq!(
                vt.out.windows(MOUSE_OFF.len()).any(|bytes| bytes == MOUSE_OFF),
                has,
                "{term}"
            );
        }
    }

    #[test]
    fn a_frame_without_change_costs_nothing() {
        let state = fresh();
        let mut terminal = terminal();
        terminal.draw(|frame| draw(&state, frame)).expect("a frame");
        terminal.backend_mut().out.clear();
        terminal.draw(|frame| draw(&state, frame)).expect("a frame");
        assert!(terminal.backend().out.is_empty(), "{:?}", terminal.backend().out);
    }
}
