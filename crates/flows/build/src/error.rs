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
    #[error("the package lists of {suite} could not be fetched; with a warm cache, --offline builds without a network")]
    Lists { suite: String, source: ProgramError },
    #[error("the packages of the recipe cannot be had together in {suite}")]
    Resolve { suite: String, source: ProgramError },
    #[error("{package} could not be fetched; with a warm cache, --offline builds without a network")]
    Fetch { package: String, source: ProgramError },
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
    #[error("the lock file {path} was made for another list of packages: build without --lock once to renew it")]
    LockStale { path: PathBuf },
    #[error(
        "{package} in the cache is damaged (its SHA-256 is not that of the lock); it was removed: build again to fetch it anew"
    )]
    DamagedPackage { package: String },
    #[error("{what} was not where it should be: {path}")]
    Missing { what: &'static str, path: PathBuf },
    #[error("the disk of {path} is full: {operation} needs more room")]
    DiskFull { operation: &'static str, path: PathBuf },
    #[error("cannot {operation} {path}")]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot {doing}")]
    Program { doing: &'static str, source: ProgramError },
    #[error(transparent)]
    File(#[from] FileError),
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
            ProgramError::Failed { ref tail, .. } if tail.contains("No space left on device") => Self::DiskFull {
                operation: doing,
                path: std::env::temp_dir(),
            },
            source => Self::Program { doing, source },
        }
    }

    pub(crate) fn content(problem: impl Into<String>) -> Self {
        Self::Content {
            problem: problem.into(),
        }
    }
}
