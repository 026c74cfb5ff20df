//! `corbel node`: the node itself, and which nodes are trusted.

mod diagnostics;
mod dump;
mod power;
mod reach;
mod security;
mod support;
mod trust;

use clap::Subcommand;
use corbel_client::Client;
use corbel_node_api::{
    BootFirmware, BootSource, ConfigChange, Event, Health, HealthStatus, HypervisorState, Keyboard, NodeInfo, Plugin,
    VirtualizationState, VmChange,
};
use futures_util::StreamExt;

use crate::cmd::vm::state;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::printer::Printer;
use crate::settings::Context;
use crate::table::{self, Column, size, span, tame};

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Shows the node at a glance
    Show,
    /// Says whether the node can do its work; exit status 7 when it cannot
    Health,
    /// Trusts a node's certificate from now on, after comparing its fingerprint with the node's console
    Trust(trust::TrustArgs),
    /// Follows everything that happens on the node, until Ctrl-C
    Events,
    /// Shows the slots of an installed node, which version is in which, and the version that failed last
    Status,
    /// Gives the node's own screen a keyboard layout at once, until its next start
    Keyboard {
        /// The name of a keymap, such as de-latin1
        layout: String,
    },
    /// Prints the figures of the node and its machines as OpenMetrics, as a monitoring system reads them at /metrics
    Metrics,
    /// Lists network interfaces: cable, speed, what was lost
    Links {
        #[command(subcommand)]
        command: Option<reach::LinksCommand>,
    },
    /// Sends echoes from the node to another machine, one a second
    Ping(reach::PingArgs),
    /// Lists disks that are reached by several paths, and how the paths are
    Multipath,
    /// Shows the node's name as an iSCSI initiator, and its sessions
    Iscsi,
    /// Lists the groups of the IOMMU: which devices can be given to a machine together
    Iommu,
    /// Lists what extends the node; with this version nothing does
    Plugins,
    /// Lists the node's services, those that failed first
    Services,
    /// Prints the newest entries of this boot's journal
    Logs {
        /// Only entries with this text in program or message, in upper or lower case
        #[arg(long, value_name = "TEXT", default_value = "")]
        search: String,
    },
    /// Dumps of a kernel that crashed
    #[command(subcommand)]
    Dump(dump::DumpCommand),
    /// Shows how well the node is protected, what that means, and what would raise it
    Security,
    /// Gathers what helps in trouble into one file, without secrets
    SupportBundle(support::SupportArgs),
    /// Reboots the node; machines are shut down or saved first, as each one's definition says
    Reboot(power::RebootArgs),
    /// Powers the node off; machines are shut down or saved first, as each one's definition says
    Poweroff(power::DownArgs),
}

/// Runs one of the commands.
pub(crate) async fn run(command: NodeCommand, context: &Context<'_>, interrupts: Interrupts) -> Result<(), Failure> {
    let printer = context.printer;
    match command {
        NodeCommand::Show => {
            let node = context.client()?.node().await?;
            if printer.json {
                printer.document(&node)
            } else {
                table::facts(printer, &glance(&node))
            }
        }
        NodeCommand::Health => {
            let health = context.client()?.health().await?;
            if printer.json {
                printer.document(&health)?
            } else {
                printer.line(&sentence(&health))?
            }
            match health.status {
                HealthStatus::Ok => Ok(()),
                _ => Err(Failure::silent(Exit::Unavailable)),
            }
        }
        NodeCommand::Trust(args) => trust::run(&args, context).await,
        NodeCommand::Keyboard { layout } => {
            context.client()?.use_keyboard(&layout).await?;
            let sentence = format!("keys of the node's own screen are those of {layout} until its next start");
            printer.done(&sentence, &Keyboard { layout })
        }
        NodeCommand::Metrics => {
            let figures = context.client()?.figures().await?;
            if printer.json {
                printer.document(&serde_json::json!({ "metrics": figures }))
            } else {
                printer.bytes(figures.as_bytes())
            }
        }
        NodeCommand::Links { command: None } => diagnostics::links(context).await,
        NodeCommand::Links {
            command: Some(reach::LinksCommand::Identify(args)),
        } => reach::identify(args, context).await,
        NodeCommand::Ping(args) => reach::ping(args, context).await,
        NodeCommand::Multipath => reach::multipath(context).await,
        NodeCommand::Iscsi => reach::iscsi(context).await,
        NodeCommand::Iommu => reach::iommu(context).await,
        NodeCommand::Plugins => plugins(context).await,
        NodeCommand::Services => diagnostics::services(context).await,
        NodeCommand::Logs { search } => diagnostics::logs(&search, context).await,
        NodeCommand::Dump(command) => dump::run(&command, context).await,
        NodeCommand::Security => security::run(context).await,
        NodeCommand::SupportBundle(args) => support::run(&args, context, &interrupts).await,
        NodeCommand::Status => power::status(context).await,
        NodeCommand::Reboot(args) => power::reboot(args, context, &interrupts).await,
        NodeCommand::Poweroff(args) => power::poweroff(args, context, &interrupts).await,
        NodeCommand::Events => follow(&context.client()?, printer, |_| true).await,
    }
}

