//! Files of systemd.network(5) and systemd.netdev(5) from a network. The first file that matches an interface is the one that
//! counts there, so members of bonds and single interfaces come before patterns, and files are numbered in that order.

mod text;

use std::net::IpAddr;

use corbel_model::network::{Addressing, Interface, InterfaceConfig, InterfaceName, Mac, Match, NetworkConfig};
use corbel_model::words::Warning;

use super::lower::{name_of, same};
use super::{NETWORK_PREFIX, PlannedFile};
use crate::gate::{AutomaticAddress, Expected, FixedAddress, is_link_local};
use text::{HEAD, bond_text, mac_line, network_text};

/// One `.network` file before it is text.
struct Link {
    matches: Match,
    /// `None` for what only carries others.
    addressing: Option<Addressing>,
    mtu: Option<u16>,
    bridge: Option<InterfaceName>,
    /// The bond and whether this is its primary member.
    bond: Option<(InterfaceName, bool)>,
    vlans: Vec<InterfaceName>,
}

impl Link {
    fn carrier(matches: Match) -> Self {
        Self {
            matches,
            addressing: None,
            mtu: None,
            bridge: None,
            bond: None,
            vlans: Vec::new(),
        }
    }
}

/// A `.netdev` file: its name and its text without the head.
struct Device {
    name: InterfaceName,
    text: String,
}

pub(super) fn render(
    network: &NetworkConfig,
    interfaces: &[Interface],
    warnings: &mut Vec<Warning>,
) -> (Vec<PlannedFile>, Expected) {
    let mut devices = Vec::new();
    let mut links = members(network, interfaces, &mut devices, warnings);
    let first_own = links.len();
    ports_and_bridges(network, interfaces, &mut links, &mut devices);
    own_bridges(network, interfaces, first_own, &mut links, &mut devices);
    for bond in &network.bonds {
        let carries = network
            .vlans
            .iter()
            .any(|vlan| vlan.parent == Match::Name(bond.name.to_string()));
        ensure(&mut links, &bond.name, (!carries).then(Addressing::automatic));
    }
    for vlan in &network.vlans {
        ensure(&mut links, &vlan.name(), Some(Addressing::automatic()));
        devices.push(Device {
            name: vlan.name(),
            // The parent is said for whoever compares: the kernel cannot move a VLAN to another one, so that it is made anew.
            text: format!(
                "[NetDev]\nName={}\nKind=vlan\n\n[VLAN]\n# Over {}\nId={}\n",
                vlan.name(),
                vlan.parent,
                vlan.id
            ),
        });
        attach_vlan(&mut links, first_own, &vlan.parent, vlan.name(), interfaces);
    }
    let mut names: Vec<&InterfaceName> = Vec::new();
    devices.iter().for_each(|device| {
        if names.contains(&&device.name) {
            warnings.push(Warning::new(
                device.name.to_string(),
                "is the name of two devices: only the first is made",
            ));
        } else {
            names.push(&device.name);
        }
    });
    let mut files: Vec<_> = names
        .iter()
        .filter_map(|name| devices.iter().find(|device| device.name == **name))
        .map(|device| file(&format!("{}.netdev", device.name), format!("{HEAD}{}", device.text)))
        .collect();
    files.extend(links.iter().enumerate().map(|(at, link)| {
        file(
            &format!("{:02}-{}.network", at + 1, label(&link.matches)),
            network_text(link),
        )
    }));
    (files, expected(network, &links))
}

/// What the gate will look for. The first entry that gets addresses is the one that the node is managed by: where it has fixed ones, no
/// other has to find a network. Link-local ones are on the node whatever happens.
fn expected(network: &NetworkConfig, links: &[Link]) -> Expected {
    let addressed = || {
        links
            .iter()
            .filter_map(|link| Some((&link.matches, link.addressing.as_ref()?)))
    };
    let usable = |addressing: &Addressing| -> Vec<IpAddr> {
        let all = addressing.addresses.iter().map(|cidr| cidr.address);
        all.filter(|address| !is_link_local(*address)).collect()
    };
    let asks = |addressing: &Addressing| addressing.dhcp4 || addressing.ipv6.dhcp || addressing.ipv6.slaac;
    let first = network
        .interfaces
        .iter()
        .map(|entry| &entry.addressing)
        .find(|addressing| asks(addressing) || !usable(addressing).is_empty());
    let by_fixed = first.is_some_and(|addressing| !usable(addressing).is_empty());
    let fixed = addressed().flat_map(|(matches, addressing)| {
        usable(addressing).into_iter().map(|address| FixedAddress {
            interface: matches.to_string(),
            address,
        })
    });
    let automatic = addressed()
        .filter(|(_, addressing)| !by_fixed && asks(addressing) && usable(addressing).is_empty())
        .map(|(matches, addressing)| AutomaticAddress {
            interface: matches.to_string(),
            ipv4: addressing.dhcp4,
            ipv6: addressing.ipv6.dhcp || addressing.ipv6.slaac,
        });
    Expected {
        fixed: fixed.collect(),
        automatic: automatic.collect(),
    }
}

