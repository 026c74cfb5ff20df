//! `corbel node reboot`, `poweroff` and `status`: going down, and what will be started then.

use clap::Args;
use corbel_node_api::{PoweroffRequest, RebootRequest, Slot, SlotState};

use crate::ask;
use crate::failure::Failure;
use crate::follow::follow;
use crate::interrupt::Interrupts;
use crate::settings::Context;
use crate::table::{self, Column};

#[derive(Debug, Args)]
pub(crate) struct RebootArgs {
    /// Start the kernel from here instead of going through firmware, where that is safe
    #[arg(long)]
    fast: bool,
    #[command(flatten)]
    down: DownArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// Seconds that machines have to shut down before their power is taken away
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    deadline: u32,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Runs `corbel node reboot`.
pub(crate) async fn reboot(args: RebootArgs, context: &Context<'_>, interrupts: &Interrupts) -> Result<(), Failure> {
    confirm(&args.down, context, "Reboot").await?;
    let client = context.client()?;
    let request = RebootRequest {
        fast: args.fast,
        deadline_seconds: Some(args.down.deadline),
    };
    client.reboot(request).await?;
    follow(&client, context.printer, interrupts).await
}

/// Runs `corbel node poweroff`.
pub(crate) async fn poweroff(args: DownArgs, context: &Context<'_>, interrupts: &Interrupts) -> Result<(), Failure> {
    confirm(&args, context, "Power off").await?;
    let client = context.client()?;
    let request = PoweroffRequest {
        deadline_seconds: Some(args.deadline),
    };
    client.poweroff(request).await?;
    follow(&client, context.printer, interrupts).await
}

async fn confirm(args: &DownArgs, context: &Context<'_>, what: &str) -> Result<(), Failure> {
    if args.yes {
        return Ok(());
    }
    let node = context.client()?.node().await?;
    let name = table::tame(&node.name);
    let question = match node.vms.running {
        0 => format!("{what} {name}?"),
        running => format!("{what} {name}? Machines that run ({running}) are shut down or saved."),
    };
    ask::confirm(context.printer, &question, "--yes").await
}

/// Runs `corbel node status`.
pub(crate) async fn status(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let list = context.client()?.slots().await?;
    if printer.json {
        return printer.document(&list);
    }
    let columns = [
        Column::Text("SLOT"),
        Column::Text("VERSION"),
        Column::Text("RUNS"),
        Column::Text("STATE"),
    ];
    let rows: Vec<_> = list.slots.iter().map(row).collect();
    table::print(printer, &columns, &rows, "This node is not installed: it has no slots.")?;
    if let Some(failed) = list.last_failed {
        let sentence = format!("Version {} did not become healthy: {}", failed.version, failed.reason);
        printer.line(&table::tame(&sentence))?;
    }
    for problem in list.problems {
        printer.line(&table::tame(&format!("Boot records: {problem}")))?;
    }
    Ok(())
}

fn row(slot: &Slot) -> table::Row {
    let state = match (slot.state, slot.tries_left) {
        (SlotState::Good, _) => "good".to_owned(),
        (SlotState::Trial, Some(left)) => format!("on trial, {left} tries left"),
        (SlotState::Trial, None) => "on trial".to_owned(),
        (SlotState::Spare, _) => "spare: rollback goes here".to_owned(),
        (SlotState::Failed, _) => "failed: it is not started any more".to_owned(),
        (SlotState::Empty, _) => "empty".to_owned(),
        (SlotState::Unknown, _) => "unknown".to_owned(),
    };
    let version = slot.version.as_deref().unwrap_or("-").to_owned();
    let runs = if slot.running { "yes" } else { "no" };
    (None, vec![slot.name.to_string(), version, runs.to_owned(), state])
}
