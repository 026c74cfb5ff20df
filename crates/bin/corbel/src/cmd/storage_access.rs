//! `corbel storage-access`: what the node runs at boot and when the configuration of it changes.

use corbel_settle::Host;
use corbel_settle::access::{access_storage, sentence};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

/// Logs in at iSCSI targets and mounts exports of NFS, as `/etc/corbel/storage-access.toml` says.
pub(crate) fn run(printer: &Printer) -> Result<(), Failure> {
    let done = access_storage(&Host::default()).map_err(|error| Failure::say(Exit::Failed, sentence(error)))?;
    for line in &done {
        printer.talk(line);
    }
    Ok(())
}
