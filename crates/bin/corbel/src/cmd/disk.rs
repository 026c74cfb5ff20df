//! `corbel disk`: disks of the node.

use clap::Subcommand;
use corbel_node_api::{Disk, DiskList, DiskTarget};

use crate::failure::Failure;
use crate::printer::Tone;
use crate::settings::Context;
use crate::table::{self, Column, size};

#[derive(Debug, Subcommand)]
pub(crate) enum DiskCommand {
    /// Lists disks, what they carry, and whether Corbel can be installed to them
    List,
}

/// Runs one of the commands.
pub(crate) async fn run(command: DiskCommand, context: &Context<'_>) -> Result<(), Failure> {
    let DiskCommand::List = command;
    let printer = context.printer;
    let disks = context.client()?.disks().await?;
    if printer.json {
        return printer.document(&DiskList { disks });
    }
    let columns = [
        Column::Text("PATH"),
        Column::Number("SIZE"),
        Column::Text("BUS"),
        Column::Text("MODEL"),
        Column::Text("SERIAL"),
        Column::Text("INSTALL"),
        Column::Text("CONTENTS"),
    ];
    let rows: Vec<_> = disks.iter().map(row).collect();
    table::print(printer, &columns, &rows, "There are no disks.")
}

fn row(disk: &Disk) -> table::Row {
    let dash = |text: &Option<String>| text.as_deref().unwrap_or("-").to_owned();
    let target = match disk.target {
        DiskTarget::Refused if disk.data_target == DiskTarget::Usable => "data only",
        DiskTarget::Usable => "yes",
        DiskTarget::WhenNamed => "when named",
        DiskTarget::Refused => "no",
        DiskTarget::Unknown => "unknown",
    };
    let contents = match &disk.reason {
        Some(reason) => format!("{} Install: {reason}.", disk.contents),
        None => disk.contents.clone(),
    };
    let tone = (disk.target == DiskTarget::Refused).then_some(Tone::Quiet);
    let cells = vec![
        disk.path.clone(),
        size(disk.size),
        dash(&disk.bus),
        dash(&disk.model),
        dash(&disk.serial),
        target.to_owned(),
        contents,
    ];
    (tone, cells)
}
