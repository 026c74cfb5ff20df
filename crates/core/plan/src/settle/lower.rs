//! One network from kernel words or seed: which interface is meant, what lies over what, and who gets the addresses.

use std::net::IpAddr;

use corbel_model::network::{
    Addressing, Cidr, Interface, InterfaceConfig, InterfaceName, Ipv6, Match, NetworkConfig, Vlan, bridge_over,
};
use corbel_model::words::{BootInterface, IpMethod, IpWord, Ipv6Word, Warning, Words};

/// The network of this boot. Kernel words that ask for a network replace the seed's network as a whole: half of each would be a
/// third one, which nobody asked for.
pub(super) fn network(
    words: &Words,
    seed: NetworkConfig,
    interfaces: &[Interface],
    warnings: &mut Vec<Warning>,
) -> NetworkConfig {
    let seeded = seed != NetworkConfig::default();
    let mut network = if words.has_network() {
        if seeded {
            warnings.push(Warning::new(
                "corbel.toml",
                "its network is not used, as kernel words ask for another one",
            ));
        }
        from_words(words, interfaces, warnings)
    } else if seeded {
        seed
    } else {
        from_words(words, interfaces, warnings)
    };
    if !words.dns.is_empty() {
        for entry in &mut network.interfaces {
            entry.addressing.dns.clone_from(&words.dns);
        }
    }
    network
}

fn from_words(words: &Words, interfaces: &[Interface], warnings: &mut Vec<Warning>) -> NetworkConfig {
    let base = base(words, interfaces, warnings);
    let vlans: Vec<Vlan> = words
        .vlans
        .iter()
        .map(|vlan| Vlan {
            id: vlan.id,
            parent: vlan.parent.clone().unwrap_or_else(|| base.clone()),
        })
        .collect();
    // A VLAN without a parent of its own lies over the boot interface and carries the node's addresses.
    let over_base = words
        .vlans
        .iter()
        .zip(&vlans)
        .rev()
        .find(|(word, _)| word.parent.is_none());
    let top = over_base.map_or_else(|| base.clone(), |(_, vlan)| Match::Name(vlan.name().to_string()));
    let top_name = name_of(&top, interfaces);

    let is_top = |word: &&IpWord| match &word.device {
        None => true,
        Some(device) => top_name.as_deref() == Some(device.as_str()) || top == Match::Name(device.to_string()),
    };
    // A word without a device comes first, so that one that names the interface has the last say.
    let mut own: Vec<&IpWord> = words.ip.iter().filter(is_top).collect();
    own.sort_by_key(|word| word.device.is_some());
    let mut main = InterfaceConfig {
        matches: top.clone(),
        addressing: addressing(&own, words.ipv6.as_ref(), &words.gateways, warnings),
        bridge: None,
        mtu: own.iter().find_map(|word| word.mtu),
    };
    if words.bridged == Some(true) {
        main.bridge = Some(bridge_over(top_name.as_deref().unwrap_or("0")));
    }
    let mut all = vec![main];
    for word in words.ip.iter().filter(|word| !is_top(word)) {
        let Some(device) = &word.device else { continue };
        let matches = Match::Name(device.to_string());
        if all.iter().any(|entry| entry.matches == matches) {
            continue;
        }
        let same: Vec<&IpWord> = words.ip.iter().filter(|other| other.device == word.device).collect();
        let addressing = addressing(&same, None, &[], warnings);
        all.push(InterfaceConfig {
            matches,
            addressing,
            bridge: None,
            mtu: word.mtu,
        });
    }
    NetworkConfig {
        interfaces: all,
        bonds: words.bonds.clone(),
        vlans,
        bridges: Vec::new(),
    }
}

/// What everything else lies over: the boot interface, or the bond that it is a member of.
fn base(words: &Words, interfaces: &[Interface], warnings: &mut Vec<Warning>) -> Match {
    let named = match &words.boot_interface {
        Some(BootInterface::Is(matches)) => Some(matches.clone()),
        Some(BootInterface::Link) => match with_carrier(interfaces) {
            Some(found) => Some(Match::Name(found.name.to_string())),
            None => {
                warnings.push(Warning::new(
                    "BOOTIF=link",
                    "no interface has a carrier: every interface is tried",
                ));
                None
            }
        },
        None => words
            .ip
            .iter()
            .find_map(|word| word.device.as_ref())
            .map(|device| Match::Name(device.to_string())),
    };
    if let Some(boot) = &named {
        let made = |name: &str| {
            words.bonds.iter().any(|bond| bond.name.as_str() == name)
                || words.vlans.iter().any(|vlan| {
                    vlan.parent
                        .clone()
                        .is_some_and(|parent| Vlan { id: vlan.id, parent }.name().as_str() == name)
                })
        };
        let known = interfaces.iter().any(|i| boot.covers(i)) || matches!(boot, Match::Name(name) if made(name));
        if !known && !interfaces.is_empty() {
            let seen: Vec<_> = interfaces
                .iter()
                .filter(|i| i.physical)
                .map(|i| i.name.as_str())
                .collect();
            let problem = format!("this machine has no such interface now; it has {}", seen.join(", "));
            warnings.push(Warning::new(format!("interface {boot}"), problem));
        }
    }
    let bond = match &named {
        None => words.bonds.first(),
        Some(boot) => words
            .bonds
            .iter()
            .find(|bond| bond.members.iter().any(|member| same(member, boot, interfaces))),
    };
    if let Some(bond) = bond {
        return Match::Name(bond.name.to_string());
    }
    named.unwrap_or_else(|| {
        let one_needed = words.bridged == Some(true)
            || words.vlans.iter().any(|vlan| vlan.parent.is_none())
            || matches!(words.ipv6, Some(Ipv6Word::Static(_)))
            || words
                .ip
                .iter()
                .any(|word| matches!(word.method, IpMethod::Static { .. }));
        if one_needed {
            chosen(interfaces, warnings)
        } else {
            Match::Ethernet
        }
    })
}

