//! `corbel persist` and `corbel unpersist`: files that an owner keeps beyond the configuration.

use clap::Args;
use corbel_node_api::{Persisted, PersistedList, PersistedState};
use serde_json::json;

use crate::failure::Failure;
use crate::printer::Tone;
use crate::settings::Context;
use crate::table::{self, Column, size};

#[derive(Debug, Args)]
pub(crate) struct PersistArgs {
    /// Files, directories or symbolic links below /etc and /var, absolute; without any, what is persisted is listed
    #[arg(value_name = "PATH")]
    paths: Vec<String>,
    /// Show how what is persisted differs from the image's own files, and change nothing
    #[arg(long)]
    diff: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UnpersistArgs {
    /// What shall be the image's own again from the next boot on
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<String>,
}

/// Runs `corbel persist`.
pub(crate) async fn persist(args: PersistArgs, context: &Context<'_>) -> Result<(), Failure> {
    if args.diff {
        return diff(args.paths, context).await;
    }
    let client = context.client()?;
    if args.paths.is_empty() {
        return list(client.persisted().await?, context);
    }
    for path in &args.paths {
        let kept = client.persist(path).await?;
        context
            .printer
            .done(&format!("{path} is persisted ({})", size(kept.size)), &kept)?;
    }
    Ok(())
}

/// Runs `corbel unpersist`.
pub(crate) async fn unpersist(args: UnpersistArgs, context: &Context<'_>) -> Result<(), Failure> {
    let client = context.client()?;
    for path in &args.paths {
        client.unpersist(path).await?;
        let sentence = format!("{path} is not persisted any more: from the next boot on it is as the image has it");
        context
            .printer
            .done(&sentence, &json!({"path": path, "action": "unpersist"}))?;
    }
    Ok(())
}

async fn diff(paths: Vec<String>, context: &Context<'_>) -> Result<(), Failure> {
    let client = context.client()?;
    let paths = if paths.is_empty() {
        client.persisted().await?.into_iter().map(|kept| kept.path).collect()
    } else {
        paths
    };
    for path in &paths {
        let difference = client.persisted_difference(path).await?;
        if context.printer.json {
            context.printer.json_line(&difference)?;
        } else {
            let lines: Vec<_> = difference.difference.lines().map(table::tame).collect();
            for line in lines {
                context.printer.line(&line)?;
            }
        }
    }
    Ok(())
}

fn list(persisted: Vec<Persisted>, context: &Context<'_>) -> Result<(), Failure> {
    if context.printer.json {
        return context.printer.document(&PersistedList { persisted });
    }
    let columns = [
        Column::Text("PATH"),
        Column::Text("STATE"),
        Column::Number("SIZE"),
        Column::Number("FILES"),
    ];
    let row = |kept: &Persisted| {
        let mut state = match kept.state {
            PersistedState::Kept => "kept",
            PersistedState::Changed => "changed since",
            PersistedState::Missing => "removed since",
            PersistedState::Unknown => "unknown",
        }
        .to_owned();
        if kept.image_changed {
            state.push_str(", and a newer image has another");
        }
        let plain = kept.state == PersistedState::Kept && !kept.image_changed;
        let tone = (!plain).then_some(Tone::Bad);
        (
            tone,
            vec![kept.path.clone(), state, size(kept.size), kept.files.to_string()],
        )
    };
    let rows: Vec<_> = persisted.iter().map(row).collect();
    table::print(context.printer, &columns, &rows, "Nothing is persisted.")
}
