//! What is only looked at. Rows are made for what is seen.

use corbel_model::ByteSize;
use corbel_node_api::{Disk, Link, LogEntry, Service};

use super::super::body::Body;
use super::Tone;
use crate::menu::{IOMMU_HEAD, ISCSI_HEAD, List, MULTIPATH_HEAD, Menu, PING_HEAD, PLUGINS_HEAD, SECURITY_HEAD};
use crate::text::fit;

pub(super) fn page(menu: &Menu, list: List, width: usize, room: usize) -> (String, Body) {
    let lists = &menu.lists;
    let mut body = Body::new(width);
    let rows = room.saturating_sub(1).max(1);
    let first = (lists.row + 1).saturating_sub(rows);
    let head = match list {
        List::Disks => disk_row(width, "DEVICE", "SIZE", "MODEL", "WHAT IS ON IT"),
        List::Links => link_row("NAME", "CABLE", "SPEED", "IN", "RECEIVED", "SENT"),
        List::Services => service_row(width, "STATE", "NAME", "WHAT IT IS"),
        List::Logs => "TIME (UTC) SOURCE       MESSAGE".to_owned(),
        List::Multipath => MULTIPATH_HEAD.to_owned(),
        List::Iscsi => ISCSI_HEAD.to_owned(),
        List::Iommu => IOMMU_HEAD.to_owned(),
        List::Ping => PING_HEAD.to_owned(),
        List::Plugins => PLUGINS_HEAD.to_owned(),
        List::Security => SECURITY_HEAD.to_owned(),
    };
    body.line(&format!("   {head}"), Tone::Label);
    let mut row = |at: usize, text: String, tone: Tone| {
        let focused = at == lists.row && menu.inside;
        body.item(&text, tone, focused);
    };
    let seen = first..first + rows;
    match list {
        List::Disks => lists
            .disks
            .iter()
            .enumerate()
            .skip(seen.start)
            .take(rows)
            .for_each(|(at, disk)| row(at, disk_text(disk, width), Tone::Plain)),
        List::Links => lists
            .links
            .iter()
            .enumerate()
            .skip(seen.start)
            .take(rows)
            .for_each(|(at, link)| {
                let tone = if link.carrier { Tone::Plain } else { Tone::Dim };
                row(at, link_text(link), tone);
            }),
        List::Services => lists
            .services
            .iter()
            .enumerate()
            .skip(seen.start)
            .take(rows)
            .for_each(|(at, service)| {
                let tone = if service.active == "failed" {
                    Tone::Bad
                } else {
                    Tone::Plain
                };
                row(at, service_text(service, width), tone);
            }),
        List::Logs => lists
            .logs
            .entries
            .iter()
            .enumerate()
            .skip(seen.start)
            .take(rows)
            .for_each(|(at, entry)| {
                let tone = if entry.priority <= 4 { Tone::Bad } else { Tone::Plain };
                row(at, log_text(entry), tone);
            }),
        _ => lists
            .plain
            .iter()
            .enumerate()
            .skip(seen.start)
            .take(rows)
            .for_each(|(at, line)| {
                let tone = if line.bad { Tone::Bad } else { Tone::Plain };
                row(at, line.text.clone(), tone);
            }),
    }
    // The list scrolls by itself, so the page need not.
    body.cursor = None;
    if lists.count() == 0 {
        body.text(
            match list {
                _ if lists.reading => "Asking the node ...",
                List::Ping => "Enter names the machine that gets echoes.",
                _ => "None.",
            },
            3,
            Tone::Plain,
        );
    }
    let search = if lists.search.is_empty() {
        String::new()
    } else {
        match list {
            List::Ping => format!(" {}", lists.search),
            _ => format!(" with \"{}\"", lists.search),
        }
    };
    let place = if lists.count() > rows {
        format!(", {} of {}", lists.row + 1, lists.count())
    } else {
        String::new()
    };
    let typing = lists.typing.as_ref().map(|line| {
        let what = if list == List::Ping { "to" } else { "search" };
        format!(": {what} [{}]", line.shown(width.saturating_sub(24), false))
    });
    (
        typing.map_or(format!("{}{search}{place}", list.title()), |typing| {
            format!("{}{typing}", list.title())
        }),
        body,
    )
}

fn disk_row(width: usize, path: &str, size: &str, model: &str, contents: &str) -> String {
    let model_width = if width > 120 { 32 } else { 12 };
    format!(
        "{:<14} {size:>8}  {:<model_width$} {contents}",
        fit(path, 14),
        fit(model, model_width)
    )
}

