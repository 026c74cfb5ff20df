//! `corbel hooks`: runs the owner's hooks at the start and at the end of an installed system. Which, in which order and for how long is
//! in `corbel-upgrade`.

use std::path::Path;

use clap::{Args, ValueEnum};
use corbel_sys::Cancel;
use corbel_upgrade::{Hook, HookError, System, boot_hooks, shutdown_hooks};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

const CONFIG: &str = "/config";

#[derive(Debug, Args)]
pub(crate) struct HooksArgs {
    /// Which hooks
    turn: Turn,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Turn {
    /// Those of on-boot, and before them those of on-changed-image where another version runs than before
    OnBoot,
    /// Those of on-shutdown
    OnShutdown,
}

/// Runs them. Fails when one of them did, so that its unit shows it; nothing on the node depends on that unit.
pub(crate) fn run(args: &HooksArgs, printer: &Printer) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Failed, anyhow::Error::from(error));
    let Some(place) = corbel_machine::find().map_err(failed)? else {
        printer.talk("this system does not run from an installed disk: it has no hooks");
        return Ok(());
    };
    let version = version(printer);
    let system = System {
        config: Path::new(CONFIG),
        version: version.as_deref(),
        slot: place.running.slot,
    };
    let cancel = Cancel::new();
    let failures = match args.turn {
        Turn::OnBoot => boot_hooks(&system, &cancel),
        Turn::OnShutdown => {
            let failures = shutdown_hooks(&system, &cancel).into_iter();
            failures.map(|failure| (Hook::OnShutdown, failure)).collect()
        }
    };
    told(failures, printer)
}

/// The running version; an EFI partition that cannot be read is no reason to run no hooks at all.
fn version(printer: &Printer) -> Option<String> {
    match corbel_machine::open() {
        Ok(node) => node.map(|node| node.installed.version),
        Err(error) => {
            let error = anyhow::Error::from(error);
            printer.talk(&format!("warning: the version of this system is not known: {error:#}"));
            None
        }
    }
}

fn told(failures: Vec<(Hook, HookError)>, printer: &Printer) -> Result<(), Failure> {
    let mut count = 0_usize;
    for (hook, failure) in failures {
        count += 1;
        let failure = anyhow::Error::from(failure);
        printer.talk(&format!("warning: {}: {failure:#}", hook.name()));
    }
    match count {
        0 => Ok(()),
        1 => Err(Failure::say(Exit::Failed, "a hook did not succeed")),
        _ => Err(Failure::say(Exit::Failed, format!("{count} hooks did not succeed"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_enough_to_fail() {
        let printer = Printer::detect(false);
        assert!(told(Vec::new(), &printer).is_ok());
        let failure = HookError::List {
            folder: "/config/hooks/on-boot.d".into(),
            source: std::io::Error::other("damaged"),
        };
        let failed = told(vec![(Hook::OnBoot, failure)], &printer).expect_err("it failed");
        assert_eq!(failed.exit, Exit::Failed);
    }
}