async fn plugins(context: &Context<'_>) -> Result<(), Failure> {
    let printer = context.printer;
    let list = context.client()?.plugins().await?;
    if printer.json {
        return printer.document(&list);
    }
    let columns = ["NAME", "RELEASE", "VENDOR", "WHAT IT IS"].map(Column::Text);
    let row = |plugin: &Plugin| -> table::Row {
        let Plugin {
            name,
            release,
            vendor,
            about,
        } = plugin.clone();
        (None, vec![name, release, vendor, about])
    };
    let rows: Vec<_> = list.plugins.iter().map(row).collect();
    table::print(printer, &columns, &rows, "There are no plugins.")
}

fn sentence(health: &Health) -> String {
    let status = match health.status {
        HealthStatus::Ok => "ok",
        HealthStatus::Degraded => "degraded",
        HealthStatus::Unknown => "unknown",
    };
    match &health.reason {
        Some(reason) => format!("{status}: {}", table::tame(reason)),
        None => status.to_owned(),
    }
}

fn glance(node: &NodeInfo) -> Vec<(&'static str, String)> {
    let virtualization = match node.virtualization.state {
        VirtualizationState::Usable => "usable",
        VirtualizationState::Disabled => "disabled",
        VirtualizationState::Absent => "absent",
        VirtualizationState::Unknown => "unknown",
    };
    let hypervisor = {
        let version = node.hypervisor.version.as_deref().unwrap_or("version unknown");
        match (node.hypervisor.state, &node.hypervisor.reason) {
            (HypervisorState::Ready, _) => format!("ready, {version}"),
            (_, Some(reason)) => format!("degraded: {reason}"),
            (_, None) => "degraded".to_owned(),
        }
    };
    let source = match node.boot.source {
        BootSource::Cd => "CD",
        BootSource::Disk => "disk",
        BootSource::Network => "network",
        BootSource::Installed => "its own disk",
        BootSource::Unknown => "unknown",
    };
    let firmware = match node.boot.firmware {
        BootFirmware::Bios => "BIOS",
        BootFirmware::Uefi => "UEFI",
        BootFirmware::Unknown => "unknown firmware",
    };
    let medium = node
        .boot
        .medium
        .as_deref()
        .map(|medium| format!(" {medium}"))
        .unwrap_or_default();
    let slot = node.boot.slot.map(|slot| format!(", slot {slot}")).unwrap_or_default();
    let addresses: Vec<_> = node
        .addresses
        .iter()
        .map(|a| format!("{} ({})", a.address, a.interface))
        .collect();
    let dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
    let mut facts = vec![
        ("Name", node.name.clone()),
        ("Version", node.version.clone()),
        ("Up", span(node.uptime_seconds)),
        (
            "Virtualization",
            format!("{virtualization}: {}", node.virtualization.message),
        ),
        ("Hypervisor", hypervisor),
        (
            "Machines",
            format!("{} running of {}", node.vms.running, node.vms.defined),
        ),
        ("CPUs", node.cpus.to_string()),
        (
            "Memory",
            format!(
                "{} available of {}",
                size(node.memory_available),
                size(node.memory_total)
            ),
        ),
        ("Load", node.load.map(|load| format!("{load:.2}")).join("  ")),
        (
            "Addresses",
            if addresses.is_empty() {
                "-".to_owned()
            } else {
                addresses.join("\n")
            },
        ),
        (
            "SSH",
            dash(node.ssh.message.strip_prefix("SSH is ").or(Some(&node.ssh.message))),
        ),
        (
            "Password",
            match node.admin_password_set {
                Some(true) => "set for admin",
                Some(false) => "none for admin: nobody can log in at the console",
                None => "not known",
            }
            .to_owned(),
        ),
        ("Certificate", dash(node.certificate_fingerprint.as_deref())),
        ("Booted from", format!("{source}{medium}{slot}, {firmware}")),
        ("Root hash", dash(node.boot.root_hash.as_deref())),
    ];
    if !node.warnings.is_empty() {
        facts.push(("Warnings", node.warnings.join("\n")));
    }
    facts
}

