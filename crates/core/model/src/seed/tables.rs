//! The document as it is written: one type a table, each key with the sentence that schema and reference page have for it. Nothing in
//! here is used by others; [`super::Seed`] is what was meant.

mod api;
mod kernel_dump;
mod performance;
mod services;
mod storage_access;
mod tls;
mod users;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, de};

use super::Seed;
use crate::access::{PasswordHash, SshKey};
use crate::install::{InstallAnswers, InstallTable};
use crate::network::{
    Addressing, Bond, BondOptions, Bridge, Cidr, InterfaceConfig, InterfaceName, Ipv6, Match, NetworkConfig,
    NetworkError, Route, RouteTarget, Vlan, VlanId, parse_domain,
};
use crate::users::User;
use crate::words::Ntp;
use crate::{HostName, Keymap, Span, SshPort, TimeZone};
use api::ApiTable;
use kernel_dump::{Dump, KernelDumpTable};
use performance::PerformanceTable;
use services::{FirewallTable, LoggingTable, MonitoringTable, idle};
use storage_access::StorageAccessTable;
use tls::TlsTable;
use users::UserTable;

/// A string that is read by `FromStr`, so that the error has the place of the value.
struct Text<T>(T);

impl<'de, T> Deserialize<'de> for Text<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<T> de::Visitor<'_> for Visitor<T>
        where
            T: FromStr,
            T::Err: fmt::Display,
        {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer
            .deserialize_str(Visitor(std::marker::PhantomData))
            .map(Self)
    }
}

fn values<T>(texts: Vec<Text<T>>) -> Vec<T> {
    texts.into_iter().map(|text| text.0).collect()
}

struct Domain(String);

impl FromStr for Domain {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        parse_domain(text).map(Self)
    }
}

/// As a schema it is a string: what it may hold is said in the key's own sentence, and checked by reading it.
impl<T> JsonSchema for Text<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string"})
    }
}

