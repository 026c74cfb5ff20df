//! `corbel completions`: made from the same tree that parses the command line.

use clap::{Args, ValueEnum};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell; `source <(corbel completions bash)` tries it out
    shell: KnownShell,
}

/// The shells whose scripts are looked after.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KnownShell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs, printer: &Printer) -> Result<(), Failure> {
    let shell = match args.shell {
        KnownShell::Bash => Shell::Bash,
        KnownShell::Zsh => Shell::Zsh,
        KnownShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut crate::command(), "corbel", &mut script);
    printer.bytes(&script)
}
