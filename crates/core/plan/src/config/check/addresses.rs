//! Addresses, gateways, routes and sizes of packets.

use std::collections::BTreeMap;
use std::net::IpAddr;

use corbel_model::network::{Addressing, Cidr, InterfaceConfig, Match, NetworkConfig};

use super::Problem;
use crate::gate::is_link_local;

/// The smallest packet that every IPv6 network carries (RFC 8200, section 5).
const IPV6_MTU: u16 = 1280;

pub(super) fn check(network: &NetworkConfig, problems: &mut Vec<Problem>) {
    let mut owners: BTreeMap<IpAddr, String> = BTreeMap::new();
    for entry in &network.interfaces {
        let key = format!("network.interface[{}]", entry.matches);
        let at = |what: &str| format!("{key}.{what}");
        let Addressing {
            addresses, gateways, ..
        } = &entry.addressing;
        let one = match &entry.matches {
            Match::Ethernet => false,
            Match::Name(name) => !name.contains(['*', '?']),
            Match::Mac(_) => true,
        };
        if !one && !addresses.is_empty() {
            let problem = "fixed addresses need one interface: several that match would all have them";
            problems.push(Problem::new(at("addresses"), problem));
        }
        for cidr in addresses {
            if let Some(problem) = host_part(cidr) {
                problems.push(Problem::new(at("addresses"), problem));
            }
            if let Some(other) = owners.insert(cidr.address, key.clone()) {
                let problem = format!("{} is given to {other} already", cidr.address);
                problems.push(Problem::new(at("addresses"), problem));
            }
        }
        for (family, ipv4) in [("IPv4", true), ("IPv6", false)] {
            let of: Vec<&IpAddr> = gateways.iter().filter(|gateway| gateway.is_ipv4() == ipv4).collect();
            if of.len() > 1 {
                problems.push(Problem::new(
                    at("gateways"),
                    format!("there are {} of {family}: give one", of.len()),
                ));
            }
        }
        for gateway in gateways {
            if let Some(problem) = unreachable(&entry.addressing, *gateway) {
                problems.push(Problem::new(at("gateways"), problem));
            }
        }
        for route in &entry.addressing.routes {
            match route.via {
                Some(via) if via.is_ipv4() != route.to.is_ipv4() => {
                    let problem = format!("{} cannot be reached by {via}, which is of the other family", route.to);
                    problems.push(Problem::new(at("routes"), problem));
                }
                Some(via) => {
                    if let Some(problem) = unreachable(&entry.addressing, via) {
                        problems.push(Problem::new(at("routes"), problem));
                    }
                }
                None => {}
            }
        }
        ipv6(entry, &key, problems);
    }
}

/// An address that is a network's own or its broadcast is no host's.
fn host_part(cidr: &Cidr) -> Option<String> {
    let IpAddr::V4(address) = cidr.address else { return None };
    if cidr.prefix > 30 {
        return None;
    }
    let hosts = u32::MAX.checked_shr(u32::from(cidr.prefix)).unwrap_or(0);
    match u32::from(address) & hosts {
        0 => Some(format!("{cidr} is the network and not a host in it")),
        part if part == hosts => Some(format!("{cidr} is the broadcast address of its network")),
        _ => None,
    }
}

fn unreachable(addressing: &Addressing, router: IpAddr) -> Option<String> {
    let ipv4 = router.is_ipv4();
    let asked = if ipv4 {
        addressing.dhcp4
    } else {
        addressing.ipv6.dhcp || addressing.ipv6.slaac
    };
    let own: Vec<&Cidr> = addressing
        .addresses
        .iter()
        .filter(|cidr| cidr.address.is_ipv4() == ipv4)
        .collect();
    if is_link_local(router) && !ipv4 || asked {
        return None;
    }
    if own.is_empty() {
        return Some(format!(
            "{router} needs an address of the same family on this interface"
        ));
    }
    if own.iter().any(|cidr| cidr.address == router) {
        return Some(format!("{router} is the address of the interface itself"));
    }
    // A network that is on the wire itself, by a route without a router.
    let wired = addressing.routes.iter().filter(|route| route.via.is_none());
    let wired = wired.filter_map(|route| route.to.to_string().parse::<Cidr>().ok());
    let mut on_wire = own.iter().copied().copied().chain(wired);
    (!on_wire.any(|cidr| contains(&cidr, router))).then(|| {
        let networks: Vec<String> = own.iter().map(ToString::to_string).collect();
        format!("{router} is not on the wire of {}", networks.join(", "))
    })
}

fn contains(cidr: &Cidr, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(cidr.prefix)).unwrap_or(0);
    cidr.address.is_ipv4() == address.is_ipv4() && bits(cidr.address) & mask == bits(address) & mask
}

fn ipv6(entry: &InterfaceConfig, key: &str, problems: &mut Vec<Problem>) {
    let ipv6 = entry.addressing.ipv6;
    let fixed = entry.addressing.addresses.iter().any(|cidr| cidr.address.is_ipv6());
    let used = ipv6.dhcp || ipv6.slaac || fixed;
    if !ipv6.link_local && used {
        let problem = "false switches IPv6 off, and this entry asks for addresses of it";
        problems.push(Problem::new(format!("{key}.link_local"), problem));
    }
    if let Some(mtu) = entry.mtu.filter(|mtu| *mtu < IPV6_MTU && used) {
        let problem = format!("{mtu} is too small for IPv6: give at least {IPV6_MTU}, or switch IPv6 off");
        problems.push(Problem::new(format!("{key}.mtu"), problem));
    }
}
