//! `corbel dump`: what the node's own units and its daemon run for dumps of the kernel. People use `corbel node dump`.

use std::error::Error;

use clap::Subcommand;
use corbel_machine::crash;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Debug, Subcommand)]
pub(crate) enum DumpCommand {
    /// Makes the kernel that saves a dump ready, or gives its memory back
    Load,
    /// Saves no dump any more
    Unload,
    /// Tries the place where dumps go
    Test,
    /// Saves the memory of the kernel that crashed before this one
    Save,
}

fn failed(error: &(dyn Error + 'static)) -> Failure {
    Failure::say(Exit::Failed, corbel_sys::chain(error))
}

pub(crate) fn run(command: &DumpCommand, printer: &Printer) -> Result<(), Failure> {
    match command {
        DumpCommand::Load => {
            let status = crash::load().map_err(|error| failed(&error))?;
            printer.done(&status.message.clone(), &status)
        }
        DumpCommand::Unload => {
            crash::unload().map_err(|error| failed(&error))?;
            printer.done("no dump of the kernel is saved any more", &json!({}))
        }
        DumpCommand::Test => {
            let place = crash::test().map_err(|error| failed(&error))?;
            printer.done(
                &format!("dumps of the kernel can be written to {place}"),
                &json!({ "place": place.to_string() }),
            )
        }
        DumpCommand::Save => {
            let (name, marker) = crash::save().map_err(|error| failed(&error))?;
            printer.done(
                &format!("the dump {name} is saved to {}: {}", marker.place, marker.reason),
                &marker,
            )
        }
    }
}
