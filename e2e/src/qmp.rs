//! QEMU's control socket (QMP): ending the machine, pressing its power button, a picture of its screen.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(20);

/// A connection that is ready for commands.
#[derive(Debug)]
pub struct Qmp {
    lines: BufReader<UnixStream>,
}

impl Qmp {
    /// Connects and says what QMP wants to hear first.
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub fn connect(socket: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| format!("cannot connect to {}", socket.display()))?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        let mut qmp = Self {
            lines: BufReader::new(stream),
        };
        qmp.read().context("QEMU did not greet")?;
        qmp.command("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and gives what it returns.
    ///
    /// # Errors
    /// When QEMU refuses or does not answer.
    pub fn command(&mut self, name: &str, arguments: &Value) -> anyhow::Result<Value> {
        let line = json!({ "execute": name, "arguments": arguments }).to_string();
        self.lines
            .get_mut()
            .write_all(format!("{line}\n").as_bytes())
            .with_context(|| format!("cannot send {name}"))?;
        loop {
            let mut answer = self.read().with_context(|| format!("no answer to {name}"))?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            if let Some(error) = answer.get("error") {
                bail!("QEMU refused {name}: {error}");
            }
            // Anything else is an event.
        }
    }

    /// Writes what the screen shows as a PNG.
    ///
    /// # Errors
    /// When QEMU refuses, for instance because it was built without PNG.
    pub fn screenshot(&mut self, to: &Path) -> anyhow::Result<()> {
        self.command("screendump", &json!({ "filename": to, "format": "png" }))?;
        Ok(())
    }

    fn read(&mut self) -> anyhow::Result<Value> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            bail!("QEMU closed the connection");
        }
        Ok(serde_json::from_str(&line)?)
    }
}
