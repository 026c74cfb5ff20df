//! The tables of the network: interfaces and what lies on top of them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{Domain, Text, values};
use crate::network::{
    Addressing, Bond, BondOptions, Bridge, Cidr, InterfaceConfig, InterfaceName, Ipv6, Match, NetworkConfig, Route,
    RouteTarget, Vlan, VlanId,
};

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NetworkTable {
    /// One interface, or all that match, and their addresses. Bonds, VLANs and bridges are named here too.
    interface: Vec<InterfaceTable>,
    /// Several interfaces as one.
    bond: Vec<BondTable>,
    /// A tagged network (IEEE 802.1Q) over an interface, a bond or a bridge.
    vlan: Vec<VlanTable>,
    /// A bridge that virtual machines can be attached to.
    bridge: Vec<BridgeTable>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct InterfaceTable {
    /// The interface: a name, a pattern with `*` and `?`, a MAC address, or `*` for every wired one. The first entry that matches counts.
    #[serde(rename = "match")]
    #[schemars(extend("examples" = ["eno1"]))]
    matches: Text<Match>,
    /// IPv4 by DHCP. An entry that says nothing of addresses asks for them all; one that says anything has exactly that.
    dhcp4: Option<bool>,
    /// IPv6 by DHCP.
    dhcp6: Option<bool>,
    /// IPv6 from the routers' advertisements (SLAAC).
    slaac: Option<bool>,
    /// `false`, with neither of the other two, switches IPv6 off on this interface.
    link_local: Option<bool>,
    /// Fixed addresses with the length of their prefix.
    #[serde(default)]
    #[schemars(extend("examples" = [["192.0.2.10/24", "2001:db8::10/64"]]))]
    addresses: Vec<Text<Cidr>>,
    /// The default gateways, one of each family at most.
    #[serde(default)]
    #[schemars(extend("examples" = [["192.0.2.1", "2001:db8::1"]]))]
    gateways: Vec<Text<IpAddr>>,
    /// Routes to other networks.
    #[serde(default)]
    #[schemars(extend("examples" = [[{"to": "10.0.0.0/8", "via": "192.0.2.254"}]]))]
    routes: Vec<RouteTable>,
    /// Name servers. Those that the network names are then not asked.
    #[serde(default)]
    #[schemars(extend("examples" = [["192.0.2.53"]]))]
    dns: Vec<Text<IpAddr>>,
    /// Domains in which short names are looked for.
    #[serde(default)]
    #[schemars(extend("examples" = [["example.org"]]))]
    search: Vec<Text<Domain>>,
    /// The largest packet in bytes, 576 to 65535. Left out, the device's own.
    #[serde(default, deserialize_with = "mtu")]
    #[schemars(range(min = 576), extend("examples" = [9000]))]
    mtu: Option<u16>,
    /// Put the interface into a bridge of this name, which is made and gets the addresses of this entry.
    #[schemars(extend("examples" = ["br0"]))]
    bridge: Option<Text<InterfaceName>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RouteTable {
    /// The network that is reached: its first address and the length of its prefix.
    to: Text<RouteTarget>,
    /// The router that leads there, of the same family. Left out, the network is on the wire itself.
    via: Option<Text<IpAddr>>,
    /// Of two routes to one network the one with the smaller number is taken.
    metric: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BondTable {
    /// The name of the bond's interface, at most 15 characters.
    #[schemars(extend("examples" = ["bond0"]))]
    name: Text<InterfaceName>,
    /// The interfaces in it, as in `match`.
    #[schemars(extend("examples" = [["eno1", "eno2"]]))]
    members: Vec<Text<Match>>,
    /// Options by the names of the kernel's bonding driver.
    #[serde(default, deserialize_with = "options")]
    #[schemars(with = "OptionsTable", extend("examples" = [{"mode": "802.3ad", "miimon": 100, "lacp_rate": "fast"}]))]
    options: BondOptions,
}

/// Only for the schema: [`BondOptions::set`] reads names and values, from kernel words too.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[allow(dead_code)]
struct OptionsTable {
    /// `balance-rr`, `active-backup`, `balance-xor`, `broadcast`, `802.3ad`, `balance-tlb` or `balance-alb`. Left out, `active-backup`.
    mode: Option<String>,
    /// Milliseconds between looks at the link. Left out, 100.
    miimon: Option<u32>,
    /// Milliseconds that a link must have been up before it is used.
    updelay: Option<u32>,
    /// Milliseconds that a link must have been down before it is left.
    downdelay: Option<u32>,
    /// `slow` or `fast`, with the mode `802.3ad`.
    lacp_rate: Option<String>,
    /// `layer2`, `layer2+3`, `layer3+4`, `encap2+3`, `encap3+4` or `vlan+srcmac`.
    xmit_hash_policy: Option<String>,
    /// The member that carries the traffic while it lives, with the modes `active-backup`, `balance-tlb` and `balance-alb`.
    primary: Option<String>,
    /// How many members must be up before the bond counts as up.
    min_links: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VlanTable {
    /// The number of the VLAN, 1 to 4094.
    #[serde(deserialize_with = "vlan_id")]
    #[schemars(with = "u16", range(min = 1, max = 4094), extend("examples" = [42]))]
    id: VlanId,
    /// What it lies over, as in `match`. Its own interface is called `PARENT.ID`, or `vlanID` where that is too long or the parent is a MAC address.
    #[schemars(extend("examples" = ["bond0"]))]
    parent: Text<Match>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BridgeTable {
    /// The name of the bridge's interface, at most 15 characters. Its addresses stand in a `network.interface` with this name.
    #[schemars(extend("examples" = ["br0"]))]
    name: Text<InterfaceName>,
    /// The interfaces in it, as in `match`. None makes a bridge that only virtual machines are on.
    #[serde(default)]
    #[schemars(extend("examples" = [["bond0.42"]]))]
    ports: Vec<Text<Match>>,
    /// Whether the bridge looks for loops by the spanning tree protocol. Left out, no.
    #[serde(default)]
    stp: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u32),
    Text(String),
}

fn mtu<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    crate::network::parse_mtu(&number.to_string())
        .map(Some)
        .map_err(D::Error::custom)
}

fn vlan_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VlanId, D::Error> {
    i64::deserialize(deserializer)?
        .to_string()
        .parse()
        .map_err(D::Error::custom)
}

/// `options = { mode = "802.3ad", miimon = 100 }`, with the kernel's names.
fn options<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BondOptions, D::Error> {
    let given = BTreeMap::<String, NumberOrText>::deserialize(deserializer)?;
    let mut options = BondOptions::default();
    for (key, value) in given {
        let value = match value {
            NumberOrText::Number(number) => number.to_string(),
            NumberOrText::Text(text) => text,
        };
        options.set(&key, &value).map_err(D::Error::custom)?;
    }
    Ok(options)
}

impl From<NetworkTable> for NetworkConfig {
    fn from(table: NetworkTable) -> Self {
        let bond = |bond: BondTable| Bond {
            name: bond.name.0,
            members: values(bond.members),
            options: bond.options,
        };
        let vlan = |vlan: VlanTable| Vlan {
            id: vlan.id,
            parent: vlan.parent.0,
        };
        let bridge = |bridge: BridgeTable| Bridge {
            name: bridge.name.0,
            ports: values(bridge.ports),
            stp: bridge.stp,
        };
        Self {
            interfaces: table.interface.into_iter().map(InterfaceConfig::from).collect(),
            bonds: table.bond.into_iter().map(bond).collect(),
            vlans: table.vlan.into_iter().map(vlan).collect(),
            bridges: table.bridge.into_iter().map(bridge).collect(),
        }
    }
}

impl From<InterfaceTable> for InterfaceConfig {
    /// An entry that says nothing about addresses gets them automatically; one that says anything gets exactly that.
    fn from(table: InterfaceTable) -> Self {
        let named = [table.dhcp4, table.dhcp6, table.slaac, table.link_local]
            .iter()
            .any(Option::is_some)
            || !table.addresses.is_empty();
        let automatic = if named {
            let ipv6 = Ipv6 {
                dhcp: table.dhcp6.unwrap_or(false),
                slaac: table.slaac.unwrap_or(false),
                link_local: table.link_local.unwrap_or(true),
            };
            Addressing {
                dhcp4: table.dhcp4.unwrap_or(false),
                ipv6,
                ..Addressing::default()
            }
        } else {
            Addressing::automatic()
        };
        Self {
            matches: table.matches.0,
            addressing: Addressing {
                addresses: values(table.addresses),
                gateways: values(table.gateways),
                routes: table
                    .routes
                    .into_iter()
                    .map(|route| Route {
                        to: route.to.0,
                        via: route.via.map(|address| address.0),
                        metric: route.metric,
                    })
                    .collect(),
                dns: values(table.dns),
                search: table.search.into_iter().map(|domain| domain.0.0).collect(),
                ..automatic
            },
            bridge: table.bridge.map(|name| name.0),
            mtu: table.mtu,
        }
    }
}
