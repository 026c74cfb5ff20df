//! `cargo xtask generate`: runs corbel-generate, which writes the files that are made from the code.

use crate::context::Context;

/// Arguments of `cargo xtask generate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail when a file is not as the code says
    #[arg(long)]
    pub(crate) check: bool,
}

/// Runs `cargo xtask generate`.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> anyhow::Result<()> {
    let program = context.cargo(&["run", "--quiet", "--package", "corbel-generate", "--"]);
    if arguments.check {
        program.args(["--check"]).run()
    } else {
        program.run()
    }
}
