//! `corbel node support-bundle`: one file with what helps in trouble, without secrets.

use std::path::PathBuf;

use clap::Args;
use corbel_node_api::BundleRequest;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::follow::follow;
use crate::interrupt::Interrupts;
use crate::settings::Context;
use crate::table::tame;

#[derive(Debug, Args)]
pub(crate) struct SupportArgs {
    /// Where to put it on this side; - for standard output
    #[arg(value_name = "FILE", required_unless_present_any = ["disk", "url", "keep"])]
    file: Option<PathBuf>,
    /// A file system of a removable disk of the node instead, such as /dev/sdb1
    #[arg(long, value_name = "DEVICE", conflicts_with_all = ["file", "url", "keep"])]
    disk: Option<String>,
    /// A URL instead, to which the node sends it by HTTP PUT
    #[arg(long, value_name = "URL", conflicts_with_all = ["file", "keep"])]
    url: Option<String>,
    /// Only make it, and leave it on the node
    #[arg(long, conflicts_with = "file")]
    keep: bool,
}

/// Runs `corbel node support-bundle`.
pub(super) async fn run(args: &SupportArgs, context: &Context<'_>, interrupts: &Interrupts) -> Result<(), Failure> {
    let (client, printer) = (context.client()?, context.printer);
    let request = BundleRequest {
        disk: args.disk.clone(),
        url: args.url.clone(),
    };
    client.make_support_bundle(&request).await?;
    follow(&client, printer, interrupts).await?;
    let Some(file) = &args.file else { return Ok(()) };
    let list = client.support_bundles().await?;
    let Some(bundle) = list.bundles.last() else {
        return Err(Failure::say(
            Exit::Failed,
            "the node has no bundle any more: somebody removed it",
        ));
    };
    let bytes = client.support_bundle(&bundle.name).await?;
    if file.as_os_str() == "-" {
        return printer.bytes(&bytes);
    }
    let written = corbel_sys::write_atomic(file, &bytes, 0o600);
    written.map_err(|error| Failure::new(Exit::Failed, anyhow::Error::new(error)))?;
    let sentence = format!(
        "{} with {} bytes is in {}",
        tame(&bundle.name),
        bytes.len(),
        file.display()
    );
    let told = json!({"name": bundle.name, "bytes": bytes.len(), "file": file.display().to_string()});
    printer.done(&sentence, &told)
}
