//! The pages on which something is chosen or typed that is no disk.

use corbel_model::ByteSize;
use corbel_node_api::{BootFirmware, Disk, VirtualizationState};

use super::{Body, Tone};
use crate::screen::facts::{boot, ordered, url};
use crate::state::State;
use crate::text::{ascii, fit};
use crate::wizard::{Check, Choice, Field, Focus, Offer, SHORTEST, Task, Wizard, weakness};

pub(super) fn welcome(body: &mut Body, state: &State, wizard: &Wizard) {
    let offer = wizard.offer();
    body.text(&sentence(&offer), 1, Tone::Plain);
    if let Some(notice) = wizard.notice() {
        body.text(notice, 1, Tone::Plain);
    }
    if let Some(node) = &state.node {
        body.blank();
        let tone = match node.virtualization.state {
            VirtualizationState::Usable => Tone::Plain,
            _ => Tone::Bad,
        };
        let firmware = match node.boot.firmware {
            BootFirmware::Bios => "Started by BIOS. ",
            BootFirmware::Uefi => "Started by UEFI. ",
            BootFirmware::Unknown => "",
        };
        body.text(&format!("{firmware}{}", node.virtualization.message), 1, tone);
        // A word that could not be read may be why nobody installs unattended. Two rows, as the choices must stay in sight.
        if let Some(warning) = node.warnings.first() {
            let more = match node.warnings.len() - 1 {
                0 => String::new(),
                more => format!(" ({more} more on the status page)"),
            };
            let room = (2 * body.width).saturating_sub(more.len() + 24);
            body.text(&format!("Warning: {}{more}", fit(&ascii(warning), room)), 1, Tone::Bad);
        }
    }
    body.blank();
    for choice in wizard.choices() {
        body.item(
            &label(&offer, choice),
            Tone::Plain,
            wizard.focus == Focus::Choice(choice),
        );
        if matches!(choice, Choice::Do(_)) && wizard.choices().first() == Some(&choice) {
            body.blank();
        }
    }
    // Whoever installs from afar needs both.
    if let Some(node) = &state.node {
        body.blank();
        if let Some(address) = ordered(node).first() {
            body.line(
                &format!(" Address {} ({})", url(&address.address), address.interface),
                Tone::Plain,
            );
        }
        if let Some(fingerprint) = &node.certificate_fingerprint {
            body.line(&format!(" Cert    {fingerprint}"), Tone::Plain);
        }
    }
}

/// What was found, and what that means.
fn sentence(offer: &Offer) -> String {
    match offer {
        Offer::Reading => "Looking at the disks ...".to_owned(),
        Offer::Install { to } => {
            format!("This medium holds Corbel {to}, which runs now. No disk of this machine carries a Corbel.")
        }
        Offer::Upgrade { disk, from, to } => {
            format!("This medium holds Corbel {to}. {disk} carries Corbel {from}, which is older.")
        }
        Offer::Downgrade { disk, from, to } => {
            format!("This medium holds Corbel {to}. {disk} carries Corbel {from}, which is newer.")
        }
        Offer::Same { disk, version } => format!("This medium holds Corbel {version}, and so does {disk}."),
        Offer::OtherMajor { disk, from, to } => format!(
            "This medium holds Corbel {to}, and {disk} carries Corbel {from}. Their first numbers differ, and over that there is no \
             upgrade: uninstall the old one first. Its VM storage can stay."
        ),
        Offer::Damaged { disk, to } => format!(
            "This medium holds Corbel {to}. {disk} carries a Corbel that cannot tell its version, as after an installation that was \
             broken off."
        ),
        Offer::Several { disks } => format!(
            "More than one disk carries a Corbel: {}. Say which one is meant.",
            disks.join(", ")
        ),
        Offer::Running { version } => format!(
            "Corbel {version} is installed and runs from its disk. It is upgraded by \"corbel upgrade FILE\" or through the API."
        ),
    }
}

