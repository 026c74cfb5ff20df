//! `corbel storage-access`: what the node runs at boot and when the configuration of it changes.

use std::fs::File;
use std::io;

use clap::Args;
use corbel_settle::Host;
use corbel_settle::access::{access_storage, sentence};
use corbel_sys::{Cancel, Program, chain};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

/// Runs this at each boot; its condition is that there is a configuration of it.
const UNIT: &str = "corbel-storage-access.service";
/// A boot that tries again and a change of the configuration wait for each other.
const LOCK: &str = "/run/corbel/storage-access.lock";

#[derive(Debug, Args)]
pub(crate) struct StorageAccessArgs {
    /// Run by the unit of that name
    #[arg(long)]
    unit: bool,
}

/// Logs in at iSCSI targets and mounts exports of NFS, as `/etc/corbel/storage-access.toml` says.
pub(crate) fn run(args: &StorageAccessArgs, printer: &Printer) -> Result<(), Failure> {
    let _turn = turn().map_err(|error| Failure::say(Exit::Failed, format!("{LOCK} cannot be taken: {error}")))?;
    let done = access_storage(&Host::default()).map_err(|error| Failure::say(Exit::Failed, sentence(error)))?;
    for line in &done {
        printer.talk(line);
    }
    if !args.unit {
        // Does nothing more, and is what ends the sessions before the network goes down. Waits for nobody: this turn is still ours.
        let unit = Program::new("systemctl").args(["--no-block", "start", UNIT]);
        unit.run(&Cancel::new())
            .map_err(|error| Failure::say(Exit::Failed, chain(&error)))?;
    }
    Ok(())
}

/// Held for as long as the file is open.
fn turn() -> io::Result<File> {
    let file = File::create(LOCK)?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(file)
}
