//! `corbel node links`, `services` and `logs`: what to look at when something is wrong.

use corbel_node_api::{Link, LogEntry, Service};

use crate::failure::Failure;
use crate::printer::Tone;
use crate::settings::Context;
use crate::table::{self, Column, size};

pub(super) async fn links(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let list = context.client()?.links().await?;
    if printer.json {
        return printer.document(&list);
    }
    let columns = [
        Column::Text("NAME"),
        Column::Text("CABLE"),
        Column::Text("SPEED"),
        Column::Text("IN"),
        Column::Text("MAC"),
        Column::Number("RECEIVED"),
        Column::Number("SENT"),
        Column::Number("ERRORS"),
        Column::Text("DRIVER"),
        Column::Text("NEIGHBOUR"),
    ];
    let rows: Vec<_> = list.links.iter().map(link).collect();
    table::print(printer, &columns, &rows, "There are no network interfaces.")
}

fn link(link: &Link) -> table::Row {
    let dash = |text: &Option<String>| text.as_deref().unwrap_or("-").to_owned();
    // Full is what everybody has.
    let duplex = if link.duplex.as_deref() == Some("half") {
        " half"
    } else {
        ""
    };
    let cells = vec![
        link.name.clone(),
        if link.carrier { "yes" } else { "no" }.to_owned(),
        link.speed_mbit
            .map_or("-".to_owned(), |speed| format!("{speed} Mbit/s{duplex}")),
        dash(&link.master),
        dash(&link.mac),
        size(link.received),
        size(link.sent),
        link.errors.to_string(),
        dash(&link.driver),
        dash(&link.neighbour),
    ];
    ((!link.carrier).then_some(Tone::Quiet), cells)
}

pub(super) async fn services(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let list = context.client()?.services().await?;
    if printer.json {
        return printer.document(&list);
    }
    let columns = [Column::Text("NAME"), Column::Text("STATE"), Column::Text("DESCRIPTION")];
    let rows: Vec<_> = list.services.iter().map(service).collect();
    table::print(printer, &columns, &rows, "There are no services.")
}

fn service(service: &Service) -> table::Row {
    let state = format!("{} ({})", service.active, service.state);
    (None, vec![service.name.clone(), state, service.description.clone()])
}

pub(super) async fn logs(search: &str, context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let page = context.client()?.logs(search).await?;
    if printer.json {
        return printer.document(&page);
    }
    let columns = [
        Column::Text("TIME"),
        Column::Text("LEVEL"),
        Column::Text("SOURCE"),
        Column::Text("MESSAGE"),
    ];
    let rows: Vec<_> = page.entries.iter().map(entry).collect();
    table::print(printer, &columns, &rows, "No entry of this boot has that text.")
}

fn entry(entry: &LogEntry) -> table::Row {
    const LEVELS: [&str; 8] = [
        "emergency",
        "alert",
        "critical",
        "error",
        "warning",
        "notice",
        "info",
        "debug",
    ];
    let level = LEVELS.get(usize::from(entry.priority)).unwrap_or(&"info");
    let time = i64::try_from(entry.seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let time = time.map_or("-".to_owned(), |time| time.to_string());
    (
        None,
        vec![time, (*level).to_owned(), entry.source.clone(), entry.message.clone()],
    )
}
