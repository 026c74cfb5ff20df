//! Bonds, VLANs and bridges: what lies over what, and that nothing is used twice or goes round in a circle.

use std::collections::{BTreeMap, BTreeSet};

use corbel_model::network::{Bond, BondMode, Interface, Match, NetworkConfig};

use super::Problem;
use crate::settle::same_interface;

pub(super) fn check(network: &NetworkConfig, interfaces: &[Interface], problems: &mut Vec<Problem>) {
    names(network, interfaces, problems);
    let mut used: Vec<(Match, String)> = Vec::new();
    for bond in &network.bonds {
        let key = format!("network.bond[{}]", bond.name);
        self::bond(bond, &key, problems);
        for member in &bond.members {
            if made(network, member).is_some() {
                let problem = format!("{member} is made by this document: a bond takes interfaces of the machine");
                problems.push(Problem::new(format!("{key}.members"), problem));
            }
            exists(network, interfaces, member, &format!("{key}.members"), problems);
            take(
                network,
                interfaces,
                member,
                &format!("{key}.members"),
                &mut used,
                problems,
            );
        }
    }
    for bridge in &network.bridges {
        let key = format!("network.bridge[{}].ports", bridge.name);
        for port in &bridge.ports {
            exists(network, interfaces, port, &key, problems);
            take(network, interfaces, port, &key, &mut used, problems);
        }
    }
    for vlan in &network.vlans {
        let key = format!("network.vlan[{}].parent", vlan.id);
        if is_pattern(&vlan.parent) {
            let problem = format!("{} is a pattern: a VLAN lies over one interface", vlan.parent);
            problems.push(Problem::new(&key, problem));
        }
        if network.bonds.iter().any(|bond| {
            bond.members
                .iter()
                .any(|member| same_interface(member, &vlan.parent, interfaces))
        }) {
            let problem = format!("{} is in a bond: put the VLAN over the bond", vlan.parent);
            problems.push(Problem::new(&key, problem));
        }
        exists(network, interfaces, &vlan.parent, &key, problems);
    }
    sizes(network, problems);
    circle(network, problems);
}

fn is_pattern(matches: &Match) -> bool {
    match matches {
        Match::Ethernet => true,
        Match::Name(name) => name.contains(['*', '?']),
        Match::Mac(_) => false,
    }
}

/// Names of the devices that the document makes, each with its key.
fn devices(network: &NetworkConfig) -> Vec<(String, String)> {
    let bonds = network
        .bonds
        .iter()
        .map(|bond| (bond.name.to_string(), format!("network.bond[{}]", bond.name)));
    let vlans = network
        .vlans
        .iter()
        .map(|vlan| (vlan.name().to_string(), format!("network.vlan[{}]", vlan.id)));
    let bridges = network
        .bridges
        .iter()
        .map(|bridge| (bridge.name.to_string(), format!("network.bridge[{}]", bridge.name)));
    bonds.chain(vlans).chain(bridges).collect()
}

/// The device of this document that is meant.
fn made<'a>(network: &'a NetworkConfig, matches: &Match) -> Option<&'a str> {
    let Match::Name(name) = matches else { return None };
    let bond = network
        .bonds
        .iter()
        .map(|bond| bond.name.as_str())
        .find(|one| one == name);
    let bridge = network.bridges.iter().map(|bridge| bridge.name.as_str());
    let named = network
        .interfaces
        .iter()
        .filter_map(|entry| entry.bridge.as_ref())
        .map(|name| name.as_str());
    let vlan = || {
        network
            .vlans
            .iter()
            .any(|vlan| vlan.name().as_str() == name)
            .then_some("a VLAN")
    };
    bond.or_else(|| bridge.chain(named).into_iter().find(|one| one == name))
        .or_else(vlan)
}

fn names(network: &NetworkConfig, interfaces: &[Interface], problems: &mut Vec<Problem>) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (name, key) in devices(network) {
        if interfaces
            .iter()
            .any(|interface| interface.physical && interface.name.as_str() == name)
        {
            problems.push(Problem::new(
                &key,
                format!("{name} is the name of an interface of this machine: choose another"),
            ));
        }
        if let Some(other) = seen.insert(name.clone(), key.clone()) {
            let problem = format!("{name} is the name of {other} too: each device needs its own");
            problems.push(Problem::new(key, problem));
        }
    }
    for entry in &network.interfaces {
        let Some(bridge) = &entry.bridge else { continue };
        let key = format!("network.interface[{}].bridge", entry.matches);
        match seen.get(bridge.as_str()) {
            Some(other) if !other.starts_with("network.bridge[") => {
                problems.push(Problem::new(
                    key,
                    format!("{bridge} is the name of {other}: a bridge needs its own"),
                ));
            }
            _ if interfaces
                .iter()
                .any(|interface| interface.physical && interface.name == *bridge) =>
            {
                problems.push(Problem::new(
                    key,
                    format!("{bridge} is the name of an interface of this machine: choose another"),
                ));
            }
            _ => {}
        }
    }
    let mut matches: Vec<&Match> = Vec::new();
    for entry in &network.interfaces {
        if matches
            .iter()
            .any(|other| same_interface(other, &entry.matches, interfaces))
        {
            let problem = "there is an entry for this interface already: say everything in one";
            problems.push(Problem::new(format!("network.interface[{}]", entry.matches), problem));
        }
        matches.push(&entry.matches);
    }
}

