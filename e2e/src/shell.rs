//! A root shell on the second serial port, for tests that must break things from inside.
//!
//! The image has no such thing. The machine's firmware brings it: systemd takes a unit from an SMBIOS string, as it takes
//! other credentials (systemd.system-credentials(7), `systemd.extra-unit.*`), so the image under test stays as it is.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{MachineSpec, machine::Machine};

const UNIT: &str = "corbel-e2e-shell.service";
/// The shell reads from a terminal without echo; job control would only talk.
const UNIT_TEXT: &str = "\
[Unit]
Description=Root shell for tests
DefaultDependencies=no

[Service]
ExecStart=/bin/sh -c 'echo CORBEL-E2E-SHELL; exec /bin/sh'
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
Environment=PS1= TERM=dumb
Restart=always
IgnoreSIGPIPE=no
SendSIGHUP=yes
";
const DROPIN: &str = "[Unit]\nWants=corbel-e2e-shell.service\n";
/// How long one read may block; in between the limit of the command is looked at.
const TICK: Duration = Duration::from_millis(200);
/// What the unit prints first. Nothing is typed before: a loader or half a line would swallow it.
const GREETING: &str = "CORBEL-E2E-SHELL";

impl MachineSpec {
    /// With a root shell, see [`RootShell`].
    #[must_use]
    pub fn with_root_shell(self) -> Self {
        self.credential_bytes(&format!("systemd.extra-unit.{UNIT}"), UNIT_TEXT.as_bytes())
            .credential_bytes("systemd.unit-dropin.sysinit.target", DROPIN.as_bytes())
    }
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub status: i32,
    /// Both of its outputs, with plain line ends.
    pub text: String,
}

/// The shell of one machine.
#[derive(Debug)]
pub struct RootShell {
    stream: UnixStream,
    number: u32,
}

impl RootShell {
    /// Waits until the shell answers.
    ///
    /// # Errors
    /// When it does not within `limit`.
    pub fn open(machine: &Machine, limit: Duration) -> anyhow::Result<Self> {
        let start = Instant::now();
        let log = machine.place().shell_log();
        while !std::fs::read(&log).is_ok_and(|log| String::from_utf8_lossy(&log).contains(GREETING)) {
            if start.elapsed() > limit {
                bail!(
                    "no root shell greets on the second serial port after {} s",
                    limit.as_secs()
                );
            }
            std::thread::sleep(TICK);
        }
        let socket = machine.place().shell_socket();
        let stream = UnixStream::connect(socket).context("cannot connect to the second serial port")?;
        stream.set_read_timeout(Some(TICK))?;
        let mut shell = Self { stream, number: 0 };
        shell.run("stty -echo", limit)?;
        Ok(shell)
    }

    /// Runs a command to its end, with whatever status.
    ///
    /// # Errors
    /// When it does not end within `limit`.
    pub fn run(&mut self, command: &str, limit: Duration) -> anyhow::Result<Done> {
        self.number += 1;
        let number = self.number;
        // The marks are put together by the shell, so that an echo of the line is not taken for its result.
        let line = format!("printf '\\n%s%s\\n' BEGIN- {number}; {command}; printf '\\n%s%s:%d\\n' END- {number} $?\n");
        self.stream
            .write_all(line.as_bytes())
            .context("cannot type at the second serial port")?;
        let start = Instant::now();
        let mut got = Vec::new();
        loop {
            if let Some(done) = parse(&String::from_utf8_lossy(&got), number) {
                return Ok(done);
            }
            if start.elapsed() > limit {
                bail!("`{command}` in the node did not end in {} s", limit.as_secs());
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => bail!("the machine ended during `{command}`"),
                Ok(length) => got.extend_from_slice(&piece[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error).context("cannot read from the second serial port"),
            }
        }
    }

    /// Runs a command that must succeed and gives what it printed.
    ///
    /// # Errors
    /// When it fails or does not end in a minute.
    pub fn text(&mut self, command: &str) -> anyhow::Result<String> {
        let done = self.run(command, Duration::from_secs(60))?;
        if done.status != 0 {
            bail!("`{command}` in the node ended with {}: {}", done.status, done.text);
        }
        Ok(done.text)
    }
}

/// What lies between the marks, once both are there.
fn parse(got: &str, number: u32) -> Option<Done> {
    let got = got.replace('\r', "");
    let (_, rest) = got.split_once(&format!("\nBEGIN-{number}\n"))?;
    let (text, status) = rest.split_once(&format!("\nEND-{number}:"))?;
    let status = status.split_once('\n')?.0.parse().ok()?;
    Some(Done {
        status,
        text: text.trim_end().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_between_the_marks_counts() {
        let got = "printf '%s%s' BEGIN- 2\r\n\r\nBEGIN-2\r\nhello\r\nyou\r\n\r\nEND-2:7\r\n# ";
        assert_eq!(
            parse(got, 2),
            Some(Done {
                status: 7,
                text: "hello\nyou".to_owned()
            })
        );
        assert_eq!(parse(got, 1), None);
        assert_eq!(parse("\nBEGIN-2\nhel", 2), None);
        assert_eq!(parse("\nBEGIN-2\nx\nEND-2:1", 2), None);
    }
}
