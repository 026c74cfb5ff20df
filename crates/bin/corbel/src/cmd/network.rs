//! `corbel network`: what machines can be attached to.

use clap::Subcommand;
use corbel_node_api::{Network, NetworkList};

use crate::failure::Failure;
use crate::settings::Context;
use crate::table::{self, Column, yes};

#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Lists libvirt's networks and the node's bridges
    List,
}

/// Runs one of the commands.
pub(crate) async fn run(command: NetworkCommand, context: &Context<'_>) -> Result<(), Failure> {
    let NetworkCommand::List = command;
    let networks = context.client()?.networks().await?;
    if context.printer.json {
        return context.printer.document(&NetworkList { networks });
    }
    let columns = [
        Column::Text("NAME"),
        Column::Text("MODE"),
        Column::Text("BRIDGE"),
        Column::Text("ACTIVE"),
        Column::Text("AUTOSTART"),
    ];
    let row = |network: &Network| {
        let Network {
            name,
            active,
            autostart,
            mode,
            bridge,
        } = network.clone();
        (
            None,
            vec![
                name,
                mode,
                bridge.unwrap_or_else(|| "-".into()),
                yes(active),
                yes(autostart),
            ],
        )
    };
    let rows: Vec<_> = networks.iter().map(row).collect();
    table::print(context.printer, &columns, &rows, "There are no networks.")
}
