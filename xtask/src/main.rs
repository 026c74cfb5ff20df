//! The repository's tasks: `cargo xtask TASK`, one file a task. It builds, checks, tests and measures Corbel and therefore
//! uses none of Corbel's crates: a crate that does not compile must not take the tool away that says so.

mod bench;
mod context;
mod e2e;
mod emulator;
mod generate;
mod image;
mod layers;
mod packages;
mod powercut;
mod proc;
mod report;
mod servers;
mod test;
mod tools;
mod trees;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the Corbel repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the image, boot it in QEMU and start a demo VM on it
    Up(up::Arguments),
    /// Run every gate and every test
    Test(test::Arguments),
    /// Run the tests that boot the real image, or one of them
    E2e(e2e::Arguments),
    /// Hold the architecture: arrows between the rooms, file lengths, docs
    Layers(layers::Arguments),
    /// Measure what docs/spec.md promises
    Bench(bench::Arguments),
    /// Record what a node writes to its disk, cut the power at every write, and say what would boot
    Powercut(powercut::Arguments),
    /// Write the files that are made from the code (OpenAPI, man pages, completions)
    Generate(generate::Arguments),
    /// Install the Debian packages and cargo tools that the host lacks
    Packages(packages::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = context::Context::new().and_then(|context| match arguments.task {
        Task::Up(arguments) => up::run(&context, &arguments),
        Task::Test(arguments) => test::run(&context, &arguments),
        Task::E2e(arguments) => e2e::run(&context, &arguments),
        Task::Layers(arguments) => layers::run(&context, &arguments),
        Task::Bench(arguments) => bench::run(&context, &arguments),
        Task::Powercut(arguments) => powercut::run(&context, &arguments),
        Task::Generate(arguments) => generate::run(&context, &arguments),
        Task::Packages(arguments) => packages::run(&context, &arguments),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<proc::Interrupted>() => {
            report::talk("interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            report::talk(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
