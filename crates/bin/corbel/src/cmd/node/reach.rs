//! `corbel node ping`, `links identify`, `multipath`, `iscsi` and `iommu`: what the node reaches, and by which ways.

use std::time::Duration;

use clap::{Args, Subcommand};
use corbel_node_api::{Echo, IdentifyRequest, IscsiSession, MultipathDevice, PingRequest, PingResult};
use serde_json::json;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Tone;
use crate::settings::Context;
use crate::table::{self, Column};

#[derive(Debug, Subcommand)]
pub(crate) enum LinksCommand {
    /// Lets the lamps of an interface blink, so that somebody in the room finds its socket
    Identify(IdentifyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct IdentifyArgs {
    /// The interface
    name: String,
    /// For how long, 1 to 20
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=20))]
    seconds: u16,
}

#[derive(Debug, Args)]
pub(crate) struct PingArgs {
    /// A host name or an address
    host: String,
    /// How many echoes, 1 to 20
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=20))]
    count: u16,
}

/// One request an echo, so that each line comes when its answer does, and Ctrl-C ends it at once.
pub(super) async fn ping(args: PingArgs, context: &Context<'_>) -> Result<(), Failure> {
    let (printer, client) = (context.printer, context.client()?);
    let request = PingRequest {
        host: args.host,
        count: 1,
    };
    let mut result = PingResult::default();
    for number in 1..=args.count {
        if number > 1 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for echo in client.ping(&request).await?.echoes {
            if !printer.json {
                printer.line(&table::tame(&told(number, &echo)))?;
            }
            result.echoes.push(echo);
        }
    }
    if printer.json {
        printer.document(&result)?;
    }
    match result.echoes.iter().any(|echo| echo.microseconds.is_some()) {
        true => Ok(()),
        false => Err(Failure::silent(Exit::Failed)),
    }
}

fn told(number: u16, echo: &Echo) -> String {
    let address = &echo.address;
    match (echo.microseconds, &echo.problem) {
        (Some(time), _) => format!("{number}: {address} answered in {}.{:03} ms", time / 1000, time % 1000),
        (None, Some(problem)) => format!("{number}: {address}: {problem}"),
        (None, None) => format!("{number}: {address} did not answer"),
    }
}

pub(super) async fn identify(args: IdentifyArgs, context: &Context<'_>) -> Result<(), Failure> {
    let IdentifyArgs { name, seconds } = args;
    let request = IdentifyRequest { seconds };
    context.client()?.identify_link(&name, &request).await?;
    let sentence = format!("the lamps of {} blinked for {seconds} s", table::tame(&name));
    context
        .printer
        .done(&sentence, &json!({"name": name, "seconds": seconds}))
}

pub(super) async fn multipath(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let list = context.client()?.multipath().await?;
    if printer.json {
        return printer.document(&list);
    }
    let columns = [
        Column::Text("DEVICE"),
        Column::Text("MODEL"),
        Column::Text("GROUP"),
        Column::Text("PATH"),
        Column::Text("STATE"),
        Column::Text("CHECK"),
    ];
    let rows: Vec<_> = list.devices.iter().flat_map(paths).collect();
    let none = match list.enabled {
        true => "No disk is reached by several paths.",
        false => "Multipath is off: storage_access.multipath.enabled of the configuration switches it on.",
    };
    table::print(printer, &columns, &rows, none)
}

fn paths(device: &MultipathDevice) -> Vec<table::Row> {
    let rows = device.paths.iter().map(|path| {
        let cells = vec![
            device.name.clone(),
            format!("{} {}", device.vendor, device.product),
            path.group.to_string(),
            path.disk.clone(),
            path.state.clone(),
            path.check.clone(),
        ];
        ((path.state != "active").then_some(Tone::Bad), cells)
    });
    rows.collect()
}

fn dash(text: &Option<String>) -> String {
    text.as_deref().unwrap_or("-").to_owned()
}

pub(super) async fn iscsi(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let info = context.client()?.iscsi().await?;
    if printer.json {
        return printer.document(&info);
    }
    if let Some(name) = &info.initiator {
        printer.line(&format!("This node is {}.", table::tame(name)))?;
    }
    let columns = [
        Column::Text("TARGET"),
        Column::Text("PORTAL"),
        Column::Text("STATE"),
        Column::Text("DISKS"),
    ];
    let rows: Vec<_> = info.sessions.iter().map(session).collect();
    table::print(printer, &columns, &rows, "There are no iSCSI sessions.")
}

fn session(session: &IscsiSession) -> table::Row {
    let cells = vec![
        session.target.clone(),
        dash(&session.portal),
        session.state.clone(),
        session.disks.join(" "),
    ];
    ((session.state != "LOGGED_IN").then_some(Tone::Bad), cells)
}

pub(super) async fn iommu(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let info = context.client()?.iommu().await?;
    if printer.json {
        return printer.document(&info);
    }
    let columns = [
        Column::Text("GROUP"),
        Column::Text("DEVICE"),
        Column::Text("WHAT"),
        Column::Text("DRIVER"),
        Column::Text("ID"),
    ];
    let mut rows: Vec<table::Row> = Vec::new();
    for group in &info.groups {
        for device in &group.devices {
            let cells = vec![
                group.number.to_string(),
                device.address.clone(),
                dash(&device.kind),
                dash(&device.driver),
                dash(&device.id),
            ];
            rows.push((None, cells));
        }
    }
    let none = "The IOMMU is off: switch VT-d or AMD-Vi on in the firmware; Intel's needs the kernel word intel_iommu=on, too.";
    table::print(printer, &columns, &rows, none)
}