/// Who a node is. One document for the seed (`corbel.toml`), for a URL, and for an installed node (`node.toml`).
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// The version of the document. This image reads 1.
    #[serde(rename = "version")]
    #[schemars(range(min = 1, max = 1))]
    _version: i64,
    /// The host name, with or without its domain. Left out, it is `corbel-` and the end of the first MAC address.
    #[schemars(extend("examples" = ["node1.example.org"]))]
    hostname: Option<Text<HostName>>,
    /// Time servers, as names or addresses; an empty list switches time synchronisation off. Left out, those of the network or of Debian's pool.
    #[schemars(extend("examples" = [["ntp.example.org", "192.0.2.123"]]))]
    ntp: Option<Vec<Text<Domain>>>,
    /// The time zone of clocks and logs, as a name below `/usr/share/zoneinfo`. Left out, UTC.
    #[schemars(extend("examples" = ["Europe/Berlin"]))]
    timezone: Option<Text<TimeZone>>,
    /// The layout of the keyboard at the node's own screen, as a name of loadkeys(1). Left out, that of a US keyboard.
    #[schemars(extend("examples" = ["de-latin1-nodeadkeys"]))]
    keyboard: Option<Text<Keymap>>,
    /// The user `admin`.
    #[serde(default)]
    admin: AdminTable,
    /// Remote login.
    #[serde(default)]
    ssh: SshTable,
    /// Interfaces and what is made of them. Left out, every wired interface asks for its addresses.
    #[serde(default)]
    network: NetworkTable,
    /// Who may use the API over the network.
    #[serde(default)]
    api: ApiTable,
    /// From where the node's own services can be reached.
    #[serde(default)]
    firewall: FirewallTable,
    /// Where log messages go, and how much of them is kept.
    #[serde(default)]
    logging: LoggingTable,
    /// Figures of the node and its machines.
    #[serde(default)]
    monitoring: MonitoringTable,
    /// Storage that other machines have for this node.
    #[serde(default)]
    storage_access: StorageAccessTable,
    /// What the hardware is tuned for, and how much of it machines may be promised.
    #[serde(default)]
    performance: PerformanceTable,
    /// What becomes of the memory of a kernel that crashed.
    #[serde(default)]
    #[schemars(with = "KernelDumpTable")]
    kernel_dump: Dump,
    /// What the node shows to its clients over TLS. Left out, a certificate that it makes itself.
    #[serde(default)]
    tls: TlsTable,
    /// A named user of the API, beside `admin`.
    #[serde(default)]
    users: Vec<UserTable>,
    /// What an unattended installation does. An installed node takes no notice of it.
    install: Option<InstallTable>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct AdminTable {
    /// The password of `admin` as a hash of crypt(5), made by `openssl passwd -6`. An installed node keeps it apart, in a file that only root can read, and never shows it; left out, the password that is set stays.
    #[schemars(extend("writeOnly" = true, "x-password" = "The password of `admin`, for this console, the API and SSH. The node keeps only its hash. Left out, the one that is set stays."))]
    password_hash: Option<Text<PasswordHash>>,
    /// Public keys that let `admin` in by SSH: lines of a `.pub` file.
    #[schemars(extend("examples" = [["ssh-ed25519 AAAA… ada@example.org"]]))]
    ssh_keys: Vec<Text<SshKey>>,
    /// Whether SSH takes the password. Left out: yes with a password alone, no beside a key.
    password_login: Option<bool>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SshTable {
    /// The port of SSH: 22, or 1024 and above. Left out, 22.
    #[serde(deserialize_with = "port")]
    #[schemars(with = "Option<u16>", extend("examples" = [2222]))]
    port: Option<SshPort>,
    /// How long a session over SSH may be silent, a minute to 7 days. Left out, for ever.
    #[serde(deserialize_with = "idle")]
    #[schemars(with = "Option<String>", extend("examples" = ["15 minutes"]))]
    idle_timeout: Option<Span>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct NetworkTable {
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

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SshPort>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    number.to_string().parse().map(Some).map_err(D::Error::custom)
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
    let given = std::collections::BTreeMap::<String, NumberOrText>::deserialize(deserializer)?;
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

impl From<Document> for Seed {
    fn from(document: Document) -> Self {
        let Document {
            hostname,
            ntp,
            timezone,
            keyboard,
            admin,
            ssh,
            network,
            api,
            firewall,
            logging,
            monitoring,
            storage_access,
            performance,
            kernel_dump,
            tls,
            users,
            install,
            ..
        } = document;
        let (clients, tokens) = api.into();
        let servers = |list: Vec<Text<Domain>>| {
            if list.is_empty() {
                Ntp::Off
            } else {
                Ntp::Servers(list.into_iter().map(|d| d.0.0).collect())
            }
        };
        Self {
            hostname: hostname.map(|name| name.0),
            ntp: ntp.map(servers),
            timezone: timezone.map(|name| name.0),
            keyboard: keyboard.map(|name| name.0),
            admin_password: admin.password_hash.map(|hash| hash.0),
            ssh_keys: values(admin.ssh_keys),
            password_login: admin.password_login,
            ssh_port: ssh.port,
            ssh_idle: ssh.idle_timeout,
            network: NetworkConfig {
                interfaces: network.interface.into_iter().map(InterfaceConfig::from).collect(),
                bonds: network
                    .bond
                    .into_iter()
                    .map(|bond| Bond {
                        name: bond.name.0,
                        members: values(bond.members),
                        options: bond.options,
                    })
                    .collect(),
                vlans: network
                    .vlan
                    .into_iter()
                    .map(|vlan| Vlan {
                        id: vlan.id,
                        parent: vlan.parent.0,
                    })
                    .collect(),
                bridges: network
                    .bridge
                    .into_iter()
                    .map(|bridge| Bridge {
                        name: bridge.name.0,
                        ports: values(bridge.ports),
                        stp: bridge.stp,
                    })
                    .collect(),
            },
            clients,
            tokens,
            firewall: firewall.into(),
            logging: logging.into(),
            monitoring: monitoring.into(),
            storage_access: storage_access.into(),
            performance: performance.into(),
            kernel_dump: kernel_dump.0,
            tls: tls.into(),
            users: users.into_iter().map(User::from).collect(),
            install: install.map(InstallAnswers::from),
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
