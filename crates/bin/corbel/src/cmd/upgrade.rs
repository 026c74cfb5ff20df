//! `corbel upgrade` and `corbel rollback`: from one slot of an installed node to the other.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::Context as _;
use clap::Args;
use corbel_client::{Client, UploadProgress};
use corbel_node_api::{RollbackRequest, UpgradeRequest};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ask;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::follow;
use crate::interrupt::Interrupts;
use crate::printer::Printer;
use crate::settings::Context;

#[derive(Debug, Args)]
#[command(after_long_help = "\
The new version is written to the slot that does not run, read back, and tried with the next reboot. A version that does not
become healthy is left again by itself; see corbel node status.

Examples:
  corbel upgrade corbel-1.2.0.iso --reboot
  corbel upgrade https://images.example.net/corbel-1.2.0.iso
  corbel --node node-7 upgrade corbel-1.2.0.iso --reboot --fast")]
pub(crate) struct UpgradeArgs {
    /// An ISO, a URL that the node fetches, or - for standard input
    #[arg(value_name = "FILE|URL|-", required_unless_present = "medium")]
    source: Option<String>,
    /// From the medium that the node runs from, to the system on its disk
    #[arg(long, conflicts_with = "source")]
    medium: bool,
    /// From the medium: ask for the password of admin of the installed node
    #[arg(long, requires = "medium")]
    ask_current_password: bool,
    /// Take a version that is older than the present one
    #[arg(long)]
    allow_downgrade: bool,
    /// Take a version that failed here before, or that is the present one
    #[arg(long)]
    force: bool,
    /// Reboot into it; machines are shut down or saved first
    #[arg(long)]
    reboot: bool,
    /// Reboot without going through firmware, where that is safe
    #[arg(long, requires = "reboot")]
    fast: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Reboot into it; machines are shut down or saved first
    #[arg(long)]
    reboot: bool,
    /// Reboot without going through firmware, where that is safe
    #[arg(long, requires = "reboot")]
    fast: bool,
}

/// Runs `corbel rollback`.
pub(crate) async fn rollback(args: RollbackArgs, context: &Context<'_>, interrupts: Interrupts) -> Result<(), Failure> {
    let client = context.client()?;
    let request = RollbackRequest {
        reboot: args.reboot,
        fast: args.fast,
    };
    client.rollback(request).await?;
    follow(&client, context.printer, &interrupts).await
}

/// Runs `corbel upgrade`.
pub(crate) async fn run(args: UpgradeArgs, context: &Context<'_>, interrupts: Interrupts) -> Result<(), Failure> {
    let (client, printer) = (context.client()?, context.printer);
    let mut request = UpgradeRequest {
        medium: args.medium,
        allow_downgrade: args.allow_downgrade,
        force: args.force,
        reboot: args.reboot,
        fast: args.fast,
        ..UpgradeRequest::default()
    };
    if args.ask_current_password {
        request.current_password = Some(ask::password(printer, "admin on the installed node", "a terminal")?);
    }
    match args.source {
        None => {
            client.upgrade(&request).await?;
        }
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            request.url = Some(url);
            client.upgrade(&request).await?;
        }
        Some(source) => upload(&client, printer, &request, &source).await?,
    }
    follow(&client, printer, &interrupts).await
}

async fn upload(client: &Client, printer: &Printer, request: &UpgradeRequest, source: &str) -> Result<(), Failure> {
    let opened = if source == "-" {
        tokio::task::spawn_blocking(standard_input)
            .await
            .context("reading was ended")
            .and_then(|file| file)
    } else {
        regular(source)
    };
    let (file, size) = opened.map_err(|error| Failure::new(Exit::Failed, error))?;
    let target = if printer.draws() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style =
        ProgressStyle::with_template("sending {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
            .expect("a constant template whose keys exist");
    let bar = ProgressBar::with_draw_target(Some(size), target).with_style(style);
    let report = {
        let bar = bar.clone();
        move |progress: UploadProgress| bar.set_position(progress.sent)
    };
    let file = tokio::fs::File::from_std(file);
    let sent = client.upload_upgrade(request.flags(), size, file, report).await;
    bar.finish_and_clear();
    sent?;
    Ok(())
}

fn regular(path: &str) -> anyhow::Result<(File, u64)> {
    let file = File::open(path).with_context(|| format!("cannot read {path}"))?;
    let metadata = file.metadata().with_context(|| format!("cannot read {path}"))?;
    anyhow::ensure!(metadata.is_file(), "{path} is not a regular file");
    Ok((file, metadata.len()))
}

/// The node wants to know beforehand how much will come, so what comes by a pipe is kept first, in a file without a name.
fn standard_input() -> anyhow::Result<(File, u64)> {
    let folder = std::env::temp_dir();
    let path = folder.join(format!("corbel-upgrade-{}.iso", std::process::id()));
    let keep = || format!("cannot keep standard input in {}", folder.display());
    let mut file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(keep)?;
    std::fs::remove_file(&path).with_context(keep)?;
    let size = std::io::copy(&mut std::io::stdin().lock(), &mut file).with_context(keep)?;
    file.seek(SeekFrom::Start(0)).with_context(keep)?;
    Ok((file, size))
}
