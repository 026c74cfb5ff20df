//! The configuration of a boot as a document, for an installation: words and files of the seed are gone at the next boot, and the
//! installed node has its document alone.

use corbel_model::network::{Addressing, Interface, InterfaceConfig, Match, NetworkConfig};
use corbel_model::seed::{self, Seed};

use super::Sources;
use super::lower::{network, same};
use super::said::Said;

/// The document of which an installed node makes what this boot is, wherever that was said. A document that cannot be read is given back
/// as it is, so that an installation is refused with the place of the mistake.
///
/// A network that words asked for names its card by MAC address where it can: nobody who typed `BOOTIF=link` or a name at a boot menu
/// meant whatever card has that name after years. Cards that are in a bond or below a VLAN keep their names, of which the names of
/// what lies over them are made. What nobody asked for is left out and stays as it is by default.
pub fn effective_document(sources: &Sources, interfaces: &[Interface]) -> String {
    // Settle tells them; here they would only be told twice.
    let mut told = Vec::new();
    let said = Said::read(sources, interfaces, &mut told);
    if let Some(text) = said.broken {
        return text;
    }
    let Said { words, seed, .. } = said;
    let own = seed.network != NetworkConfig::default() && !words.has_network();
    let mut lowered = network(&words, seed.network, interfaces, &mut told);
    if lowered == by_default() {
        lowered = NetworkConfig::default();
    } else if !own {
        by_address(&mut lowered, interfaces);
    }
    seed::render(&Seed {
        network: lowered,
        ..seed
    })
}

/// Of a node of which nobody said anything.
fn by_default() -> NetworkConfig {
    NetworkConfig {
        interfaces: vec![InterfaceConfig {
            matches: Match::Ethernet,
            addressing: Addressing::automatic(),
            bridge: None,
            mtu: None,
        }],
        ..NetworkConfig::default()
    }
}

fn by_address(network: &mut NetworkConfig, interfaces: &[Interface]) {
    let below = network.bonds.iter().flat_map(|bond| &bond.members);
    let below: Vec<Match> = below
        .chain(network.vlans.iter().map(|vlan| &vlan.parent))
        .cloned()
        .collect();
    for entry in &mut network.interfaces {
        let Match::Name(name) = &entry.matches else { continue };
        if below.iter().any(|other| same(other, &entry.matches, interfaces)) {
            continue;
        }
        let seen = interfaces.iter().find(|i| i.physical && i.name.as_str() == name);
        let Some(mac) = seen.and_then(|interface| interface.mac) else {
            continue;
        };
        // Two cards with one address cannot be told apart by it.
        if interfaces.iter().filter(|i| Match::Mac(mac).covers(i)).count() == 1 {
            entry.matches = Match::Mac(mac);
        }
    }
}
