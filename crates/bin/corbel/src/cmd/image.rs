//! `corbel image`: builds the operating system image, and looks into one.

mod build;
mod inspect;
mod key;

use clap::Subcommand;

use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Builds the image from Debian packages: the ISO, the files for booting from the network, manifest and checksums
    Build(Box<build::BuildArgs>),
    /// Makes a key that releases are signed with, and its public half beside it
    Key(key::KeyArgs),
    /// Shows what an image holds: version, release, packages, sizes, kernel words, root hash, seed
    Inspect(inspect::InspectArgs),
}

/// Runs one of the commands.
pub(crate) fn run(command: ImageCommand, printer: &Printer) -> Result<(), Failure> {
    match command {
        ImageCommand::Build(args) => build::run(*args, printer),
        ImageCommand::Key(args) => key::run(&args, printer),
        ImageCommand::Inspect(args) => inspect::run(&args, printer),
    }
}