/// Prints events until Ctrl-C; that the node ends the stream is a failure, since nobody asked it to.
pub(crate) async fn follow(client: &Client, printer: &Printer, wanted: impl Fn(&Event) -> bool) -> Result<(), Failure> {
    let mut events = client.events().await?;
    while let Some(event) = events.next().await {
        let event = event?;
        if !wanted(&event) {
            continue;
        }
        if printer.json {
            printer.json_line(&event)?;
        } else {
            let now = jiff::Timestamp::now().strftime("%H:%M:%SZ");
            printer.line(&format!("{now}  {}", table::tame(&told(&event))))?;
        }
    }
    Err(ended())
}

/// The node ended a stream that has no end of its own, as it does when its daemon stops.
pub(crate) fn ended() -> Failure {
    Failure::say(Exit::Unreachable, "the node ended the stream of events")
}

fn told(event: &Event) -> String {
    match event {
        Event::Hello {
            name,
            version,
            health,
            vms,
        } => {
            format!(
                "{name} runs Corbel {version}, is {}, and has {} machines",
                sentence(health),
                vms.len()
            )
        }
        Event::Vm { name, change, vm } => {
            let now = vm
                .as_ref()
                .map(|vm| format!(", now {}", state(vm.state)))
                .unwrap_or_default();
            format!("{name} {}{now}", changed(*change))
        }
        Event::Health { health } => format!("the node is {}", sentence(health)),
        Event::Config { change, generation, by } => {
            let by = match by.as_str() {
                "" => String::new(),
                by => format!(" by {}", tame(by)),
            };
            match change {
                ConfigChange::Waits => format!("a change of the configuration{by} waits to be confirmed"),
                ConfigChange::Saved => format!("the configuration was saved{by} as generation {generation}"),
                ConfigChange::Undone => {
                    format!("a change of the configuration was taken back{by}: generation {generation} counts")
                }
                ConfigChange::Unknown => format!("the configuration changed{by}"),
            }
        }
        Event::Missed { count: 0 } => "the hypervisor is connected again: machines may have changed unseen".to_owned(),
        Event::Missed { count } => format!("{count} events were missed, this side was too slow"),
        Event::Unknown => "something that this version does not know".to_owned(),
    }
}

fn changed(change: VmChange) -> &'static str {
    match change {
        VmChange::Defined => "was defined",
        VmChange::Undefined => "was deleted",
        VmChange::Started => "was started",
        VmChange::Paused => "was paused",
        VmChange::Resumed => "was resumed",
        VmChange::ShuttingDown => "is shutting down",
        VmChange::Stopped => "stopped",
        VmChange::Crashed => "crashed",
        VmChange::Suspended => "was suspended",
        VmChange::Rebooted => "rebooted",
        VmChange::Unknown => "changed",
    }
}