fn label(offer: &Offer, choice: Choice) -> String {
    let (disk, from, to) = match offer {
        Offer::Upgrade { disk, from, to }
        | Offer::Downgrade { disk, from, to }
        | Offer::OtherMajor { disk, from, to } => (disk.as_str(), from.as_str(), to.as_str()),
        Offer::Same { disk, version } => (disk.as_str(), version.as_str(), version.as_str()),
        Offer::Damaged { disk, to } => (disk.as_str(), "Corbel", to.as_str()),
        Offer::Install { to } => ("", "", to.as_str()),
        Offer::Running { version } => ("this disk", version.as_str(), version.as_str()),
        Offer::Reading | Offer::Several { .. } => ("", "", ""),
    };
    match choice {
        Choice::Do(Task::Install) => format!("Install Corbel {to}"),
        Choice::Do(Task::Upgrade { downgrade: false }) => format!("Upgrade {from} to {to}"),
        Choice::Do(Task::Upgrade { downgrade: true }) => format!("Downgrade {from} to {to}"),
        Choice::Do(Task::Reinstall) => format!("Reinstall {to} (the configuration on {disk} is lost)"),
        Choice::Do(Task::Uninstall) => format!("Uninstall {from} ({disk} is given back)"),
        Choice::System => "Choose which installed system is meant".to_owned(),
        Choice::Hardware => "Show the hardware".to_owned(),
        Choice::Again => "Read the disks again".to_owned(),
        Choice::Leave => "Run without installing".to_owned(),
    }
}

pub(super) fn hardware(body: &mut Body, state: &State, wizard: &Wizard) {
    let Some(node) = &state.node else {
        body.text("The node has not answered yet.", 1, Tone::Plain);
        return;
    };
    body.fact("Processors", &node.cpus.to_string(), Tone::Plain);
    body.fact("Memory", &ByteSize(node.memory_total).to_string(), Tone::Plain);
    body.fact("Virtualization", &node.virtualization.message, Tone::Plain);
    body.fact("Boot", &boot(node), Tone::Plain);
    body.blank();
    body.line(" NETWORK INTERFACES WITH AN ADDRESS", Tone::Label);
    if node.addresses.is_empty() {
        body.line(" none: no cable, or no answer from DHCP", Tone::Bad);
    }
    for address in &node.addresses {
        body.fact(&address.interface, &address.address, Tone::Plain);
    }
    body.blank();
    body.line(" DISKS", Tone::Label);
    for disk in wizard.disks.as_deref().unwrap_or_default() {
        let Disk {
            path, model, serial, ..
        } = disk;
        let name = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let text = format!(
            "{}, {}, serial {}, {}. {}",
            ByteSize(disk.size),
            name(model),
            name(serial),
            disk.bus.as_deref().unwrap_or("bus not known"),
            disk.contents
        );
        body.fact(path, &text, Tone::Plain);
    }
}

fn check(body: &mut Body, wizard: &Wizard, check: Check, on: bool, text: &str) {
    let mark = if on { "[x]" } else { "[ ]" };
    body.item(
        &format!("{mark} {text}"),
        Tone::Plain,
        wizard.focus == Focus::Check(check),
    );
}

fn field(body: &mut Body, wizard: &Wizard, field: Field, label: &str, remark: &str) {
    let text = wizard.texts.get(field);
    let focused = wizard.focus == Focus::Field(field);
    let (width, text) = if field.is_secret() {
        (24, "*".repeat(text.chars().count()))
    } else {
        (12, text.to_owned())
    };
    // The end is what is being typed.
    let hidden = text.chars().count().saturating_sub(width);
    let mut text: String = text.chars().skip(hidden).collect();
    if focused {
        text.push('_');
    }
    let width = width + 1;
    body.item(&format!("{label:<24} [{text:<width$}]  {remark}"), Tone::Plain, focused);
}

