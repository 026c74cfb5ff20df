//! The owner's programs at the turns of a node's life: `<config>/hooks/<turn>.d/*`, in the order of their names.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corbel_sys::ledger::LedgerError;
use corbel_sys::{Cancel, Program, ProgramError};

/// The turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Before anything is written; one that fails refuses the upgrade.
    PreUpgrade,
    /// The spare slot is written and armed.
    PostUpgrade,
    /// The other slot is armed by hand, or the trial given up.
    Rollback,
    /// Each boot, once the API answers.
    OnBoot,
    /// Before the machine stops.
    OnShutdown,
    /// The first boot of another version.
    OnChangedImage,
}

impl Hook {
    /// Name of the turn, as in the folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreUpgrade => "pre-upgrade",
            Self::PostUpgrade => "post-upgrade",
            Self::Rollback => "rollback",
            Self::OnBoot => "on-boot",
            Self::OnShutdown => "on-shutdown",
            Self::OnChangedImage => "on-changed-image",
        }
    }

    /// What its hooks may take. `corbel-hooks-boot.service` and `corbel-hooks-shutdown.service` give as much and a little more, so that
    /// it is this program that says which hook took too long.
    pub fn limits(self) -> Limits {
        const MINUTE: Duration = Duration::from_secs(60);
        Limits {
            hook: 5 * MINUTE,
            turn: match self {
                // A machine that was told to stop must stop, whatever the hooks do.
                Self::OnShutdown => 5 * MINUTE,
                _ => 15 * MINUTE,
            },
        }
    }
}

/// How long hooks may run. One that is asked to end gets ten seconds more for it ([`Program::deadline`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Each of them.
    pub hook: Duration,
    /// All hooks of the turn together.
    pub turn: Duration,
}

/// A hook that could not be found or did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("cannot list the hooks in {folder}")]
    List { folder: PathBuf, source: io::Error },
    #[error("the hook {name} failed")]
    Failed { name: String, source: ProgramError },
    #[error("the hook {name} was not run: all hooks of {turn} together have {} s", limit.as_secs())]
    NoTime {
        name: String,
        turn: &'static str,
        limit: Duration,
    },
    #[error("cannot tell whether this version is new here")]
    Notes(#[from] LedgerError),
}

impl HookError {
    /// Whether a hook had its run, good or bad.
    pub(crate) fn was_run(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}

/// Runs all hooks of a turn within its [`Hook::limits`]; each gets the turn as `CORBEL_HOOK` and `variables`. All are run whatever
/// the others do, apart from [`Hook::PreUpgrade`], which ends with the first failure. Gives what failed.
pub fn run_hooks(config: &Path, hook: Hook, variables: &[(&str, &str)], cancel: &Cancel) -> Vec<HookError> {
    run_hooks_within(config, hook, hook.limits(), variables, cancel)
}

/// The same with other limits.
pub(crate) fn run_hooks_within(
    config: &Path,
    hook: Hook,
    limits: Limits,
    variables: &[(&str, &str)],
    cancel: &Cancel,
) -> Vec<HookError> {
    let begun = Instant::now();
    let folder = config.join("hooks").join(format!("{}.d", hook.name()));
    let programs = match programs(&folder) {
        Ok(programs) => programs,
        Err(source) => return vec![HookError::List { folder, source }],
    };
    let mut failures = Vec::new();
    for path in programs {
        let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let left = limits.turn.saturating_sub(begun.elapsed());
        let failure = if left.is_zero() {
            Some(HookError::NoTime {
                name: name(),
                turn: hook.name(),
                limit: limits.turn,
            })
        } else {
            // What it prints is for the journal of whoever runs it, and a pipe would be held open by what it leaves behind.
            let mut program = Program::new(&path).inherit_stdout().env("CORBEL_HOOK", hook.name());
            for (name, value) in variables {
                program = program.env(name, value);
            }
            let ended = program.deadline(limits.hook.min(left)).run(cancel);
            ended.err().map(|source| HookError::Failed { name: name(), source })
        };
        let failed = failure.is_some();
        failures.extend(failure);
        if failed && hook == Hook::PreUpgrade {
            break;
        }
    }
    failures
}

/// Executable files, sorted by name; hidden ones, what editors leave behind (`~`) and links to nothing are none.
fn programs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let metadata = match fs::metadata(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        if executable && !name.starts_with('.') && !name.ends_with('~') {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
