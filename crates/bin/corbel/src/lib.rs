//! `corbel`, the one command line: drives nodes through their API (`vm`, `volume`, `network`, `node`, `install` …) and makes
//! images (`image`). Each command is a file below `cmd`; arguments are read once as typed (`cli`) and turned once into what is
//! meant (`settings`); only `printer` writes to the terminal; every way to end is a variant of `exit`.

mod ask;
mod cli;
mod cmd;
mod exit;
mod failure;
mod follow;
mod interrupt;
mod nodes;
mod printer;
mod progress;
mod settings;
mod table;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Context;

/// The tree of commands, for man pages and completions.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Every man page as its file name and its text, deterministic.
pub fn man_pages() -> Vec<(String, Vec<u8>)> {
    cmd::man::pages()
}

/// Runs one command line, program name included, to its end.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version come this way too, with status 0. Nobody reads what a closed pipe cannot take.
            let _ = answer.print();
            return if answer.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Ok.into()
            };
        }
    };
    init_log(cli.verbose);
    let printer = Printer::detect(cli.json);
    match dispatch(cli, &printer) {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            printer.failure(&failure);
            failure.exit.into()
        }
    }
}

fn dispatch(cli: Cli, printer: &Printer) -> Result<(), Failure> {
    let context = Context::new(cli.connection, printer);
    match cli.command {
        Command::Vm(args) => interrupt::block_on(cmd::vm::run(args, &context)),
        Command::Volume(args) => interrupt::block_on(cmd::volume::run(args, &context)),
        Command::Pool(args) => interrupt::block_on(cmd::pool::run(args, &context)),
        Command::Network(args) => interrupt::block_on(cmd::network::run(args, &context)),
        Command::Node(args) => interrupt::block_on_hearing(|heard| cmd::node::run(args, &context, heard)),
        Command::Config(args) => interrupt::block_on(cmd::config::run(args, &context)),
        Command::Disk(args) => interrupt::block_on(cmd::disk::run(args, &context)),
        Command::Install(args) => interrupt::block_on_hearing(|heard| cmd::install::run(*args, &context, heard)),
        Command::Uninstall(args) => interrupt::block_on_hearing(|heard| cmd::uninstall::run(args, &context, heard)),
        Command::Upgrade(args) => interrupt::block_on_hearing(|heard| cmd::upgrade::run(args, &context, heard)),
        Command::Rollback(args) => interrupt::block_on_hearing(|heard| cmd::upgrade::rollback(args, &context, heard)),
        Command::User(command) => interrupt::block_on(cmd::user::run(command, &context)),
        Command::Persist(args) => interrupt::block_on(cmd::persist::persist(args, &context)),
        Command::Unpersist(args) => interrupt::block_on(cmd::persist::unpersist(args, &context)),
        Command::Image(args) => cmd::image::run(args, printer),
        Command::Completions(args) => cmd::completions::run(&args, printer),
        Command::Man(args) => cmd::man::run(&args, printer),
        Command::Gate(args) => cmd::gate::run(&args, printer),
        Command::Dump(command) => cmd::dump::run(&command, printer),
        Command::Hooks(args) => cmd::hooks::run(&args, printer),
        Command::Rescue => cmd::rescue::run(printer),
        Command::Settle(args) => cmd::settle::run(args, printer),
        Command::StorageAccess(args) => cmd::storage_access::run(&args, printer),
    }
}

/// What the program does below the surface, for `-v`: warnings are always shown.
fn init_log(verbose: u8) {
    let level = match verbose {
        0 => tracing::Level::WARN,
        1 => tracing::Level::INFO,
        2 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    // A second start in one process (tests) keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .with_target(false)
        .try_init();
}
