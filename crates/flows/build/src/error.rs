//! Why an image was not built: what was being done, to what, and what would help.

use std::io;
use std::path::{Path, PathBuf};

use corbel_release::lock::LockError;
use corbel_release::recipe::RecipeError;
use corbel_sys::{FileError, ProgramError};

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("no recipe in {folder}: give the folder that holds recipe.toml with --recipe")]
    NoRecipe { folder: PathBuf },
    #[error("the recipe in {folder} is not usable")]
    Recipe { folder: PathBuf, source: RecipeError },
    #[error("suite {suite:?} is not in this recipe: it builds {known}")]
    Suite { suite: String, known: String },
    #[error(
        "no Debian archive is configured for apt on this host: name one with --mirror URL (and --security-mirror URL)"
    )]
    NoMirror,
    #[error(
        "the package lists of {suite} could not be fetched from {from}; with a warm cache, --offline builds without a network"
    )]
    Lists {
        suite: String,
        from: String,
        source: ProgramError,
    },
    #[error("the packages of the recipe cannot be had together in {suite}")]
    Resolve { suite: String, source: ProgramError },
    #[error("{package} could not be fetched from {from}; with a warm cache, --offline builds without a network")]
    Fetch {
        package: String,
        from: String,
        source: ProgramError,
    },
    #[error(
        "{package} is not in the cache and --offline was given: build once with a network, or leave --offline away"
    )]
    NotCached { package: String },
    #[error("no lock is cached for {suite} and --offline was given: build once with a network, or give --lock FILE")]
    NoLock { suite: String },
    #[error("the lock file {path} is not usable")]
    Lock { path: PathBuf, source: LockError },
    #[error("the lock file {path} is for suite {found:?}, but {wanted:?} is to be built")]
    LockSuite {
        path: PathBuf,
        found: String,
        wanted: String,
    },
    #[error(
        "the lock file {path} was made for another list of packages: build once without --lock and --offline to renew it"
    )]
    LockStale { path: PathBuf },
    #[error(
        "{package} in the cache is damaged (its SHA-256 is not that of the lock); it was removed: build again to fetch it anew"
    )]
    DamagedPackage { package: String },
    #[error("{what} was not where it should be: {path}")]
    Missing { what: &'static str, path: PathBuf },
    #[error(
        "cannot {operation} {path}: the disk is full; make room there, or choose another place (--cache, --out, TMPDIR)"
    )]
    DiskFull { operation: &'static str, path: PathBuf },
    /// The same, told by a program that does not say which disk.
    #[error(
        "cannot {doing}: the disk of {folder} is full; make room there, or choose another place (--cache, --out, TMPDIR)"
    )]
    DiskOfFull { doing: &'static str, folder: PathBuf },
    #[error("cannot {operation} {path}")]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot {doing}: {program} is not installed; on Debian and Ubuntu, apt install {package} brings it")]
    NoProgram {
        doing: &'static str,
        program: String,
        package: String,
    },
    #[error("cannot {doing}")]
    Program { doing: &'static str, source: ProgramError },
    #[error("the release cannot be signed")]
    Key(#[from] crate::KeyError),
    #[error(transparent)]
    File(FileError),
    #[error("{problem}")]
    Content { problem: String },
    #[error("{path} is not a Corbel image: {problem}")]
    NotAnImage { path: PathBuf, problem: String },
    #[error("cancelled; nothing was written under its final name")]
    Cancelled,
}

impl BuildError {
    /// An I/O error with what was done to which path; a full disk is told apart.
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { operation, path },
            _ => Self::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// A program's error with what it was run for.
    pub(crate) fn program(doing: &'static str) -> impl FnOnce(ProgramError) -> Self {
        move |source| match source {
            ProgramError::Cancelled { .. } => Self::Cancelled,
            source if is_full(&source) => Self::DiskOfFull {
                doing,
                folder: std::env::temp_dir(),
            },
            ProgramError::Missing { program } => Self::NoProgram {
                doing,
                package: package_of(&program),
                program,
            },
            source => Self::Program { doing, source },
        }
    }

    /// Say which disk a program found full: of the places that a build writes to, the one with the least room left.
    pub(crate) fn locate(self, places: &[&Path]) -> Self {
        match self {
            Self::DiskOfFull { doing, folder } => Self::DiskOfFull {
                doing,
                folder: fullest(places).unwrap_or(folder),
            },
            other => other,
        }
    }

    pub(crate) fn content(problem: impl Into<String>) -> Self {
        Self::Content {
            problem: problem.into(),
        }
    }
}

impl From<FileError> for BuildError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io {
                operation,
                path,
                source,
            } => Self::io(operation, &path)(source),
            other => Self::File(other),
        }
    }
}

/// Whether a program failed because a disk is full: strerror(3) of ENOSPC and EDQUOT, and what mtools and xorriso say instead.
pub(crate) fn is_full(error: &ProgramError) -> bool {
    let words = [
        "No space left on device",
        "Disk quota exceeded",
        "Disk full",
        "exceeds free space on media",
    ];
    matches!(error, ProgramError::Failed { tail, .. } if words.iter().any(|word| tail.contains(word)))
}

/// Debian's package of a program that is not there.
fn package_of(program: &str) -> String {
    let name = program.rsplit('/').next().unwrap_or(program);
    match name {
        "dpkg-deb" => "dpkg",
        "apt-get" | "apt-helper" => "apt",
        other => other,
    }
    .to_owned()
}

fn fullest(places: &[&Path]) -> Option<PathBuf> {
    let free = |path: &Path| {
        rustix::fs::statvfs(path)
            .ok()
            .map(|s| s.f_bavail.saturating_mul(s.f_frsize))
    };
    places
        .iter()
        .filter_map(|place| Some((free(place)?, *place)))
        .min()
        .map(|(_, place)| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(tail: &str) -> ProgramError {
        ProgramError::Failed {
            command: "x".into(),
            status: std::os::unix::process::ExitStatusExt::from_raw(256),
            tail: tail.into(),
        }
    }

    #[test]
    fn a_full_disk_and_a_missing_program_say_what_to_do() {
        let full = BuildError::from(FileError::Io {
            operation: "write",
            path: "/cache/x".into(),
            source: io::ErrorKind::StorageFull.into(),
        });
        assert_eq!(
            full.to_string(),
            "cannot write /cache/x: the disk is full; make room there, or choose another place (--cache, --out, TMPDIR)"
        );
        let told = BuildError::program("write the ISO (xorriso)")(failed(
            "xorriso : FAILURE : Image size 9s exceeds free space on media 5s",
        ));
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(
            told.locate(&[dir.path(), Path::new("/nonexistent")]).to_string(),
            format!(
                "cannot write the ISO (xorriso): the disk of {} is full; make room there, or choose another place (--cache, --out, TMPDIR)",
                dir.path().display()
            )
        );
        let missing = BuildError::program("read a package's control data")(ProgramError::Missing {
            program: "dpkg-deb".into(),
        });
        assert_eq!(
            missing.to_string(),
            "cannot read a package's control data: dpkg-deb is not installed; on Debian and Ubuntu, apt install dpkg brings it"
        );
    }
}
