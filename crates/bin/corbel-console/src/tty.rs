//! The settings of the terminal: every key goes through as it is, and stays so. While a machine starts, systemd asks the terminals of
//! its services for their size, several at a time, and puts back what it found before: canonical input with echo, under a console that
//! had taken the terminal already. So the settings are looked at again and again.

use std::io;

use rustix::termios::{InputModes, LocalModes, OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};

/// The terminal on standard input, taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Tty {
    raw: Termios,
    after: Termios,
}

impl Tty {
    /// Takes it.
    ///
    /// # Errors
    /// Standard input is no terminal.
    pub(crate) fn take() -> io::Result<Self> {
        let mut raw = tcgetattr(io::stdin())?;
        let mut after = raw.clone();
        raw.make_raw();
        // Whatever somebody had just made of it: who comes next sees what is typed, and Ctrl-C is heard.
        after.local_modes |= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
        after.input_modes |= InputModes::ICRNL;
        after.output_modes |= OutputModes::OPOST;
        let tty = Self { raw, after };
        tty.keep()?;
        Ok(tty)
    }

    /// Takes it again where somebody changed it.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn keep(&self) -> io::Result<()> {
        let now = tcgetattr(io::stdin())?;
        let same = now.local_modes == self.raw.local_modes
            && now.input_modes == self.raw.input_modes
            && now.output_modes == self.raw.output_modes;
        if !same {
            tcsetattr(io::stdin(), OptionalActions::Now, &self.raw)?;
        }
        Ok(())
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.after);
    }
}