pub(super) fn sizes(body: &mut Body, wizard: &Wizard) {
    let disk = wizard.boot.as_deref().unwrap_or("the boot device");
    body.text(
        &format!("How {disk} is divided. A size is a number and a unit, such as 1 GiB."),
        1,
        Tone::Plain,
    );
    body.blank();
    field(body, wizard, Field::Esp, "Boot loaders, kernels", "");
    field(
        body,
        wizard,
        Field::Root,
        "System, each of 2 slots",
        "room for what upgrades bring",
    );
    field(body, wizard, Field::Config, "Configuration", "");
    field(body, wizard, Field::Log, "Logs", "");
    field(body, wizard, Field::Swap, "Swap", "\"none\" for none");
    check(
        body,
        wizard,
        Check::Fill,
        wizard.fill,
        "VM storage gets the rest of the disk",
    );
    if !wizard.fill {
        field(
            body,
            wizard,
            Field::Data,
            "VM storage",
            "\"none\" when it lies on other disks",
        );
    }
    if wizard.has_storage() {
        check(
            body,
            wizard,
            Check::KeepData,
            wizard.keep_data,
            "Keep the VM storage that is there",
        );
    }
    body.blank();
    match wizard.room() {
        Ok(room) => {
            body.fact("Disk", &ByteSize(room.disk).to_string(), Tone::Plain);
            body.fact("System", &ByteSize(room.system).to_string(), Tone::Plain);
            if wizard.has_storage() && wizard.keep_data {
                body.fact("VM storage", "stays as it is", Tone::Plain);
            } else {
                body.fact("VM storage", &ByteSize(room.data).to_string(), Tone::Plain);
            }
            match u64::try_from(room.left) {
                Ok(left) => body.fact("Remaining", &ByteSize(left).to_string(), Tone::Plain),
                Err(_) => {
                    let missing = ByteSize(u64::try_from(-room.left).unwrap_or(u64::MAX));
                    body.fact("Remaining", &format!("{missing} too little"), Tone::Bad);
                }
            }
        }
        Err((_, problem)) => body.fact("Remaining", &problem, Tone::Bad),
    }
}

pub(super) fn removal(body: &mut Body, wizard: &Wizard) {
    let disk = wizard.system().map_or("the disk", |disk| disk.path.as_str());
    body.text(
        &format!("Corbel and its configuration are removed from {disk}: boot entries, partitions and labels."),
        1,
        Tone::Plain,
    );
    body.blank();
    check(body, wizard, Check::KeepData, wizard.keep_data, "Keep the VM storage");
    body.blank();
    let text = if wizard.keep_data {
        "VM disks and definitions stay on their partition; a later installation finds them."
    } else {
        "All VM disks are lost."
    };
    let tone = if wizard.keep_data { Tone::Plain } else { Tone::Bad };
    body.text(text, 1, tone);
}

pub(super) fn password(body: &mut Body, wizard: &Wizard) {
    if wizard.task_upgrades() {
        let disk = wizard.system().map_or("the disk", |disk| disk.path.as_str());
        let text = format!("The Corbel on {disk} has a password of admin. Who knows it may replace the system.");
        body.text(&text, 1, Tone::Plain);
        body.blank();
        field(body, wizard, Field::Current, "Current password", "");
        return;
    }
    let text = format!(
        "The user admin logs in with it on this console, and by SSH and the API over the network. At least {SHORTEST} characters."
    );
    body.text(&text, 1, Tone::Plain);
    if wizard.password_given {
        body.text(
            "This boot was given a password already: leave both empty to keep it.",
            1,
            Tone::Plain,
        );
    }
    body.blank();
    field(body, wizard, Field::Password, "Password", "");
    field(body, wizard, Field::Repeat, "The same once more", "");
    body.blank();
    let (password, repeat) = (wizard.texts.get(Field::Password), wizard.texts.get(Field::Repeat));
    let count = password.chars().count();
    if let Some(weakness) = weakness(password).filter(|_| count >= SHORTEST) {
        body.text(weakness, 1, Tone::Bad);
    }
    if !repeat.is_empty() && !password.starts_with(repeat) {
        body.text("The two differ.", 1, Tone::Bad);
    }
    body.blank();
    let (here, there) = (wizard.keyboard_here(), wizard.keyboard());
    let label = wizard.keyboard_label(here);
    let text = if here == there {
        format!("On the machine's own screen, keys are those of the layout {label}.")
    } else {
        let there = wizard.keyboard_label(there);
        format!(
            "On the machine's own screen, keys are those of the layout {label} here, and {there} on the installed system: signs may lie \
             elsewhere there."
        )
    };
    body.text(&text, 1, Tone::Plain);
}
