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
/// To the first row.
pub const HOME: &str = "\x1b[H";
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

    /// Goes to a row of the console's menu or, inside a page, of the page: up or down by as many keys as there are rows between, and
    /// through what the screen has no room for.
    ///
    /// # Errors
    /// When there is no such row, or the machine is gone.
    pub async fn chooses(&mut self, label: &str) -> anyhow::Result<&mut Self> {
        const AGAIN: Duration = Duration::from_secs(10);
        let start = Instant::now();
        let mut tried = 0;
        loop {
            let screen = self.machine.serial().screen();
            let keys = match way_to(&screen, label) {
                Some(0) => return self.sees(&[label]).await,
                Some(rows) if rows > 0 => DOWN.repeat(rows.unsigned_abs()),
                Some(rows) => UP.repeat(rows.unsigned_abs()),
                // A message of the kernel may stand over it.
                None if tried == 0 => format!("{HOME}{REPAINT}"),
                None => format!("{}{REPAINT}", DOWN.repeat(8)),
            };
            anyhow::ensure!(
                start.elapsed() < self.patience,
                "there is no way to {label:?} on the screen\n{screen}"
            );
            tried += 1;
            self.types(&keys)?;
            let what = format!("the cursor to be at {label:?}");
            let arrived = until(&what, AGAIN, async || {
                let now = self.machine.serial().screen();
                // Where the row was not seen before, any other screen is a step.
                let there =
                    way_to(&now, label).map_or(now != screen && way_to(&screen, label).is_none(), |rows| rows == 0);
                Ok(there.then_some(()))
            });
            if arrived.await.is_err() {
                self.machine.still_running()?;
                self.types(REPAINT)?;
            }
        }
    }

    /// Fills the field that begins a row, in place of what it has.
    ///
    /// # Errors
    /// As of [`Person::chooses`], or when the text is not taken.
    pub async fn fills(&mut self, label: &str, text: &str) -> anyhow::Result<&mut Self> {
        self.chooses(label).await?.types(ENTER)?;
        self.sees(&["Enter take it"]).await?;
        self.types(&format!("{CLEAR}{text}\r"))?;
        self.sees(&["Enter type"]).await
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

/// Rows from the cursor to the one that begins with `label`, downwards positive: of the page when the cursor is in it, else of the
/// menu on its left. `None` when the screen does not show both.
fn way_to(screen: &str, label: &str) -> Option<isize> {
    let columns = || screen.lines().filter_map(|line| line.split_once('|'));
    let cursor = columns().find_map(|(_, page)| {
        let begins = page.find(|character| character != ' ')?;
        page[begins..].starts_with("> ").then_some(begins)
    });
    let rows: Vec<(bool, &str)> = match cursor {
        Some(at) => columns()
            .filter_map(|(_, page)| Some((page.get(at..at + 2)? == "> ", page.get(at + 2..)?)))
            .filter(|(_, text)| !text.starts_with(' ') && !text.is_empty())
            .collect(),
        None => columns()
            .filter_map(|(menu, _)| Some((menu.starts_with('>'), menu.get(1..)?.trim_end())))
            .collect(),
    };
    let from = rows.iter().position(|(here, _)| *here)?;
    let is_it = |text: &str| {
        text.strip_prefix(label)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("  "))
    };
    let to = rows.iter().position(|(_, text)| is_it(text.trim_end()))?;
    Some(to.cast_signed() - from.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENU: &str = "\
 Corbel 0.1.0                                                        corbel-sim
 Virtual machines | Interfaces
 Name and time    |
>Interfaces       |   eno1             dhcp4 yes
 Bonds            |   [ add an entry ]
 Bridges          |";
    const PAGE: &str = "\
 Virtual machines | Interfaces: new
 Name and time    |
>Interfaces       |   match       bond0
 Bonds            |     ! something is wrong with it
 Bridges          | > dhcp4       no
 SSH              |   dhcp6       -";

    #[test]
    fn the_way_is_counted_where_the_cursor_is() {
        assert_eq!(way_to(MENU, "Bridges"), Some(2));
        assert_eq!(way_to(MENU, "Virtual machines"), Some(-2));
        assert_eq!(way_to(MENU, "[ add an entry ]"), None);
        assert_eq!(way_to(PAGE, "match"), Some(-1));
        assert_eq!(way_to(PAGE, "dhcp6"), Some(1));
        assert_eq!(way_to(PAGE, "dhcp"), None);
        assert_eq!(way_to(PAGE, "Bonds"), None);
        assert_eq!(way_to("", "Bonds"), None);
    }
}
