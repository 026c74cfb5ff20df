//! `corbel vm`: virtual machines.

mod console;
mod create;
mod show;

use clap::{Args, Subcommand, ValueEnum};
use corbel_client::Client;
use corbel_node_api::Event;
use futures_util::StreamExt;
use serde_json::json;

pub(crate) use show::state;

use crate::ask;
use crate::cmd::node;
use crate::failure::Failure;
use crate::settings::Context;

#[derive(Debug, Subcommand)]
pub(crate) enum VmCommand {
    /// Lists the machines and what they are doing
    List,
    /// Shows everything about a machine
    Show(Name),
    /// Prints libvirt's own description of a machine
    Xml(Name),
    /// Defines a machine, from options, from a file or from libvirt's XML
    Create(Box<create::CreateArgs>),
    /// Starts a machine
    Start(Name),
    /// Asks the guest to shut down
    Shutdown(ShutdownArgs),
    /// Takes the power away; the guest may lose data
    ForceOff(Name),
    /// Asks the guest to reboot
    Reboot(Name),
    /// Deletes a machine that is off
    Delete(DeleteArgs),
    /// Says whether a machine starts with the node
    Autostart(AutostartArgs),
    /// Shows the counters of a running machine
    Stats(Name),
    /// Connects to the serial console of a running machine
    Console(console::ConsoleArgs),
    /// Follows what happens to the machines, until Ctrl-C
    Events(EventsArgs),
}

/// A machine.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Name of the machine
    #[arg(value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    name: String,
}

#[derive(Debug, Args)]
pub(crate) struct ShutdownArgs {
    #[command(flatten)]
    name: Name,
    /// Wait until the machine is off
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 120, requires = "wait")]
    timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    name: Name,
    /// Delete its volumes too, except those that another machine uses
    #[arg(long)]
    volumes: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AutostartArgs {
    #[command(flatten)]
    name: Name,
    /// Whether it starts with the node
    #[arg(value_name = "on|off")]
    state: Switch,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Only what happens to this machine
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Runs one of the commands.
pub(crate) async fn run(command: VmCommand, context: &Context<'_>) -> Result<(), Failure> {
    let client = context.client()?;
    match command {
        VmCommand::List => show::list(&client, context.printer).await,
        VmCommand::Show(Name { name }) => show::show(&client, context.printer, &name).await,
        VmCommand::Stats(Name { name }) => show::stats(&client, context.printer, &name).await,
        VmCommand::Xml(Name { name }) => {
            let xml = client.vm_xml(&name).await?;
            if context.printer.json {
                return context.printer.document(&json!({ "xml": xml }));
            }
            context.printer.line(xml.trim_end())
        }
        VmCommand::Create(args) => create::run(*args, &client, context.printer).await,
        VmCommand::Start(Name { name }) => {
            client.start_vm(&name).await?;
            done(context, &name, "start", &format!("{name} is started"))
        }
        VmCommand::Shutdown(args) => shutdown(&args, &client, context).await,
        VmCommand::ForceOff(Name { name }) => {
            client.force_off_vm(&name).await?;
            done(context, &name, "force-off", &format!("{name} is off"))
        }
        VmCommand::Reboot(Name { name }) => {
            client.reboot_vm(&name).await?;
            done(context, &name, "reboot", &format!("{name} is asked to reboot"))
        }
        VmCommand::Delete(DeleteArgs {
            name: Name { name },
            volumes,
            yes,
        }) => {
            if !yes {
                let what = if volumes { " and its volumes" } else { "" };
                ask::confirm(context.printer, &format!("Delete machine {name}{what}?"), "--yes").await?;
            }
            client.delete_vm(&name, volumes).await?;
            done(context, &name, "delete", &format!("{name} is deleted"))
        }
        VmCommand::Autostart(AutostartArgs {
            name: Name { name },
            state,
        }) => {
            let on = matches!(state, Switch::On);
            client.set_autostart(&name, on).await?;
            let sentence = if on {
                "starts with the node"
            } else {
                "does not start with the node"
            };
            done(context, &name, "autostart", &format!("{name} {sentence}"))
        }
        VmCommand::Console(args) => console::run(&args, &client, context.printer).await,
        VmCommand::Events(EventsArgs { name }) => {
            let wanted = move |event: &Event| match event {
                Event::Vm { name: changed, .. } => name.as_ref().is_none_or(|name| name == changed),
                Event::Missed { .. } => true,
                _ => false,
            };
            node::follow(&client, context.printer, wanted).await
        }
    }
}

fn done(context: &Context<'_>, name: &str, action: &str, sentence: &str) -> Result<(), Failure> {
    context.printer.done(sentence, &json!({"vm": name, "action": action}))
}

async fn shutdown(args: &ShutdownArgs, client: &Client, context: &Context<'_>) -> Result<(), Failure> {
    let name = &args.name.name;
    if !args.wait {
        client.shutdown_vm(name).await?;
        return done(context, name, "shutdown", &format!("{name} is asked to shut down"));
    }
    // Listening begins before asking, so that an end that comes at once is not missed.
    let mut events = client.events().await?;
    client.shutdown_vm(name).await?;
    let off = async {
        loop {
            if show::is_off(client, name).await? {
                return Ok(());
            }
            match events.next().await {
                Some(event) => drop(event?),
                None => return Err(node::ended()),
            }
        }
    };
    let limit = std::time::Duration::from_secs(args.timeout);
    match tokio::time::timeout(limit, off).await {
        Ok(result) => result?,
        Err(_) => {
            return Err(Failure::say(
                crate::exit::Exit::Failed,
                format!(
                    "{name} is not off after {} s: the guest may ignore the request",
                    args.timeout
                ),
            )
            .hint(format!("to take the power away, run: corbel vm force-off {name}")));
        }
    }
    done(context, name, "shutdown", &format!("{name} is off"))
}
