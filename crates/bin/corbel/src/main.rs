//! The `corbel` command: everything is in the library, so that the man pages and the tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    corbel::run(std::env::args_os())
}
