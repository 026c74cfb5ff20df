//! The text of one file.

use std::fmt::Write as _;

use corbel_model::network::{Bond, Mac, Match};

use super::Link;
use crate::settle::addressing::addressing_text;

pub(super) const HEAD: &str = "# Written by corbel settle at this boot; changes are lost at the next.\n";

pub(super) fn mac_line(mac: Option<Mac>) -> String {
    mac.map(|mac| format!("MACAddress={mac}\n")).unwrap_or_default()
}

pub(super) fn bond_text(bond: &Bond, mac: Option<Mac>) -> String {
    let options = &bond.options;
    let mut text = format!("[NetDev]\nName={}\nKind=bond\n{}\n[Bond]\n", bond.name, mac_line(mac));
    let mut line = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key}={value}");
        }
    };
    let milliseconds = |n: u32| format!("{n}ms");
    line("Mode", Some(options.mode.as_str().to_owned()));
    line("MIIMonitorSec", Some(milliseconds(options.miimon)));
    line("UpDelaySec", options.updelay.map(milliseconds));
    line("DownDelaySec", options.downdelay.map(milliseconds));
    line(
        "LACPTransmitRate",
        options
            .lacp_fast
            .map(|fast| if fast { "fast" } else { "slow" }.to_owned()),
    );
    line("TransmitHashPolicy", options.hash_policy.map(str::to_owned));
    line("MinLinks", options.min_links.map(|n| n.to_string()));
    text
}

pub(super) fn network_text(link: &Link) -> String {
    let mut text = format!("{HEAD}[Match]\n");
    match &link.matches {
        Match::Ethernet => text.push_str("Type=ether\nKind=!*\n"),
        Match::Name(name) => text.push_str(&format!("Name={name}\n")),
        // Bonds, VLANs and bridges over it have the same address; they have a kind, the hardware has none.
        Match::Mac(mac) => text.push_str(&format!("MACAddress={mac}\nKind=!*\n")),
    }
    text.push_str("\n[Link]\nRequiredForOnline=no\n");
    if let Some(mtu) = link.mtu {
        text.push_str(&format!("MTUBytes={mtu}\n"));
    }
    text.push_str("\n[Network]\n");
    if let Some((bond, primary)) = &link.bond {
        text.push_str(&format!("Bond={bond}\n"));
        if *primary {
            text.push_str("PrimarySlave=yes\n");
        }
    }
    if let Some(bridge) = &link.bridge {
        text.push_str(&format!("Bridge={bridge}\n"));
    }
    for vlan in &link.vlans {
        text.push_str(&format!("VLAN={vlan}\n"));
    }
    match &link.addressing {
        Some(addressing) => addressing_text(&mut text, addressing),
        None => text.push_str("LinkLocalAddressing=no\nIPv6AcceptRA=no\n"),
    }
    text
}
