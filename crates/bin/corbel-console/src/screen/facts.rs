//! The upper half: label and value, a row each, the most needed first.

use corbel_model::ByteSize;
use corbel_node_api::{
    Address, BootFirmware, BootSource, HealthStatus, HypervisorState, NodeInfo, OperationState, SlotState, SshState,
    VirtualizationState,
};

use super::Tone;
use super::graph::graphs;
use super::wizard::share;
use crate::state::{Daemon, State};
use crate::text::{ascii, bar, duration, fit, wrap};

/// Label column with its margins. A fingerprint has 71 characters: with it they fill 80 columns to the last.
const LABEL: usize = 9;
const BAR: usize = 22;

/// One row of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Empty on the further rows of a value, and on the further values of a kind.
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) tone: Tone,
}

impl Row {
    pub(super) fn text(&self) -> String {
        format!(" {:<width$}{}", self.label, self.value, width = LABEL - 1)
    }
}

struct Rows {
    width: usize,
    rows: Vec<Row>,
}

impl Rows {
    fn add(&mut self, label: &'static str, value: &str, tone: Tone) {
        for (at, value) in wrap(&ascii(value), self.width.saturating_sub(LABEL))
            .into_iter()
            .enumerate()
        {
            self.rows.push(Row {
                label: if at == 0 { label } else { "" },
                value,
                tone,
            });
        }
    }

    /// One row, whose blanks stay as they are.
    fn picture(&mut self, label: &'static str, text: &str) {
        self.rows.push(Row {
            label,
            value: fit(text.trim_end(), self.width.saturating_sub(LABEL)),
            tone: Tone::Plain,
        });
    }
}

pub(super) fn rows(state: &State, width: usize, height: usize) -> Vec<Row> {
    let mut rows = Rows {
        width,
        rows: Vec::new(),
    };
    match &state.daemon {
        Daemon::Here => {}
        Daemon::Starting => rows.add("API", "starting", Tone::Plain),
        Daemon::Away(reason) => {
            let before = if state.node.is_some() {
                " What follows is from before."
            } else {
                ""
            };
            rows.add(
                "API",
                &format!("does not answer: {reason}. Trying again.{before}"),
                Tone::Bad,
            );
        }
    }
    if let Some(pending) = state.menu.config.pending() {
        let text = format!(
            "was changed, and goes back in {} s: Enter opens the menu to keep it",
            pending.seconds_left
        );
        rows.add("Network", &text, Tone::Bad);
    }
    if let Some(node) = &state.node {
        addresses(&mut rows, node, height);
        // An address to log in to stands in the line, where there is one.
        let text = match ordered(node).first() {
            Some(first) if node.ssh.state == SshState::On => format!("ssh admin@{}", first.address),
            _ => {
                let message = &node.ssh.message;
                message.strip_prefix("SSH is ").unwrap_or(message).to_owned()
            }
        };
        rows.add("SSH", &text, Tone::Plain);
        if let Some(fingerprint) = &node.certificate_fingerprint {
            rows.add("Cert", fingerprint, Tone::Plain);
        }
        status(&mut rows, state, node, height);
        warnings(&mut rows, node, height, state.vms.len());
    }
    rows.rows
}

/// IPv4 first: it is what people type.
pub(super) fn ordered(node: &NodeInfo) -> Vec<&Address> {
    let mut addresses: Vec<_> = node.addresses.iter().collect();
    addresses.sort_by_key(|address| address.address.contains(':'));
    addresses
}

/// Where the API is at that address.
pub(super) fn url(address: &str) -> String {
    let port = corbel_node_api::TLS_PORT;
    if address.contains(':') {
        format!("https://[{address}]:{port}")
    } else {
        format!("https://{address}:{port}")
    }
}

fn addresses(rows: &mut Rows, node: &NodeInfo, height: usize) {
    let all = ordered(node);
    if all.is_empty() {
        rows.add("Address", "no address yet: no cable, or no answer from DHCP", Tone::Bad);
    }
    let room = if height > 30 { 8 } else { 3 };
    let shown = if all.len() > room { room - 1 } else { all.len() };
    for (at, Address { interface, address }) in all[..shown].iter().enumerate() {
        rows.add(
            if at == 0 { "Address" } else { "" },
            &format!("{} ({interface})", url(address)),
            Tone::Plain,
        );
    }
    if shown < all.len() {
        rows.add("", &format!("and {} more addresses", all.len() - shown), Tone::Plain);
    }
}

fn status(rows: &mut Rows, state: &State, node: &NodeInfo, height: usize) {
    let tone = match node.virtualization.state {
        VirtualizationState::Usable => Tone::Plain,
        VirtualizationState::Disabled | VirtualizationState::Absent | VirtualizationState::Unknown => Tone::Bad,
    };
    rows.add("KVM", &node.virtualization.message, tone);
    let version = node.hypervisor.version.as_deref().unwrap_or("version not known");
    match node.hypervisor.state {
        HypervisorState::Ready => rows.add("Guests", &format!("ready: {version}"), Tone::Plain),
        HypervisorState::Degraded | HypervisorState::Unknown => {
            let reason = node.hypervisor.reason.as_deref().unwrap_or("no reason is known");
            rows.add("Guests", &format!("degraded: {reason}"), Tone::Bad);
        }
    }
    if let Some(health) = &state.health
        && health.status == HealthStatus::Degraded
        && health.reason != node.hypervisor.reason
    {
        rows.add(
            "Health",
            &format!("degraded: {}", health.reason.as_deref().unwrap_or("no reason is known")),
            Tone::Bad,
        );
    }
    rows.add("Boot", &boot(node), Tone::Plain);
    system(rows, state, node);
    records(rows, state);
    work(rows, state);
    if let Some(graphs) = graphs(&state.trend, node, rows.width, height) {
        for graph in graphs {
            for (at, line) in graph.lines.iter().enumerate() {
                let (label, words) = if at == 0 {
                    (graph.label, graph.words.as_str())
                } else {
                    ("", "")
                };
                rows.picture(label, &format!("{line} {words}"));
            }
        }
        return;
    }
    let [one, five, fifteen] = node.load;
    let cpus = node.cpus.max(1);
    let load = bar(one / f64::from(cpus), BAR);
    let unit = if cpus == 1 { "CPU" } else { "CPUs" };
    rows.add(
        "Load",
        &format!("{load} {one:.2} {five:.2} {fifteen:.2} on {cpus} {unit}"),
        Tone::Plain,
    );
    let used = node.memory_total.saturating_sub(node.memory_available);
    // Bytes of any machine are far below 2^53, so the share is exact enough for twenty marks.
    let memory = bar(used as f64 / (node.memory_total.max(1)) as f64, BAR);
    rows.add(
        "Memory",
        &format!("{memory} {} of {} used", ByteSize(used), ByteSize(node.memory_total)),
        Tone::Plain,
    );
}

