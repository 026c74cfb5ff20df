//! `corbel settle`: what the node runs once at boot, before its network.

use clap::Args;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Debug, Args)]
pub(crate) struct SettleArgs {}

/// Settles this node.
pub(crate) fn run(args: SettleArgs, _printer: &Printer) -> Result<(), Failure> {
    tracing::debug!(?args, "settle");
    Err(Failure::say(Exit::Failed, "settling is not built in yet"))
}