fn file(name: &str, content: String) -> PlannedFile {
    PlannedFile {
        path: format!("{NETWORK_PREFIX}{name}"),
        mode: 0o644,
        content,
    }
}

fn label(matches: &Match) -> String {
    match matches {
        Match::Ethernet => "ethernet".into(),
        // A pattern's characters would be taken for one by whoever lists the folder.
        Match::Name(name) => name.replace(['*', '?'], "_"),
        Match::Mac(mac) => mac.to_string().replace(':', ""),
    }
}

/// The bonds' devices and the files that put their members into them.
fn members(
    network: &NetworkConfig,
    interfaces: &[Interface],
    devices: &mut Vec<Device>,
    warnings: &mut Vec<Warning>,
) -> Vec<Link> {
    let mut links: Vec<Link> = Vec::new();
    for bond in &network.bonds {
        for member in &bond.members {
            if network.interfaces.iter().any(|entry| entry.matches == *member) {
                let problem = format!(
                    "is a member of {}: what is said about its own addresses has no effect",
                    bond.name
                );
                warnings.push(Warning::new(label(member), problem));
            }
            let primary = bond.options.primary.as_ref();
            let is_primary = primary.is_some_and(|name| name_of(member, interfaces).as_deref() == Some(name.as_str()));
            links.push(Link {
                bond: Some((bond.name.clone(), is_primary)),
                ..Link::carrier(member.clone())
            });
        }
        let mac = bond
            .members
            .iter()
            .find_map(|member| mac_of(member, network, interfaces));
        devices.push(Device {
            name: bond.name.clone(),
            text: bond_text(bond, mac),
        });
    }
    links
}

/// The configured interfaces, and for those in a bridge the bridge, which takes the addresses.
fn ports_and_bridges(
    network: &NetworkConfig,
    interfaces: &[Interface],
    links: &mut Vec<Link>,
    devices: &mut Vec<Device>,
) {
    let exact = |name: &InterfaceName| Match::Name(name.to_string());
    let (single, patterns): (Vec<_>, Vec<_>) = network.interfaces.iter().partition(|entry| is_single(&entry.matches));
    for entry in single.into_iter().chain(patterns) {
        let InterfaceConfig {
            matches,
            addressing,
            bridge,
            mtu,
        } = entry.clone();
        let Some(bridge) = bridge else {
            links.push(Link {
                addressing: Some(addressing),
                mtu,
                ..Link::carrier(matches)
            });
            continue;
        };
        links.push(Link {
            mtu,
            bridge: Some(bridge.clone()),
            ..Link::carrier(matches.clone())
        });
        if devices.iter().all(|device| device.name != bridge) {
            let mac = mac_of(&matches, network, interfaces);
            devices.push(bridge_device(&bridge, mac, false));
            // An entry of its own for the bridge says more about it than the one of its port.
            if network.interfaces.iter().all(|other| other.matches != exact(&bridge)) {
                links.push(Link {
                    addressing: Some(addressing),
                    mtu,
                    ..Link::carrier(exact(&bridge))
                });
            }
        }
    }
}

fn bridge_device(name: &InterfaceName, mac: Option<Mac>, stp: bool) -> Device {
    let stp = if stp { "yes" } else { "no" };
    Device {
        name: name.clone(),
        text: format!(
            "[NetDev]\nName={name}\nKind=bridge\n{}\n[Bridge]\nSTP={stp}\n",
            mac_line(mac)
        ),
    }
}

