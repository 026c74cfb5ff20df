//! Children of a task: each runs in its own process group, has a deadline when one is wanted, and is ended with its whole
//! group when somebody presses Ctrl-C, so that a task leaves no process behind.

use std::{
    ffi::OsString,
    fmt,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How long a group may take to end after SIGTERM before it gets SIGKILL: a node that shuts down its VM needs some.
const GRACE: Duration = Duration::from_secs(20);
/// How often a child is looked at; too short to be felt, too long to be load.
const TICK: Duration = Duration::from_millis(20);

/// Somebody pressed Ctrl-C; the children have been ended.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// A program to run, with everything that decides how it ends.
#[derive(Debug)]
pub(crate) struct Program {
    name: OsString,
    shown: Option<String>,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    directory: PathBuf,
    limit: Option<Duration>,
    foreground: bool,
    stop: Arc<AtomicBool>,
}

impl Program {
    pub(crate) fn new(name: impl Into<OsString>, directory: &Path, stop: Arc<AtomicBool>) -> Self {
        Self {
            name: name.into(),
            shown: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: directory.to_path_buf(),
            limit: None,
            foreground: false,
            stop,
        }
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The same program, started by another one (`env`, `faketime` …) that takes it as its last arguments.
    pub(crate) fn under(mut self, starter: &[&str]) -> Self {
        let words = starter.iter().skip(1).map(OsString::from).chain([self.name.clone()]);
        self.arguments = words.chain(self.arguments).collect();
        self.name = starter.first().map_or(self.name, OsString::from);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// After this time the program is ended and counts as failed.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Stay in the terminal's own process group: for programs that ask for a password. Ctrl-C then reaches them by itself.
    pub(crate) fn foreground(mut self) -> Self {
        self.foreground = true;
        self
    }

    /// What to call the program when it is shown: people type `cargo`, not the path of the one that started us.
    pub(crate) fn shown_as(mut self, name: &str) -> Self {
        self.shown = Some(name.to_owned());
        self
    }

    /// The command line as a person would type it.
    pub(crate) fn line(&self) -> String {
        let environment = self
            .environment
            .iter()
            .map(|(name, value)| format!("{}={}", name.to_string_lossy(), quoted(&value.to_string_lossy())));
        let name = self
            .shown
            .clone()
            .unwrap_or_else(|| quoted(&self.name.to_string_lossy()));
        let arguments = self
            .arguments
            .iter()
            .map(|argument| quoted(&argument.to_string_lossy()));
        environment.chain([name]).chain(arguments).collect::<Vec<_>>().join(" ")
    }

    /// Runs to the end with our own stdout and stderr; anything but exit status 0 is an error that names the command.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let status = self.status()?;
        if !status.success() {
            bail!("`{}` ended with {status}", self.line());
        }
        Ok(())
    }

    /// Runs to the end with our own stdout and stderr.
    pub(crate) fn status(&self) -> anyhow::Result<ExitStatus> {
        let mut child = self.start(Stdio::inherit(), Stdio::inherit())?;
        self.wait(&mut child)
    }

    /// Runs to the end and gives its exit status and stdout; stderr is ours.
    pub(crate) fn output(&self) -> anyhow::Result<(ExitStatus, String)> {
        let mut child = self.start(Stdio::piped(), Stdio::inherit())?;
        let pipe = child.stdout.take().context("the child has no stdout")?;
        // Read beside the wait: a pipe that nobody empties would stop the child before its deadline.
        let reader = std::thread::spawn(move || std::io::read_to_string(pipe));
        let status = self.wait(&mut child)?;
        let text = match reader.join() {
            Ok(text) => text.with_context(|| format!("cannot read what `{}` printed", self.line()))?,
            Err(_) => bail!("reading what `{}` printed panicked", self.line()),
        };
        Ok((status, text))
    }

    /// Like [`Self::output`], but anything other than exit status 0 is an error.
    pub(crate) fn text(&self) -> anyhow::Result<String> {
        let (status, text) = self.output()?;
        if !status.success() {
            bail!("`{}` ended with {status}", self.line());
        }
        Ok(text)
    }

    /// Starts it, unless somebody pressed Ctrl-C while no program ran.
    fn start(&self, stdout: Stdio, stderr: Stdio) -> anyhow::Result<Child> {
        if self.stop.load(Ordering::SeqCst) {
            return Err(Interrupted.into());
        }
        let child = self.command(stdout, stderr).spawn();
        child.with_context(|| format!("cannot start `{}`", self.line()))
    }

    #[allow(clippy::disallowed_methods)] // xtask uses nothing of ours, so it cannot go through corbel_sys::Program
    fn command(&self, stdout: Stdio, stderr: Stdio) -> Command {
        let mut command = Command::new(&self.name);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.directory).stdout(stdout).stderr(stderr);
        if !self.foreground {
            command.process_group(0).stdin(Stdio::null());
        }
        command
    }

    fn wait(&self, child: &mut Child) -> anyhow::Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                // Ctrl-C may have reached a child of ours first; that is no failure of the child.
                if self.stop.load(Ordering::SeqCst) {
                    self.end(child)?;
                    return Err(Interrupted.into());
                }
                return Ok(status);
            }
            if self.stop.load(Ordering::SeqCst) {
                self.end(child)?;
                return Err(Interrupted.into());
            }
            if self.limit.is_some_and(|limit| start.elapsed() > limit) {
                self.end(child)?;
                bail!(
                    "`{}` was ended: it took longer than {} s",
                    self.line(),
                    start.elapsed().as_secs()
                );
            }
            std::thread::sleep(TICK);
        }
    }

    /// SIGTERM to the group, then SIGKILL to whoever is left of it.
    fn end(&self, child: &mut Child) -> anyhow::Result<()> {
        if self.foreground {
            child.wait()?;
            return Ok(());
        }
        let group = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("the child has no process id")?;
        // A group that is gone already is what we want.
        let _ = kill_process_group(group, Signal::TERM);
        let start = Instant::now();
        // The child itself must be reaped for its group to vanish; its own children are the init process's to reap.
        while rustix::process::test_kill_process_group(group).is_ok() && start.elapsed() < GRACE {
            let _ = child.try_wait()?;
            std::thread::sleep(TICK);
        }
        let _ = kill_process_group(group, Signal::KILL);
        child.wait()?;
        Ok(())
    }
}

/// The text as one word of a shell.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=@%+,".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
