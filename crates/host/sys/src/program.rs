//! Running other programs: argv logged, output bounded, deadline and cancel honoured, stderr's tail in the error.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Cancel;

/// How much of what a program says is kept for the error.
const TAIL_LINES: usize = 20;
/// Between asking a program to end (SIGTERM) and ending it (SIGKILL).
const GRACE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// What a program said last is read by a thread that a busy machine may let wait. Only one that leaves somebody behind who holds its stderr
/// takes this long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program that could not be run to a good end. `command` is the whole command line.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("{program} is not installed (or not in PATH)")]
    Missing { program: String },
    #[error("cannot start {command}")]
    Start { command: String, source: io::Error },
    #[error("{command} ended with {status}:\n{tail}")]
    Failed {
        command: String,
        status: ExitStatus,
        tail: String,
    },
    #[error("{command} did not end within {} s and was stopped", limit.as_secs())]
    Deadline { command: String, limit: Duration },
    #[error("{command} was cancelled")]
    Cancelled { command: String },
    #[error("cannot open {path} for {command}")]
    Redirect {
        path: PathBuf,
        command: String,
        source: io::Error,
    },
}

/// What a program left behind after a good end.
#[derive(Debug, Default)]
pub struct Output {
    /// Standard output, unless it went to a file.
    pub stdout: Vec<u8>,
    /// The last lines of standard error.
    pub stderr_tail: String,
}