/// Bridges that were described for themselves. A port gives its addresses up; one that only a pattern covers gets a file before it.
fn own_bridges(
    network: &NetworkConfig,
    interfaces: &[Interface],
    first_own: usize,
    links: &mut Vec<Link>,
    devices: &mut Vec<Device>,
) {
    for bridge in &network.bridges {
        // Who described it says more than an interface that only named it.
        devices.retain(|device| device.name != bridge.name);
        let mac = bridge.ports.iter().find_map(|port| mac_of(port, network, interfaces));
        devices.push(bridge_device(&bridge.name, mac, bridge.stp));
        for port in &bridge.ports {
            let own = links
                .iter_mut()
                .skip(first_own)
                .find(|link| same(&link.matches, port, interfaces));
            match own {
                Some(link) => {
                    link.addressing = None;
                    link.bridge = Some(bridge.name.clone());
                }
                None => {
                    let link = Link {
                        bridge: Some(bridge.name.clone()),
                        ..Link::carrier(port.clone())
                    };
                    let at = if is_single(port) { first_own } else { links.len() };
                    links.insert(at, link);
                }
            }
        }
        let carries = network
            .vlans
            .iter()
            .any(|vlan| vlan.parent == Match::Name(bridge.name.to_string()));
        ensure(links, &bridge.name, (!carries).then(Addressing::automatic));
    }
}

fn is_single(matches: &Match) -> bool {
    match matches {
        Match::Ethernet => false,
        Match::Name(name) => !name.contains(['*', '?']),
        Match::Mac(_) => true,
    }
}

/// A device that we made and nobody described gets addresses automatically, or none when it only carries VLANs.
fn ensure(links: &mut Vec<Link>, name: &InterfaceName, addressing: Option<Addressing>) {
    let seen = Interface {
        name: name.clone(),
        mac: None,
        carrier: false,
        physical: false,
        driver: None,
    };
    if !links.iter().any(|link| link.matches.covers(&seen)) {
        links.push(Link {
            addressing,
            ..Link::carrier(Match::Name(name.to_string()))
        });
    }
}

/// Names the VLAN in its parent's file. Where only a pattern covers the parent, the parent gets a copy of its own before it.
fn attach_vlan(links: &mut Vec<Link>, first_own: usize, parent: &Match, name: InterfaceName, interfaces: &[Interface]) {
    let own = links
        .iter_mut()
        .skip(first_own)
        .find(|link| same(&link.matches, parent, interfaces));
    if let Some(link) = own {
        link.vlans.push(name);
        return;
    }
    let mut link = Link::carrier(parent.clone());
    if let Match::Name(parent_name) = parent
        && let Ok(parent_name) = parent_name.parse()
    {
        let seen = interfaces.iter().find(|i| i.name == parent_name).cloned();
        let seen = seen.unwrap_or(Interface {
            name: parent_name,
            mac: None,
            carrier: false,
            physical: true,
            driver: None,
        });
        if let Some(pattern) = links.iter().skip(first_own).find(|other| other.matches.covers(&seen)) {
            link.addressing = pattern.addressing.clone();
            link.mtu = pattern.mtu;
            link.bridge = pattern.bridge.clone();
        }
    }
    link.vlans.push(name);
    links.insert(first_own, link);
}

/// The address that a device over this interface shall keep: without one, systemd derives a new one from each boot's machine-id, and
/// DHCP servers would see a new machine each time.
fn mac_of(matches: &Match, network: &NetworkConfig, interfaces: &[Interface]) -> Option<Mac> {
    if let Match::Mac(mac) = matches {
        return Some(*mac);
    }
    // One step down from a VLAN is enough, and following more could go in circles: names are the user's.
    let vlan = network
        .vlans
        .iter()
        .find(|vlan| *matches == Match::Name(vlan.name().to_string()));
    let below = vlan.map_or(matches, |vlan| &vlan.parent);
    let bond = network
        .bonds
        .iter()
        .find(|bond| *below == Match::Name(bond.name.to_string()));
    match bond {
        Some(bond) => bond.members.iter().find_map(|member| mac_of_member(member, interfaces)),
        None => mac_of_member(below, interfaces),
    }
}

fn mac_of_member(matches: &Match, interfaces: &[Interface]) -> Option<Mac> {
    match matches {
        Match::Mac(mac) => Some(*mac),
        _ => interfaces
            .iter()
            .filter(|i| i.physical && matches.covers(i))
            .find_map(|i| i.mac),
    }
}
