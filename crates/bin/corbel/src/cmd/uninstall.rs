//! `corbel uninstall`: gives the disk back. VM storage stays unless it is said otherwise.

use clap::Args;
use corbel_node_api::{DiskMatch, UninstallRequest};

use super::install::{device, show};
use crate::ask;
use crate::failure::Failure;
use crate::follow::follow;
use crate::interrupt::Interrupts;
use crate::settings::Context;

#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    /// The disk with the system; without it there must be exactly one
    #[arg(long, value_name = "DISK", value_parser = device)]
    device: Option<DiskMatch>,
    /// Leave VM storage where it is, which is also the default
    #[arg(long, conflicts_with = "wipe_data")]
    keep_data: bool,
    /// Erase VM storage too
    #[arg(long)]
    wipe_data: bool,
    /// A further disk whose VM storage goes too; may be given again. Data disks that were made for this node need no naming
    #[arg(long, value_name = "DISK", value_parser = device, requires = "wipe_data")]
    data: Vec<DiskMatch>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Reboot when it is done
    #[arg(long)]
    reboot: bool,
}

/// Runs the command.
pub(crate) async fn run(args: UninstallArgs, context: &Context<'_>, interrupts: Interrupts) -> Result<(), Failure> {
    let (client, printer) = (context.client()?, context.printer);
    let request = UninstallRequest {
        boot: args.device,
        keep_data: !args.wipe_data,
        data: args.data,
        reboot: args.reboot,
        dry_run: true,
    };
    let planned = client.uninstall(&request).await?;
    if args.dry_run && printer.json {
        return printer.document(&planned.plan);
    }
    show(printer, &planned, args.dry_run)?;
    if args.dry_run {
        return Ok(());
    }
    if !args.yes {
        ask::confirm(printer, "Uninstall Corbel?", "--yes").await?;
    }
    client
        .uninstall(&UninstallRequest {
            dry_run: false,
            ..request
        })
        .await?;
    follow(&client, printer, &interrupts).await
}