impl Output {
    /// Standard output as text, invalid bytes replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// A command line to be. Runs without a shell, with `LC_ALL=C`, in a process group of its own so that all of it can be ended.
#[derive(Debug)]
pub struct Program {
    argv: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    stdin: Option<PathBuf>,
    stdout: Option<PathBuf>,
    reads: Option<PipeReader>,
    writes: Option<PipeWriter>,
    inherits_stdout: bool,
    limit: Option<Duration>,
}

impl Program {
    /// A program by name (looked up in PATH) or path.
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        Self {
            argv: vec![name.as_ref().to_owned()],
            envs: vec![("LC_ALL".into(), "C".into())],
            folder: None,
            stdin: None,
            stdout: None,
            reads: None,
            writes: None,
            inherits_stdout: false,
            limit: None,
        }
    }
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.argv.push(arg.as_ref().to_owned());
        self
    }
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.argv.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }
    /// Working directory.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }
    /// Standard input from a file; without it, it is empty.
    #[must_use]
    pub fn stdin_file(mut self, path: impl AsRef<Path>) -> Self {
        self.stdin = Some(path.as_ref().to_owned());
        self
    }
    /// Standard output into a file, replaced.
    #[must_use]
    pub fn stdout_file(mut self, path: impl AsRef<Path>) -> Self {
        self.stdout = Some(path.as_ref().to_owned());
        self
    }
    /// Standard input from another program's output. The pipe is open as long as this value lives.
    #[must_use]
    pub fn stdin_pipe(mut self, pipe: PipeReader) -> Self {
        self.reads = Some(pipe);
        self
    }
    /// Standard output to another program's input. The other one sees the end when this value is gone, too.
    #[must_use]
    pub fn stdout_pipe(mut self, pipe: PipeWriter) -> Self {
        self.writes = Some(pipe);
        self
    }
    /// Standard output is our own, and none of it is collected. What the program leaves running in the background may then keep it
    /// open for as long as it likes.
    #[must_use]
    pub fn inherit_stdout(mut self) -> Self {
        self.inherits_stdout = true;
        self
    }
    /// Ended when it takes longer: asked to by SIGTERM, and ten seconds later by SIGKILL.
    #[must_use]
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The command line as a person would type it.
    pub fn command_line(&self) -> String {
        let quote = |arg: &OsString| {
            let text = arg.to_string_lossy();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
            if !text.is_empty() && text.chars().all(plain) {
                text.into_owned()
            } else {
                format!("{text:?}")
            }
        };
        self.argv.iter().map(quote).collect::<Vec<_>>().join(" ")
    }

    /// Run to the end.
    pub fn run(&self, cancel: &Cancel) -> Result<Output, ProgramError> {
        self.run_with(cancel, |_| {})
    }

    /// Run to the end and hand over each line of standard error as it comes.
    pub fn run_with(&self, cancel: &Cancel, mut on_line: impl FnMut(&str)) -> Result<Output, ProgramError> {
        let mut command = self.command()?;
        command.process_group(0);
        command.stderr(Stdio::piped());
        if self.stdout.is_none() && self.writes.is_none() && !self.inherits_stdout {
            command.stdout(Stdio::piped());
        }
        tracing::debug!(command = %self.command_line(), "run");
        let started = Instant::now();
        let mut child = self.spawn(&mut command)?;
        let (lines, from_stderr) = mpsc::channel();
        let stderr = child.stderr.take();
        let reader = std::thread::spawn(move || {
            let Some(stderr) = stderr else { return };
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                // The receiver goes away only after the child has ended.
                let _ = lines.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let stdout = child.stdout.take();
        let collector = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stdout) = stdout {
                let _ = stdout.read_to_end(&mut bytes);
            }
            bytes
        });
        let mut tail = VecDeque::new();
        let mut keep = |line: String| {
            on_line(&line);
            tail.push_back(line);
            if tail.len() > TAIL_LINES {
                tail.pop_front();
            }
        };
        let ended = loop {
            if cancel.is_cancelled() {
                stop(&mut child);
                break Err(ProgramError::Cancelled {
                    command: self.command_line(),
                });
            }
            if let Some(limit) = self.limit.filter(|limit| started.elapsed() > *limit) {
                stop(&mut child);
                break Err(ProgramError::Deadline {
                    command: self.command_line(),
                    limit,
                });
            }
            match from_stderr.recv_timeout(POLL) {
                Ok(line) => keep(line),
                Err(RecvTimeoutError::Timeout) => {}
                // Standard error is closed: only the end is left to wait for.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(2)),
            }
            match child.try_wait() {
                Ok(Some(status)) => break Ok(status),
                Ok(None) => {}
                Err(source) => {
                    break Err(ProgramError::Start {
                        command: self.command_line(),
                        source,
                    });
                }
            }
        };
        let status = ended?;
        // A grandchild that keeps the pipe open, or even talks on, must not keep us: what is there by now is what counts.
        let ended = Instant::now();
        while ended.elapsed() < GRACE {
            let Ok(line) = from_stderr.recv_timeout(LAST_WORDS) else {
                break;
            };
            keep(line);
        }
        drop(reader);
        let tail = Vec::from(tail).join("\n");
        if !status.success() {
            return Err(ProgramError::Failed {
                command: self.command_line(),
                status,
                tail,
            });
        }
        let stdout = collector.join().unwrap_or_default();
        Ok(Output {
            stdout,
            stderr_tail: tail,
        })
    }

    /// Run on our own terminal, in our own process group: for a login shell or an editor.
    pub fn interactive(&self) -> Result<ExitStatus, ProgramError> {
        let mut command = self.command()?;
        command.stdin(Stdio::inherit());
        let mut child = self.spawn(&mut command)?;
        child.wait().map_err(|source| ProgramError::Start {
            command: self.command_line(),
            source,
        })
    }

    /// Become this program: same process, same terminal. Returns only when it could not be started.
    pub fn replace_process(&self) -> ProgramError {
        let mut command = match self.command() {
            Ok(command) => command,
            Err(error) => return error,
        };
        command.stdin(Stdio::inherit());
        ProgramError::Start {
            command: self.command_line(),
            source: command.exec(),
        }
    }

    #[allow(clippy::disallowed_methods)] // This is the door.
    fn command(&self) -> Result<Command, ProgramError> {
        let mut command = Command::new(&self.argv[0]);
        command
            .args(&self.argv[1..])
            .envs(self.envs.iter().map(|(k, v)| (k, v)));
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let redirect = |path: &Path, file: io::Result<File>| {
            file.map_err(|source| ProgramError::Redirect {
                path: path.to_owned(),
                command: self.command_line(),
                source,
            })
        };
        match &self.stdin {
            Some(path) => command.stdin(redirect(path, File::open(path))?),
            None => command.stdin(Stdio::null()),
        };
        if let Some(path) = &self.stdout {
            command.stdout(redirect(path, File::create(path))?);
        }
        let pipe = |source| ProgramError::Start {
            command: self.command_line(),
            source,
        };
        if let Some(reads) = &self.reads {
            command.stdin(reads.try_clone().map_err(pipe)?);
        }
        if let Some(writes) = &self.writes {
            command.stdout(writes.try_clone().map_err(pipe)?);
        }
        Ok(command)
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, ProgramError> {
        command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if self.folder.as_ref().is_none_or(|folder| folder.is_dir()) => {
                ProgramError::Missing {
                    program: self.argv[0].to_string_lossy().into_owned(),
                }
            }
            _ => ProgramError::Start {
                command: self.command_line(),
                source,
            },
        })
    }
}

/// End the whole process group: first kindly, so that it removes its own temporary files, then for good.
fn stop(child: &mut Child) {
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else {
        return;
    };
    let _ = kill_process_group(group, Signal::TERM);
    let asked = Instant::now();
    while asked.elapsed() < GRACE {
        if matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
            break;
        }
        std::thread::sleep(POLL);
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

#[cfg(test)]
mod tests;
