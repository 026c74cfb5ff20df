//! The owner's programs at the turns of a node's life: `<config>/hooks/<turn>.d/*`, in the order of their names.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use corbel_sys::{Cancel, Program, ProgramError};

/// What one hook may take.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Before anything is written; one that fails refuses the upgrade.
    PreUpgrade,
    /// The spare slot is written and armed.
    PostUpgrade,
    /// The other slot is armed by hand, or the trial given up.
    Rollback,
    /// The configuration is in place.
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
}

/// A hook that could not be found or did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    #[error("cannot list the hooks in {folder}")]
    List { folder: PathBuf, source: io::Error },
    #[error("the hook {name} failed")]
    Failed { name: String, source: ProgramError },
}

/// Runs all hooks of a turn; each gets the turn as `CORBEL_HOOK` and `variables`, and five minutes. All are run whatever
/// the others do, apart from [`Hook::PreUpgrade`], which ends with the first failure. Gives what failed.
pub fn run_hooks(config: &Path, hook: Hook, variables: &[(&str, &str)], cancel: &Cancel) -> Vec<HookError> {
    let folder = config.join("hooks").join(format!("{}.d", hook.name()));
    let programs = match programs(&folder) {
        Ok(programs) => programs,
        Err(source) => return vec![HookError::List { folder, source }],
    };
    let mut failures = Vec::new();
    for path in programs {
        let mut program = Program::new(&path).env("CORBEL_HOOK", hook.name()).deadline(LIMIT);
        for (name, value) in variables {
            program = program.env(name, value);
        }
        if let Err(source) = program.run(cancel) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            failures.push(HookError::Failed { name, source });
            if hook == Hook::PreUpgrade {
                break;
            }
        }
    }
    failures
}

/// Executable files, sorted by name; hidden ones and what editors leave behind (`~`) are none.
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
        let metadata = fs::metadata(&path)?;
        let executable = metadata.is_file() && metadata.permissions().mode() & 0o111 != 0;
        if executable && !name.starts_with('.') && !name.ends_with('~') {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
