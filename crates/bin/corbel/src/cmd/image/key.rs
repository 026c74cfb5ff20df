//! `corbel image key`.

use std::path::PathBuf;

use clap::Args;
use corbel_build::generate_key;
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// New file for the secret key; the public half gets the same name and .pub
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(args: &KeyArgs, printer: &Printer) -> Result<(), Failure> {
    let public = generate_key(&args.file).map_err(|error| Failure::new(Exit::Failed, error))?;
    if printer.json {
        return printer.document(&json!({ "secret": args.file, "public": public }));
    }
    printer.line(&format!(
        "{} (keep it secret: whoever has it can make images that your nodes install)",
        args.file.display()
    ))?;
    printer.line(&public.display().to_string())
}