/// Nobody said which interface; addresses of one's own can be given to one only.
fn chosen(interfaces: &[Interface], warnings: &mut Vec<Warning>) -> Match {
    let physical = interfaces.iter().filter(|i| i.physical).count();
    let Some(found) = with_carrier(interfaces).or_else(|| first(interfaces, |i| i.physical)) else {
        return Match::Ethernet;
    };
    if physical > 1 {
        let problem = format!(
            "is not given and there are {physical} interfaces: {} is taken; say BOOTIF={0}",
            found.name
        );
        warnings.push(Warning::new("BOOTIF", problem));
    }
    Match::Name(found.name.to_string())
}

fn with_carrier(interfaces: &[Interface]) -> Option<&Interface> {
    first(interfaces, |i| i.physical && i.carrier)
}

fn first(interfaces: &[Interface], wanted: impl Fn(&Interface) -> bool) -> Option<&Interface> {
    interfaces
        .iter()
        .filter(|i| wanted(i))
        .min_by(|a, b| a.name.cmp(&b.name))
}

/// Equal, or of the same one interface of this machine.
pub(crate) fn same(a: &Match, b: &Match, interfaces: &[Interface]) -> bool {
    a == b || name_of(a, interfaces).is_some_and(|name| Some(name) == name_of(b, interfaces))
}

/// The name of the one interface that is meant, when there is one.
pub(super) fn name_of(matches: &Match, interfaces: &[Interface]) -> Option<String> {
    if let Match::Name(name) = matches
        && name.parse::<InterfaceName>().is_ok()
    {
        return Some(name.clone());
    }
    let mut covered = interfaces.iter().filter(|i| matches.covers(i));
    match (covered.next(), covered.next()) {
        (Some(one), None) => Some(one.name.to_string()),
        _ => None,
    }
}

/// Each family is automatic until a word says otherwise.
fn addressing(
    words: &[&IpWord],
    ipv6: Option<&Ipv6Word>,
    gateways: &[IpAddr],
    warnings: &mut Vec<Warning>,
) -> Addressing {
    let mut found = Addressing::automatic();
    let fixed = |found: &mut Addressing, address: IpAddr, prefix: u8| {
        found
            .addresses
            .retain(|other| other.address.is_ipv4() != address.is_ipv4());
        found.addresses.push(Cidr { address, prefix });
        if address.is_ipv4() {
            found.dhcp4 = false;
        } else {
            found.ipv6 = Ipv6 {
                dhcp: false,
                slaac: false,
                link_local: true,
            };
        }
    };
    for word in words {
        match &word.method {
            IpMethod::Dhcp4 => found.dhcp4 = true,
            IpMethod::Off => found.dhcp4 = false,
            IpMethod::Dhcp6 => {
                found.ipv6 = Ipv6 {
                    dhcp: true,
                    slaac: false,
                    link_local: true,
                }
            }
            IpMethod::Auto6 => {
                found.ipv6 = Ipv6 {
                    dhcp: false,
                    slaac: true,
                    link_local: true,
                }
            }
            IpMethod::Static {
                address,
                prefix,
                gateway,
            } => {
                fixed(
                    &mut found,
                    *address,
                    prefix.unwrap_or(if address.is_ipv4() { 24 } else { 64 }),
                );
                found.gateways.extend(gateway);
            }
        }
        found.dns.extend(&word.dns);
    }
    match ipv6 {
        None => {}
        Some(Ipv6Word::Auto) => {
            found.ipv6 = Ipv6 {
                dhcp: false,
                slaac: true,
                link_local: true,
            }
        }
        Some(Ipv6Word::Dhcp) => {
            found.ipv6 = Ipv6 {
                dhcp: true,
                slaac: false,
                link_local: true,
            }
        }
        Some(Ipv6Word::Static(cidr)) => fixed(&mut found, cidr.address, cidr.prefix),
        Some(Ipv6Word::Off) => {
            found.ipv6 = Ipv6 {
                dhcp: false,
                slaac: false,
                link_local: false,
            };
            found.addresses.retain(|cidr| cidr.address.is_ipv4());
        }
    }
    for gateway in gateways {
        found.gateways.retain(|other| other.is_ipv4() != gateway.is_ipv4());
        found.gateways.push(*gateway);
    }
    let addresses = found.addresses.clone();
    found.gateways.retain(|gateway| {
        let used = addresses.iter().any(|cidr| cidr.address.is_ipv4() == gateway.is_ipv4());
        if !used {
            warnings.push(Warning::new(
                format!("gateway={gateway}"),
                "has no effect without an address of the same family",
            ));
        }
        used
    });
    found
}
