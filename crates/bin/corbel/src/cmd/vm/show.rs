//! How machines are shown.

use corbel_client::Client;
use corbel_node_api::{BootFirmware, DeviceKind, VmDetail, VmList, VmState, VmStats, VmSummary};

use crate::failure::Failure;
use crate::printer::{Printer, Tone};
use crate::table::{self, Column, Row, size, yes};

/// What a machine is doing, as people read it.
pub(crate) fn state(state: VmState) -> &'static str {
    match state {
        VmState::Running => "running",
        VmState::Paused => "paused",
        VmState::ShuttingDown => "shutting down",
        VmState::Off => "off",
        VmState::Crashed => "crashed",
        VmState::Suspended => "suspended",
        VmState::Unknown => "unknown",
    }
}

fn tone(state: VmState) -> Option<Tone> {
    match state {
        VmState::Running => Some(Tone::Good),
        VmState::Crashed => Some(Tone::Bad),
        VmState::Off => Some(Tone::Quiet),
        _ => None,
    }
}

/// Prints all machines.
pub(super) async fn list(client: &Client, printer: &Printer) -> Result<(), Failure> {
    let vms = client.vms().await?;
    if printer.json {
        return printer.document(&VmList { vms });
    }
    let columns = [
        Column::Text("NAME"),
        Column::Text("STATE"),
        Column::Number("CPUS"),
        Column::Number("MEMORY"),
        Column::Text("AUTOSTART"),
    ];
    let row = |vm: &VmSummary| -> Row {
        let cells = vec![
            vm.name.clone(),
            state(vm.state).to_owned(),
            vm.cpus.to_string(),
            size(vm.memory),
            yes(vm.autostart),
        ];
        (tone(vm.state), cells)
    };
    table::print(
        printer,
        &columns,
        &vms.iter().map(row).collect::<Vec<_>>(),
        "There are no machines.",
    )
}

/// Prints one machine.
pub(super) async fn show(client: &Client, printer: &Printer, name: &str) -> Result<(), Failure> {
    let vm = client.vm(name).await?;
    if printer.json {
        printer.document(&vm)
    } else {
        table::facts(printer, &detail(&vm))
    }
}

fn detail(vm: &VmDetail) -> Vec<(&'static str, String)> {
    let firmware = match vm.firmware {
        BootFirmware::Bios => "BIOS",
        BootFirmware::Uefi => "UEFI",
        BootFirmware::Unknown => "unknown",
    };
    let accelerator = match vm.accelerator.as_str() {
        "kvm" => "kvm".to_owned(),
        "qemu" => "qemu (emulation: many times slower than kvm)".to_owned(),
        other => other.to_owned(),
    };
    let disk = |disk: &corbel_node_api::VmDisk| {
        let kind = if disk.kind == DeviceKind::Cdrom { " (CD)" } else { "" };
        let access = if disk.read_only && disk.kind != DeviceKind::Cdrom {
            " (read-only)"
        } else {
            ""
        };
        format!(
            "{}  {}{kind}{access}",
            disk.target,
            disk.source.as_deref().unwrap_or("empty")
        )
    };
    let nic =
        |nic: &corbel_node_api::VmNic| format!("{}  {} {}", nic.mac, nic.kind, nic.source.as_deref().unwrap_or("-"));
    vec![
        ("Name", vm.name.clone()),
        ("UUID", vm.uuid.clone()),
        ("State", state(vm.state).to_owned()),
        ("CPUs", vm.cpus.to_string()),
        ("Memory", size(vm.memory)),
        ("Firmware", firmware.to_owned()),
        ("Accelerator", accelerator),
        ("Persistent", yes(vm.persistent)),
        ("Autostart", yes(vm.autostart)),
        ("Process", vm.pid.map_or("-".to_owned(), |pid| pid.to_string())),
        ("Disks", lines(vm.disks.iter().map(disk))),
        ("Networks", lines(vm.nics.iter().map(nic))),
    ]
}

/// One a line; a dash for none. What others named is kept on its line.
fn lines(items: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = items.map(|item| table::tame(&item)).collect();
    if lines.is_empty() {
        "-".to_owned()
    } else {
        lines.join("\n")
    }
}

/// Prints the counters of one machine.
pub(super) async fn stats(client: &Client, printer: &Printer, name: &str) -> Result<(), Failure> {
    let stats = client.vm_stats(name).await?;
    if printer.json {
        printer.document(&stats)
    } else {
        table::facts(printer, &counters(&stats))
    }
}

fn counters(stats: &VmStats) -> Vec<(&'static str, String)> {
    let milliseconds = stats.cpu_time_ns / 1_000_000;
    vec![
        (
            "CPU time",
            format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000),
        ),
        ("Memory", size(stats.memory)),
        ("Memory on the node", stats.memory_rss.map_or("-".to_owned(), size)),
        ("Read from disks", size(stats.disk_read)),
        ("Written to disks", size(stats.disk_written)),
        ("Received", size(stats.net_received)),
        ("Sent", size(stats.net_sent)),
    ]
}

/// Whether a machine stands still. One that vanished when it stopped is off, too.
pub(super) async fn is_off(client: &Client, name: &str) -> Result<bool, Failure> {
    match client.vm(name).await {
        Ok(vm) => Ok(matches!(vm.state, VmState::Off | VmState::Crashed)),
        Err(error)
            if error
                .api()
                .is_some_and(|api| api.kind == corbel_node_api::ErrorKind::NotFound) =>
        {
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}