fn disk_text(disk: &Disk, width: usize) -> String {
    let model = disk.model.as_deref().unwrap_or("-");
    disk_row(
        width,
        &disk.path,
        &ByteSize(disk.size).to_string(),
        model,
        &disk.contents,
    )
}

fn link_row(name: &str, cable: &str, speed: &str, master: &str, received: &str, sent: &str) -> String {
    format!(
        "{:<15} {cable:<5} {speed:<8} {:<8} {received:>8} {sent:>8}",
        fit(name, 15),
        fit(master, 8)
    )
}

fn link_text(link: &Link) -> String {
    let speed = match link.speed_mbit {
        Some(speed) if speed >= 1000 && speed.is_multiple_of(1000) => format!("{} Gbit", speed / 1000),
        Some(speed) => format!("{speed} Mbit"),
        None => "-".to_owned(),
    };
    let cable = if link.carrier { "yes" } else { "NO" };
    let size = |bytes: u64| {
        // Exact counts are for programs; here the first digits say enough.
        let unit = (1..=3).rev().find(|power| bytes >> (10 * power) >= 10).unwrap_or(0);
        ByteSize(bytes >> (10 * unit) << (10 * unit)).to_string()
    };
    link_row(
        &link.name,
        cable,
        &speed,
        link.master.as_deref().unwrap_or("-"),
        &size(link.received),
        &size(link.sent),
    )
}

fn service_row(width: usize, state: &str, name: &str, about: &str) -> String {
    let name_width = (width / 2).clamp(12, 48);
    format!("{:<10} {:<name_width$} {about}", fit(state, 10), fit(name, name_width))
}

fn service_text(service: &Service, width: usize) -> String {
    let state = if service.active == "failed" {
        "FAILED"
    } else {
        &service.state
    };
    service_row(
        width,
        state,
        service.name.trim_end_matches(".service"),
        &service.description,
    )
}

fn log_text(entry: &LogEntry) -> String {
    format!(
        "{}   {:<12} {}",
        time(entry.seconds),
        fit(&entry.source, 12),
        entry.message
    )
}

/// The time of day; the journal of one boot is short.
fn time(seconds: u64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// All of what is cut off in the row under the cursor.
pub(super) fn help(menu: &Menu, list: List) -> String {
    let lists = &menu.lists;
    let row = menu.inside.then_some(lists.row);
    let at = |text: Option<String>| text.unwrap_or_default();
    match list {
        _ if row.is_none() => match list {
            List::Disks => "Disks of this machine, and what they carry.",
            List::Links => "Network interfaces: whether a cable is in, how fast, what went through.",
            List::Services => "Services of the node; those that failed come first.",
            List::Logs => "The newest entries of this boot's journal.",
            List::Multipath => "Disks that are reached by several paths, and how each path is.",
            List::Iscsi => "Sessions with iSCSI targets, and the name that this node has there.",
            List::Iommu => "Which devices can be given to a machine: those of a group go together.",
            List::Ping => "Echoes from this node to another machine, one a second.",
            List::Plugins => "What extends this node.",
            List::Security => "How well this node is protected, what that means, and what would raise it.",
        }
        .to_owned(),
        List::Disks => at(lists.disks.get(lists.row).map(|disk| {
            let serial = disk.serial.as_deref().unwrap_or("not known");
            format!("{}: {} Serial {serial}.", disk.path, disk.contents)
        })),
        List::Multipath | List::Iscsi | List::Iommu | List::Ping | List::Plugins | List::Security => {
            at(lists.plain.get(lists.row).map(|line| line.help.clone()))
        }
        List::Links => at(lists.links.get(lists.row).map(|link| {
            let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known".to_owned());
            let told =
                |what: &str, text: &Option<String>| text.as_ref().map_or(String::new(), |text| format!("{what}{text}"));
            let mtu = link.mtu.map_or("not known".to_owned(), |mtu| mtu.to_string());
            format!(
                "{}: MAC {}, MTU {mtu}, driver {}, {} errors{}{}.",
                link.name,
                text(&link.mac),
                text(&link.driver),
                link.errors,
                told(", duplex ", &link.duplex),
                told(", neighbour ", &link.neighbour)
            )
        })),
        List::Services => at(lists.services.get(lists.row).map(|service| {
            format!(
                "{}: {} ({}). {}",
                service.name, service.active, service.state, service.description
            )
        })),
        List::Logs => at(lists
            .entry()
            .map(|entry| format!("{}: {}", entry.source, entry.message))),
    }
}
