//! `corbel node dump`: whether a crash of the kernel is saved, which dumps there are, and whether their place can be written to.

use clap::Subcommand;
use corbel_node_api::Dump;

use crate::failure::Failure;
use crate::printer::Tone;
use crate::settings::Context;
use crate::table::{self, Column, size, tame};

#[derive(Debug, Subcommand)]
pub(crate) enum DumpCommand {
    /// Lists the dumps that the node knows of, the newest first, and says whether a crash would be saved
    List,
    /// Writes a small file where dumps would go, and removes it
    Test,
}

pub(super) async fn run(command: &DumpCommand, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    match command {
        DumpCommand::Test => {
            let tried = context.client()?.test_dump().await?;
            let sentence = format!("dumps of the kernel can be written to {}", tame(&tried.place));
            printer.done(&sentence, &tried)
        }
        DumpCommand::List => {
            let status = context.client()?.dumps().await?;
            if printer.json {
                return printer.document(&status);
            }
            printer.talk(&tame(&status.message));
            let columns = [
                Column::Text("NAME"),
                Column::Number("SIZE"),
                Column::Text("PLACE"),
                Column::Text("REASON"),
            ];
            let rows: Vec<_> = status.dumps.iter().map(row).collect();
            table::print(printer, &columns, &rows, "There are no dumps.")
        }
    }
}

fn row(dump: &Dump) -> table::Row {
    let bytes = if dump.bytes == 0 {
        "-".to_owned()
    } else {
        size(dump.bytes)
    };
    let why = match &dump.problem {
        Some(problem) => format!("{}; not saved: {problem}", dump.reason),
        None => dump.reason.clone(),
    };
    let cells = vec![dump.name.clone(), bytes, dump.place.clone(), why];
    (dump.problem.is_some().then_some(Tone::Quiet), cells)
}
