//! `corbel image`: builds the operating system image, and looks into one.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Builds the image from Debian packages: the ISO, the files for booting from the network, manifest and checksums
    Build(BuildArgs),
    /// Shows what an image holds: version, packages, sizes, kernel words, root hash, seed
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Folder that says what the operating system is
    #[arg(long, value_name = "DIR", default_value = "image")]
    pub(crate) recipe: PathBuf,
    /// Debian suite to build from instead of the recipe's
    #[arg(long, value_name = "NAME")]
    pub(crate) suite: Option<String>,
    /// Folder for what is built
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(crate) out: PathBuf,
    /// Use only what earlier builds have fetched
    #[arg(long)]
    pub(crate) offline: bool,
    /// Take exactly the packages of this lock file, for the same bytes again
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Option<PathBuf>,
    /// Fetch packages from this mirror instead of the recipe's
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The ISO
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Runs one of the commands. `--json` is `printer.json`; Ctrl-C comes by `interrupt::cancel_on_signal`.
pub(crate) fn run(command: ImageCommand, _printer: &Printer) -> Result<(), Failure> {
    tracing::debug!(?command, "image");
    Err(Failure::say(Exit::Failed, "image building is not built in yet"))
}
