//! The terminal's own settings: its width, raw mode for consoles, silence for passwords. What is changed is put back when
//! the guard is dropped, on every way out.

use std::io;

use rustix::termios::{self, OptionalActions, Termios};

/// Columns of the terminal on standard output.
pub(crate) fn width() -> Option<u16> {
    termios::tcgetwinsize(io::stdout())
        .ok()
        .map(|size| size.ws_col)
        .filter(|columns| *columns > 0)
}

/// Settings of the terminal on standard input that differ while this lives.
#[derive(Debug)]
pub(crate) struct Changed(Termios);

impl Changed {
    /// Every key goes through as it is, Ctrl-C too (cfmakeraw(3)).
    pub(crate) fn raw() -> io::Result<Self> {
        Self::apply(|settings| settings.make_raw())
    }

    /// What is typed is not shown.
    pub(crate) fn silent() -> io::Result<Self> {
        Self::apply(|settings| settings.local_modes.remove(termios::LocalModes::ECHO))
    }

    fn apply(change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut settings = before.clone();
        change(&mut settings);
        termios::tcsetattr(io::stdin(), OptionalActions::Flush, &settings)?;
        Ok(Self(before))
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
