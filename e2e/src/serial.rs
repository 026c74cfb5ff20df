//! What a machine's first serial port printed, and typing at it.

use std::{
    io::Write as _,
    net::Shutdown,
    num::NonZero,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// The usual size of a terminal; the console draws for it when nobody says otherwise.
const ROWS: NonZero<u16> = NonZero::new(24).expect("24 is not 0");
const COLUMNS: NonZero<u16> = NonZero::new(80).expect("80 is not 0");
/// How much of the log is repeated when something failed.
const TAIL_LINES: usize = 15;

/// A serial port with a log.
#[derive(Debug, Clone)]
pub struct Serial {
    log: PathBuf,
    socket: PathBuf,
}

impl Serial {
    /// The port whose output goes to `log` and that listens at `socket`.
    pub fn new(log: PathBuf, socket: PathBuf) -> Self {
        Self { log, socket }
    }

    /// Where the log is.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Everything printed so far, as printed.
    pub fn text(&self) -> String {
        // Before QEMU made the file, nothing was printed.
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What a terminal would show now: a console that draws does not print its words in order.
    pub fn screen(&self) -> String {
        let mut terminal = vt100::Parser::new(ROWS, COLUMNS, 0);
        terminal.process(&std::fs::read(&self.log).unwrap_or_default());
        terminal.screen().contents()
    }

    /// The last printed lines without control characters, for a message.
    pub fn tail(&self) -> String {
        let text = self.text();
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.chars().filter(|character| !character.is_control()).collect())
            .filter(|line: &String| !line.trim().is_empty())
            .collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }

    /// Sits down at the port, to type.
    ///
    /// # Errors
    /// When QEMU is gone, or somebody else sits there.
    pub fn keyboard(&self) -> anyhow::Result<Keyboard> {
        let stream = UnixStream::connect(&self.socket).context("cannot connect to the serial port")?;
        let mut screen = stream.try_clone().context("cannot connect to the serial port")?;
        // The log has it all; but QEMU waits for whoever is connected to take it, and the machine with it.
        std::thread::spawn(move || std::io::copy(&mut screen, &mut std::io::sink()));
        Ok(Keyboard(stream))
    }
}

/// A connection to a serial port. It must live until what was typed was read: QEMU hands the machine a byte at a time, and forgets the
/// others when the connection ends.
#[derive(Debug)]
pub struct Keyboard(UnixStream);

impl Keyboard {
    /// Types.
    ///
    /// # Errors
    /// When QEMU is gone.
    pub fn send(&mut self, text: &str) -> anyhow::Result<()> {
        self.0
            .write_all(text.as_bytes())
            .context("cannot type at the serial port")
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // Ends the thread that reads; it fails only where the connection has ended already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}
