//! `corbel volume`: volumes of the node's pools.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use corbel_client::{Client, UploadProgress};
use corbel_model::ByteSize;
use corbel_node_api::{DiskFormat, Size, Volume, VolumeList, VolumeSpec};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::ask;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::Context;
use crate::table::{self, Column, size};

#[derive(Debug, Subcommand)]
pub(crate) enum VolumeCommand {
    /// Lists the volumes
    List,
    /// Makes an empty volume
    Create(CreateArgs),
    /// Makes a raw volume from a file; Ctrl-C undoes it
    Upload(UploadArgs),
    /// Deletes a volume that no machine uses
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Name of the volume, such as web.qcow2, or data2/web.qcow2 in the pool data2
    #[arg(value_name = "NAME")]
    name: String,
    /// Size that a guest sees, such as 20G
    #[arg(value_name = "SIZE")]
    size: ByteSize,
    /// How it is kept: qcow2 grows as it is filled
    #[arg(long, value_enum, default_value_t = Format::Qcow2)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Qcow2,
    Raw,
}

#[derive(Debug, Args)]
pub(crate) struct UploadArgs {
    /// Name of the volume, such as web.raw, or data2/web.raw in the pool data2
    #[arg(value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,
    /// The file whose bytes it gets
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Name of the volume
    #[arg(value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Runs one of the commands.
pub(crate) async fn run(command: VolumeCommand, context: &Context<'_>) -> Result<(), Failure> {
    let client = context.client()?;
    let printer = context.printer;
    match command {
        VolumeCommand::List => list(&client, printer).await,
        VolumeCommand::Create(args) => {
            let format = match args.format {
                Format::Qcow2 => DiskFormat::Qcow2,
                Format::Raw => DiskFormat::Raw,
            };
            let spec = VolumeSpec {
                name: args.name,
                size: Size(args.size),
                format,
            };
            let volume = client.create_volume(&spec).await?;
            printer.done(&format!("{} is made", volume.name), &volume)
        }
        VolumeCommand::Upload(args) => upload(&args, &client, printer).await,
        VolumeCommand::Delete(DeleteArgs { name, yes }) => {
            if !yes {
                ask::confirm(printer, &format!("Delete volume {name}?"), "--yes").await?;
            }
            client.delete_volume(&name).await?;
            printer.done(
                &format!("{name} is deleted"),
                &json!({"volume": name, "action": "delete"}),
            )
        }
    }
}

async fn list(client: &Client, printer: &Printer) -> Result<(), Failure> {
    let volumes = client.volumes().await?;
    if printer.json {
        return printer.document(&VolumeList { volumes });
    }
    let columns = [
        Column::Text("NAME"),
        Column::Text("FORMAT"),
        Column::Number("SIZE"),
        Column::Number("USED"),
        Column::Text("PATH"),
    ];
    let row = |volume: &Volume| {
        let Volume {
            name,
            path,
            capacity,
            allocation,
            format,
        } = volume.clone();
        (None, vec![name, format, size(capacity), size(allocation), path])
    };
    table::print(
        printer,
        &columns,
        &volumes.iter().map(row).collect::<Vec<_>>(),
        "There are no volumes.",
    )
}

async fn upload(args: &UploadArgs, client: &Client, printer: &Printer) -> Result<(), Failure> {
    let path = &args.file;
    let unreadable = |error: std::io::Error| {
        Failure::new(
            Exit::Failed,
            anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
        )
    };
    let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let metadata = file.metadata().await.map_err(unreadable)?;
    if !metadata.is_file() {
        // Devices and pipes do not say how much will come, and the node reserves the room beforehand.
        return Err(Failure::say(
            Exit::Failed,
            format!("{} is not a regular file", path.display()),
        ));
    }
    let bar = bar(printer, metadata.len());
    let report = {
        let bar = bar.clone();
        move |progress: UploadProgress| bar.set_position(progress.sent)
    };
    let result = client.upload_volume(&args.name, metadata.len(), file, report).await;
    bar.finish_and_clear();
    let volume = result?;
    let sentence = format!(
        "{} is made from {} ({})",
        volume.name,
        path.display(),
        size(metadata.len())
    );
    printer.done(&sentence, &volume)
}

fn bar(printer: &Printer, total: u64) -> ProgressBar {
    let target = if printer.draws() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
        .expect("a constant template whose keys exist");
    ProgressBar::with_draw_target(Some(total), target).with_style(style)
}
