//! What only looks: the document, its differences, its past.

use corbel_model::seed;
use corbel_node_api::{ConfigHistory, ConfigPlan};
use similar::TextDiff;

use super::{DiffArgs, GetArgs, read, refused};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{Printer, Tone};
use crate::settings::Context;
use crate::table::{self, Column, tame};

pub(super) async fn get(args: &GetArgs, context: &Context<'_>) -> Result<(), Failure> {
    let (client, printer) = (context.client()?, context.printer);
    let document = match args.generation {
        Some(generation) => client.config_version(generation).await?.document,
        None => {
            let config = client.config().await?;
            if args.path.is_none() && printer.json {
                return printer.document(&config);
            }
            for note in &config.notes {
                printer.talk(&format!("note: {}", tame(note)));
            }
            if let Some(pending) = &config.pending {
                printer.talk(&format!(
                    "note: a change by {} waits to be confirmed for {} s more",
                    tame(&pending.by),
                    pending.seconds_left
                ));
            }
            config.document
        }
    };
    let Some(key) = &args.path else {
        return if printer.json {
            printer.document(&serde_json::json!({"generation": args.generation, "document": document}))
        } else {
            printer.bytes(document.as_bytes())
        };
    };
    let value = seed::value_at(&document, key).map_err(refused)?;
    if printer.json {
        return printer.document(&serde_json::json!({"key": key, "value": value}));
    }
    match value {
        Some(value) => printer.line(&value),
        None => Err(Failure::say(Exit::NotFound, format!("{key} is not set"))),
    }
}

pub(super) async fn diff(args: &DiffArgs, context: &Context<'_>) -> Result<(), Failure> {
    let (client, printer) = (context.client()?, context.printer);
    let now = client.config().await?;
    let (other, name) = match (&args.file, args.generation) {
        (Some(file), _) => (read(file)?, file.display().to_string()),
        (None, generation) => {
            let version = client.config_version(generation.unwrap_or(now.generation)).await?;
            (version.document, format!("generation {}", version.generation))
        }
    };
    // A hash is no business of a screen.
    let other = seed::without_secrets(&other).map(|(text, _)| text).map_err(refused)?;
    let difference = TextDiff::from_lines(&now.document, &other);
    let here = format!("generation {}", now.generation);
    let text = difference.unified_diff().header(&here, &name).to_string();
    if printer.json {
        return printer.document(&serde_json::json!({"from": here, "to": name, "diff": text}));
    }
    if text.is_empty() {
        printer.talk("nothing differs");
    }
    for line in text.lines() {
        let tone = match line.as_bytes().first() {
            Some(b'+') => Some(Tone::Good),
            Some(b'-') => Some(Tone::Bad),
            _ => None,
        };
        printer.line(&tone.map_or_else(|| line.to_owned(), |tone| printer.paint(tone, line)))?;
    }
    Ok(())
}

pub(super) async fn history(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let entries = context.client()?.config_history().await?;
    if printer.json {
        return printer.document(&ConfigHistory { entries });
    }
    let columns = [
        Column::Number("GENERATION"),
        Column::Text("SAVED"),
        Column::Text("BY"),
        Column::Text("WHY"),
    ];
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { tame(text) };
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            let saved = entry.saved_at.and_then(|at| i64::try_from(at).ok());
            let saved = saved.and_then(|at| jiff::Timestamp::from_second(at).ok());
            let saved = saved.map_or_else(|| "-".to_owned(), |time| time.to_string());
            let why = if entry.understood {
                dash(&entry.why)
            } else {
                "written by another version of Corbel".to_owned()
            };
            (None, vec![entry.generation.to_string(), saved, dash(&entry.by), why])
        })
        .collect();
    table::print(printer, &columns, &rows, "Nothing was saved yet.")
}

/// As data in a dry run, as talk otherwise.
pub(super) fn plan(printer: &Printer, plan: &ConfigPlan, as_data: bool) -> Result<(), Failure> {
    let mut lines: Vec<String> = plan.steps.iter().map(|step| tame(&step.text)).collect();
    if lines.is_empty() {
        lines.push("nothing to do: the node is so already".to_owned());
    }
    lines.extend(
        plan.warnings
            .iter()
            .map(|warning| format!("warning: {}", tame(warning))),
    );
    if as_data && plan.network {
        lines.push("this change waits to be confirmed".to_owned());
    }
    for line in lines {
        if as_data {
            printer.line(&line)?;
        } else {
            printer.talk(&line);
        }
    }
    Ok(())
}