/// Which system runs, which is being tried, and which failed.
fn system(rows: &mut Rows, state: &State, node: &NodeInfo) {
    if let Some(slot) = node.boot.slot {
        let mut text = format!("{} in slot {slot}", node.version);
        for other in state.slots.slots.iter().filter(|other| !other.running) {
            let version = other.version.as_deref().unwrap_or("a version that cannot be read");
            match other.state {
                SlotState::Spare | SlotState::Good => text += &format!("; {version} in slot {}", other.name),
                SlotState::Trial => text += &format!("; {version} in slot {} starts next", other.name),
                SlotState::Failed => text += &format!("; {version} in slot {} failed", other.name),
                SlotState::Empty | SlotState::Unknown => text += &format!("; slot {} is empty", other.name),
            }
        }
        rows.add("System", &text, Tone::Plain);
    }
    let tried = state
        .slots
        .slots
        .iter()
        .find(|slot| slot.running && slot.state == SlotState::Trial);
    if let Some(slot) = tried {
        let left = slot
            .tries_left
            .map_or(String::new(), |left| format!(", {left} tries left"));
        let version = slot.version.as_deref().unwrap_or("this version");
        rows.add(
            "Trial",
            &format!("{version} is being tried{left}; unless it becomes healthy the other slot starts again"),
            Tone::Bad,
        );
    }
    if let Some(failed) = node.last_failed.as_ref().or(state.slots.last_failed.as_ref()) {
        rows.add(
            "Failed",
            &format!("version {}: {}", failed.version, failed.reason),
            Tone::Bad,
        );
    }
}

/// Boot records that are damaged.
fn records(rows: &mut Rows, state: &State) {
    for problem in &state.slots.problems {
        rows.add("Records", problem, Tone::Bad);
    }
}

/// Long work, while it runs and when it failed; what it warned of until the next begins.
fn work(rows: &mut Rows, state: &State) {
    let Some(operation) = &state.operation else { return };
    match operation.state {
        OperationState::Running | OperationState::Cancelling => {
            let share = share(operation);
            let step = operation.steps.last().map_or("", |step| step.title.as_str());
            // At most a hundred.
            let percent = (share * 100.0) as u8;
            let text = format!("{} {percent} % {}: {step}", bar(share, BAR), operation.title);
            rows.add("Work", &text, Tone::Plain);
        }
        OperationState::Failed => {
            let reason = operation.message.as_deref().unwrap_or("no reason is known");
            rows.add("Work", &format!("{} failed: {reason}", operation.title), Tone::Bad);
        }
        OperationState::Done | OperationState::Cancelled | OperationState::Unknown => {}
    }
    for warning in &operation.warnings {
        rows.add("Warning", warning, Tone::Bad);
    }
}

pub(super) fn boot(node: &NodeInfo) -> String {
    let source = match node.boot.source {
        BootSource::Cd => "from CD",
        BootSource::Disk => "from disk",
        BootSource::Network => "from the network",
        BootSource::Installed => "from its own disk",
        BootSource::Unknown => "not from a Corbel image",
    };
    let medium = node
        .boot
        .medium
        .as_ref()
        .map(|medium| format!(" {medium}"))
        .unwrap_or_default();
    let firmware = match node.boot.firmware {
        BootFirmware::Bios => ", BIOS",
        BootFirmware::Uefi => ", UEFI",
        BootFirmware::Unknown => "",
    };
    format!("{source}{medium}{firmware}, up {}", duration(node.uptime_seconds))
}

fn warnings(rows: &mut Rows, node: &NodeInfo, height: usize, machines: usize) {
    let before = rows.rows.len();
    // What the machines leave, of which they have a third of the screen at least; never less than two rows.
    let list = machines.clamp(1, height / 3 + 1) + 5;
    let room = height.saturating_sub(before + list).max(2);
    for (at, warning) in node.warnings.iter().enumerate() {
        let start = rows.rows.len();
        rows.add("Warning", warning, Tone::Bad);
        let more = node.warnings.len() - at;
        // One row stays for saying how many are left; the first is cut rather than left out.
        let last = at + 1 == node.warnings.len();
        if rows.rows.len() - before > room - usize::from(!last) {
            rows.rows.truncate(if at == 0 { before + room - 1 } else { start });
            let left = if at == 0 { more - 1 } else { more };
            let text = if left == 0 {
                "...: all of it by corbel node show".into()
            } else {
                format!("and {left} more: see them with corbel node show")
            };
            rows.add("Warning", &text, Tone::Bad);
            return;
        }
    }
}
