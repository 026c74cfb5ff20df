//! A person at the serial console: looks at the screen, types, and looks again. What was looked at is kept beside the logs.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::{Machine, run, serial::Keyboard, until};

/// Keys, as a VT100 sends them (VT100 User Guide, chapter 3, "Cursor Control Keys").
pub const ENTER: &str = "\r";
/// Takes a row, or leaves it.
pub const SPACE: &str = " ";
/// Leaves a page backwards.
pub const ESC: &str = "\x1b";
/// Empties a field (Ctrl-U).
pub const CLEAR: &str = "\x15";
/// Moves down a list.
pub const DOWN: &str = "\x1b[B";
/// The cursor key.
pub const UP: &str = "\x1b[A";
/// Paints the screen anew (Ctrl-L).
pub const REPAINT: &str = "\x0c";
/// Moves to the button on the right.
pub const RIGHT: &str = "\x1b[C";

/// The person.
#[derive(Debug)]
pub struct Person<'a> {
    machine: &'a mut Machine,
    keyboard: Keyboard,
    patience: Duration,
    looks: u32,
}

impl<'a> Person<'a> {
    /// Somebody who waits so long for each screen.
    ///
    /// # Errors
    /// When the machine has no serial port to sit at.
    pub fn at(machine: &'a mut Machine, patience: Duration) -> anyhow::Result<Self> {
        Ok(Self {
            keyboard: machine.serial().keyboard()?,
            machine,
            patience,
            looks: 0,
        })
    }

    /// The machine that the person sits at.
    pub fn machine(&mut self) -> &mut Machine {
        self.machine
    }

    /// Waits until the screen shows all of these.
    ///
    /// # Errors
    /// When it does not in time, or the machine ends; with the screen at the end.
    pub async fn sees(&mut self, words: &[&str]) -> anyhow::Result<&mut Self> {
        let mut screen = String::new();
        let what = format!("the screen to show {words:?}");
        let seen = until(&what, self.patience, async || {
            screen = self.machine.serial().screen();
            if words.iter().all(|word| screen.contains(word)) {
                return Ok(Some(()));
            }
            self.machine.still_running()?;
            Ok(None)
        });
        let seen = seen.await;
        seen.with_context(|| format!("the screen is\n{screen}\n{}", self.machine.evidence()))?;
        self.looks += 1;
        let name = format!("screen-{:02}.txt", self.looks);
        run::keep(&self.machine.place().folder.join(name), &screen)?;
        Ok(self)
    }

    /// Presses a key until the screen answers with all of these: while a machine starts, systemd asks its terminals for their size and
    /// throws away what comes instead of an answer.
    ///
    /// # Errors
    /// When the screen does not answer in time, or the machine is gone.
    pub async fn insists(&mut self, key: &str, words: &[&str]) -> anyhow::Result<&mut Self> {
        const AGAIN: Duration = Duration::from_secs(10);
        let patience = std::mem::replace(&mut self.patience, AGAIN);
        let start = Instant::now();
        loop {
            self.types(key)?;
            match self.sees(words).await {
                Ok(_) => break,
                Err(error) if start.elapsed() > patience => return Err(error),
                Err(_) => self.machine.still_running()?,
            }
        }
        self.patience = patience;
        Ok(self)
    }

    /// Presses a key or types a text.
    ///
    /// # Errors
    /// When the machine is gone.
    pub fn types(&mut self, text: &str) -> anyhow::Result<&mut Self> {
        self.keyboard.send(text)?;
        Ok(self)
    }
}
