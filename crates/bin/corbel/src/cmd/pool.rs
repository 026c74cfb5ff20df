//! `corbel pool`: where volumes can be.

use clap::Subcommand;
use corbel_node_api::{Pool, PoolList};

use crate::failure::Failure;
use crate::settings::Context;
use crate::table::{self, Column, size, yes};

#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Lists the storage pools with the room in them
    List,
}

/// Runs one of the commands.
pub(crate) async fn run(command: PoolCommand, context: &Context<'_>) -> Result<(), Failure> {
    let PoolCommand::List = command;
    let pools = context.client()?.pools().await?;
    if context.printer.json {
        return context.printer.document(&PoolList { pools });
    }
    let columns = [
        Column::Text("NAME"),
        Column::Text("ACTIVE"),
        Column::Number("SIZE"),
        Column::Number("FREE"),
        Column::Text("PATH"),
    ];
    let row = |pool: &Pool| {
        let Pool {
            name,
            active,
            path,
            capacity,
            available,
        } = pool.clone();
        (None, vec![name, yes(active), size(capacity), size(available), path])
    };
    let rows: Vec<_> = pools.iter().map(row).collect();
    table::print(context.printer, &columns, &rows, "There are no pools.")
}
