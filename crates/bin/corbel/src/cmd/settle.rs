//! `corbel settle`: what the node runs once at boot, before its network.

use std::path::PathBuf;

use clap::Args;
use corbel_settle::{Host, Manner, Report, SeedPlace};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Debug, Args)]
pub(crate) struct SettleArgs {
    /// Print what would be done, with the files, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Take this folder for the root of the node
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Take this text for the kernel's command line
    // Its name is also that of the kernel's own file.
    #[arg(long, value_name = "TEXT")]
    cmdline: Option<String>,
    /// Mount what an installed node keeps, and do nothing else
    #[arg(long, conflicts_with_all = ["dry_run", "root", "cmdline", "seed"])]
    state: bool,
    /// Fetch the document that the word corbel.config names, and settle again with it
    #[arg(long, conflicts_with_all = ["dry_run", "root", "cmdline", "seed", "state"])]
    fetch: bool,
    /// Tell the kernel what this machine is tuned for, and do nothing else
    #[arg(long, conflicts_with_all = ["dry_run", "root", "cmdline", "seed", "state", "fetch"])]
    performance: bool,
    /// Take this folder for the seed
    #[arg(long, value_name = "DIR")]
    seed: Option<PathBuf>,
}

/// Settles this node. Succeeds whatever was wrong with words and seed: a typo must not keep a node from booting.
pub(crate) fn run(args: SettleArgs, printer: &Printer) -> Result<(), Failure> {
    if args.state {
        return state(printer);
    }
    if args.performance {
        return performance(printer);
    }
    if args.fetch {
        return match corbel_settle::configure(&Host::default()) {
            Some(report) => told(&report, printer),
            None => {
                printer.talk("no document was asked for: the word corbel.config=URL names one");
                Ok(())
            }
        };
    }
    let mut host = Host::below(args.root);
    if let Some(text) = args.cmdline {
        host = host.with_command_line(text);
    }
    if let Some(folder) = args.seed {
        host = host.with_seed(SeedPlace::Folder(folder));
    }
    if args.dry_run {
        let plan = corbel_settle::plan(&host.looking_only());
        if printer.json {
            let files = plan
                .files
                .iter()
                .map(|f| json!({"path": f.path, "mode": f.mode, "content": f.content}));
            let warnings = plan.warnings.iter().map(ToString::to_string);
            return printer.document(&json!({
                "hostname": plan.hostname.as_str(),
                "ssh_message": corbel_settle::ssh_message(&plan.ssh),
                "sets_password": plan.admin_password.is_some(),
                "time_sync": plan.time_sync,
                "files": files.collect::<Vec<_>>(),
                "remove": plan.remove,
                "warnings": warnings.collect::<Vec<_>>(),
            }));
        }
        let mut text = plan.to_string();
        for file in plan.files.iter().filter(|file| !file.content.is_empty()) {
            text.push_str(&format!("\n==> {}\n{}", file.path, file.content));
        }
        return printer.bytes(text.as_bytes());
    }
    told(&corbel_settle::settle(&host), printer)
}

/// Succeeds whatever the machine lacks: the rest is done, and the report says what is not.
fn performance(printer: &Printer) -> Result<(), Failure> {
    let tuned = corbel_settle::tune(&Host::default(), Manner::AsFarAsPossible);
    let tuned = tuned.map_err(|error| Failure::say(Exit::Failed, corbel_sys::chain(error.as_ref())))?;
    if printer.json {
        return printer.document(&tuned);
    }
    for line in &tuned.changed {
        printer.talk(line);
    }
    for warning in &tuned.warnings {
        printer.talk(&format!("warning: {warning}"));
    }
    Ok(())
}

fn told(report: &Report, printer: &Printer) -> Result<(), Failure> {
    if printer.json {
        return printer.document(report);
    }
    printer.talk(&format!("settled as {}; {}", report.hostname, report.ssh_message));
    for warning in &report.warnings {
        printer.talk(&format!("warning: {warning}"));
    }
    Ok(())
}

/// Succeeds whatever could not be mounted: a node with a broken disk can still be reached and repaired.
fn state(printer: &Printer) -> Result<(), Failure> {
    let report = corbel_settle::mount_state(&Host::default());
    if printer.json {
        return printer.document(&report);
    }
    let Some(report) = report else {
        printer.talk("this node runs from its medium and keeps nothing");
        return Ok(());
    };
    let mut there: Vec<&str> = report.data.iter().map(String::as_str).collect();
    there.extend(report.log.then_some("/var/log"));
    there.extend(report.config.then_some("/config"));
    printer.talk(&format!(
        "mounted {}",
        if there.is_empty() {
            "nothing".into()
        } else {
            there.join(", ")
        }
    ));
    for warning in &report.warnings {
        printer.talk(&format!("warning: {warning}"));
    }
    Ok(())
}