fn bond(bond: &Bond, key: &str, problems: &mut Vec<Problem>) {
    let options = &bond.options;
    let mode = options.mode;
    if bond.members.is_empty() {
        problems.push(Problem::new(
            format!("{key}.members"),
            "is empty: name the interfaces that the bond is made of",
        ));
    }
    let mut only = |set: bool, option: &str, modes: &[BondMode]| {
        if set && !modes.contains(&mode) {
            let names: Vec<&str> = modes.iter().map(|mode| mode.as_str()).collect();
            let problem = format!(
                "has no effect with the mode {}: it belongs to {}",
                mode.as_str(),
                names.join(", ")
            );
            problems.push(Problem::new(format!("{key}.options.{option}"), problem));
        }
    };
    use BondMode::{ActiveBackup, BalanceAlb, BalanceTlb, BalanceXor, Lacp};
    only(options.lacp_fast.is_some(), "lacp_rate", &[Lacp]);
    only(options.min_links.is_some(), "min_links", &[Lacp]);
    only(
        options.hash_policy.is_some(),
        "xmit_hash_policy",
        &[BalanceXor, Lacp, BalanceTlb],
    );
    only(
        options.primary.is_some(),
        "primary",
        &[ActiveBackup, BalanceTlb, BalanceAlb],
    );
    if let Some(primary) = &options.primary {
        let names: Vec<&str> = bond
            .members
            .iter()
            .filter_map(|member| match member {
                Match::Name(name) if !is_pattern(member) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        if names.len() == bond.members.len() && !names.contains(&primary.as_str()) {
            problems.push(Problem::new(
                format!("{key}.options.primary"),
                format!("{primary} is no member of this bond"),
            ));
        }
    }
    if options
        .min_links
        .is_some_and(|least| least as usize > bond.members.len())
    {
        let problem = format!("the bond has {} members: it would never be up", bond.members.len());
        problems.push(Problem::new(format!("{key}.options.min_links"), problem));
    }
    if options.miimon == 0 && (options.updelay.is_some() || options.downdelay.is_some()) {
        problems.push(Problem::new(
            format!("{key}.options.miimon"),
            "0 looks at no link: updelay and downdelay need it",
        ));
    }
}

/// That the interface is there or made by the document. Patterns and MAC addresses wait for theirs.
fn exists(network: &NetworkConfig, interfaces: &[Interface], matches: &Match, key: &str, problems: &mut Vec<Problem>) {
    let Match::Name(name) = matches else { return };
    let known = made(network, matches).is_some() || interfaces.iter().any(|interface| matches.covers(interface));
    if known || interfaces.is_empty() || is_pattern(matches) {
        return;
    }
    let seen: Vec<&str> = interfaces
        .iter()
        .filter(|interface| interface.physical)
        .map(|interface| interface.name.as_str())
        .collect();
    let problem = format!(
        "{name} is neither described here nor on this machine, which has {}",
        seen.join(", ")
    );
    problems.push(Problem::new(key, problem));
}

/// An interface belongs to one bond or one bridge, and what belongs to one has no addresses of its own.
fn take(
    network: &NetworkConfig,
    interfaces: &[Interface],
    matches: &Match,
    key: &str,
    used: &mut Vec<(Match, String)>,
    problems: &mut Vec<Problem>,
) {
    let implicit = network
        .interfaces
        .iter()
        .find(|entry| entry.bridge.is_some() && same_interface(&entry.matches, matches, interfaces));
    if let Some((_, other)) = used.iter().find(|(one, _)| same_interface(one, matches, interfaces)) {
        problems.push(Problem::new(key, format!("{matches} is in {other} already")));
    } else if implicit.is_some() {
        problems.push(Problem::new(
            key,
            format!("{matches} is in a bridge already, by network.interface[{matches}].bridge"),
        ));
    }
    used.push((matches.clone(), key.to_owned()));
    let own = network
        .interfaces
        .iter()
        .find(|entry| !is_pattern(&entry.matches) && same_interface(&entry.matches, matches, interfaces));
    if own.is_some_and(|entry| !entry.addressing.addresses.is_empty()) {
        let problem = format!("{matches} has addresses of its own: give them to what it is in");
        problems.push(Problem::new(key, problem));
    }
}

/// A VLAN's packets must fit into those of what it lies over.
fn sizes(network: &NetworkConfig, problems: &mut Vec<Problem>) {
    let mtu = |name: &str| {
        network
            .interfaces
            .iter()
            .find(|entry| entry.matches == Match::Name(name.to_owned()))
            .and_then(|entry| entry.mtu)
    };
    for vlan in &network.vlans {
        let name = vlan.name();
        let Some(own) = mtu(name.as_str()) else { continue };
        let below = mtu(&vlan.parent.to_string()).unwrap_or(1500);
        if own > below {
            let problem = format!(
                "{own} is larger than the {below} of {}, which it lies over",
                vlan.parent
            );
            problems.push(Problem::new(format!("network.interface[{name}].mtu"), problem));
        }
    }
}

/// What each device lies over, by names of this document.
fn circle(network: &NetworkConfig, problems: &mut Vec<Problem>) {
    let mut below: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |upper: String, lower: &Match| below.entry(upper).or_default().push(lower.to_string());
    for bond in &network.bonds {
        bond.members
            .iter()
            .for_each(|member| add(bond.name.to_string(), member));
    }
    for vlan in &network.vlans {
        add(vlan.name().to_string(), &vlan.parent);
    }
    for bridge in &network.bridges {
        bridge.ports.iter().for_each(|port| add(bridge.name.to_string(), port));
    }
    for entry in &network.interfaces {
        if let Some(bridge) = &entry.bridge {
            add(bridge.to_string(), &entry.matches);
        }
    }
    for (name, key) in devices(network) {
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        let mut next: Vec<&String> = below.get(&name).into_iter().flatten().collect();
        while let Some(lower) = next.pop() {
            if *lower == name {
                problems.push(Problem::new(&key, format!("{name} lies over itself")));
                break;
            }
            if seen.insert(lower) {
                next.extend(below.get(lower).into_iter().flatten());
            }
        }
    }
}
