//! The tables of what a node does besides carrying machines: logs, figures, and who may reach it.

use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{Text, values};
use crate::firewall::{Firewall, Source};
use crate::logging::{Certificates, Logging, NETCONSOLE_PORT, Netconsole, Priority, Protocol, RemoteLog};
use crate::monitoring::{COLLECTD_PORT, CollectdUser, FigureServer, Monitoring, Security};
use crate::network::{InterfaceName, Mac, NetworkError, parse_address};
use crate::secret::Secret;
use crate::server::{Server, parse_port};
use crate::{ByteSize, HostName, Span};

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LoggingTable {
    /// A server that gets every log message by syslog (RFC 5424), also those of the boot before there was a network. Several may be named.
    #[schemars(with = "Vec<RemoteTable>")]
    remote: Vec<Remote>,
    /// The node's own log.
    journal: JournalTable,
    /// Messages of the kernel by UDP, sent by the kernel itself: the last words of a node that dies. They are not protected on the way.
    netconsole: Option<NetconsoleTable>,
}

struct Address(IpAddr);

impl FromStr for Address {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        parse_address(text).map(Self)
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NetconsoleTable {
    /// The address of the server; the kernel knows no names.
    #[schemars(extend("examples" = ["192.0.2.14"]))]
    server: Text<Address>,
    /// Its port. Left out, 6666.
    #[serde(default, deserialize_with = "port")]
    #[schemars(range(min = 1), extend("examples" = [6666]))]
    port: Option<u16>,
    /// The interface that leads there, by its name; it needs an address of the server's family.
    #[schemars(extend("examples" = ["eno1"]))]
    interface: Text<InterfaceName>,
    /// The hardware address of the server, or of the router that leads there. Left out, messages go to everybody on the wire, and no router takes them on.
    #[schemars(extend("examples" = ["52:54:00:12:34:56"]))]
    mac: Option<Text<Mac>>,
}

/// Made by `try_from`, so that what does not fit together is refused at its place.
#[derive(Deserialize)]
#[serde(try_from = "RemoteTable")]
struct Remote(RemoteLog);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RemoteTable {
    /// The server, by name or address.
    #[schemars(extend("examples" = ["logs.example.org"]))]
    server: Text<Server>,
    /// Its port. Left out, 514, and 6514 with `tls`.
    #[serde(default, deserialize_with = "port")]
    #[schemars(range(min = 1), extend("examples" = [1514]))]
    port: Option<u16>,
    /// `udp`, `tcp` or `tls`. Left out, `udp`, by which messages are lost while the server is away.
    #[schemars(extend("examples" = ["tls"]))]
    protocol: Option<Text<Protocol>>,
    /// With `tls`: the certificates of the authorities of which one has signed the server's, as PEM blocks. Required there.
    ca: Option<Text<Certificates>>,
    /// With `tls`: the name that the server's certificate is for. Left out, `server`; required where that is an address.
    #[schemars(extend("examples" = ["logs.example.org"]))]
    certificate_name: Option<Text<HostName>>,
    /// Only messages that are at least so bad: `emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info` or `debug`. Left out, all.
    #[schemars(extend("examples" = ["warning"]))]
    priority: Option<Text<Priority>>,
}

impl TryFrom<RemoteTable> for Remote {
    type Error = &'static str;
    fn try_from(table: RemoteTable) -> Result<Self, &'static str> {
        let protocol = table.protocol.map_or(Protocol::default(), |protocol| protocol.0);
        let server = table.server.0;
        let named = table.certificate_name.is_some() || matches!(server, Server::Name(_));
        match protocol {
            Protocol::Tls if table.ca.is_none() => {
                return Err("protocol = \"tls\" needs ca, the certificates of the server's authorities");
            }
            Protocol::Tls if !named => {
                return Err("a server that is named by its address needs certificate_name with tls");
            }
            _ => {}
        }
        Ok(Self(RemoteLog {
            server,
            port: table.port.unwrap_or(protocol.default_port()),
            protocol,
            ca: table.ca.map(|ca| ca.0),
            certificate_name: table.certificate_name.map(|name| name.0),
            priority: table.priority.map(|priority| priority.0),
        }))
    }
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct JournalTable {
    /// How much of the log partition the journal of an installed node may take, 16 MiB to 16 GiB. Left out, 640 MiB. The oldest messages go first, and 128 MiB stay free in any case.
    #[serde(deserialize_with = "journal_size")]
    #[schemars(with = "Option<String>", extend("examples" = ["1 GiB"]))]
    max_size: Option<ByteSize>,
    /// How old a message may become, an hour or more. Left out, as old as the room allows.
    #[serde(deserialize_with = "journal_age")]
    #[schemars(with = "Option<String>", extend("examples" = ["30 days"]))]
    max_age: Option<Span>,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MonitoringTable {
    /// Figures of processors, memory, disks, file systems, interfaces and virtual machines, by collectd.
    #[schemars(with = "CollectdTable")]
    collectd: Collectd,
}

#[derive(Deserialize, Default)]
#[serde(try_from = "CollectdTable")]
struct Collectd(Monitoring);

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct CollectdTable {
    /// Whether figures are collected. Left out, yes: they can be read on the node and at `/metrics`, whether or not a server gets them.
    enabled: Option<bool>,
    /// The collectd that gets the figures, by name or address. Left out, none.
    #[schemars(extend("examples" = ["figures.example.org"]))]
    server: Option<Text<Server>>,
    /// Its port. Left out, 25826.
    #[serde(deserialize_with = "port")]
    #[schemars(range(min = 1), extend("examples" = [25826]))]
    port: Option<u16>,
    /// How often figures are taken, a second to an hour. Left out, every 10 seconds.
    #[serde(deserialize_with = "interval")]
    #[schemars(with = "Option<String>", extend("examples" = ["10 seconds"]))]
    interval: Option<Span>,
    /// What is done against others on the way: `none`, `sign` or `encrypt`. Left out, `none`.
    #[schemars(extend("examples" = ["encrypt"]))]
    security: Option<Text<Security>>,
    /// With `sign` and `encrypt`: the name of the node's account at the server.
    #[schemars(extend("examples" = ["node1"]))]
    user: Option<Text<CollectdUser>>,
    /// With `sign` and `encrypt`: its password. An installed node keeps it apart, in a file that only root can read, and never shows it; left out, the one that is set stays.
    #[schemars(extend("writeOnly" = true))]
    password: Option<Text<Secret>>,
}

impl TryFrom<CollectdTable> for Collectd {
    type Error = &'static str;
    fn try_from(table: CollectdTable) -> Result<Self, &'static str> {
        let security = table.security.map_or(Security::None, |security| security.0);
        let (user, password) = (table.user.map(|user| user.0), table.password.map(|password| password.0));
        let server = match table.server {
            Some(_) if security != Security::None && user.is_none() => {
                return Err("security needs user, the name of the node's account at the server");
            }
            Some(server) => Some(FigureServer {
                server: server.0,
                port: table.port.unwrap_or(COLLECTD_PORT),
                security,
                user,
                password,
            }),
            None if table.port.is_some() || security != Security::None || user.is_some() => {
                return Err("port, security and user have a meaning beside server alone");
            }
            None => None,
        };
        Ok(Self(Monitoring {
            enabled: table.enabled.unwrap_or(true),
            interval: table.interval,
            server,
        }))
    }
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FirewallTable {
    /// Remote login.
    ssh: SourcesTable,
    /// The API with all that uses it: `corbel --node`, a manager, `/metrics`.
    api: SourcesTable,
}

#[derive(Deserialize, Default, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct SourcesTable {
    /// The addresses and networks, of IPv4 and IPv6, from which it can be reached. Left out, all; an empty list lets nobody in over the network.
    #[schemars(extend("examples" = [["192.0.2.0/24", "2001:db8::/32"]]))]
    sources: Option<Vec<Text<Source>>>,
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    parse_port(&number.to_string()).map(Some).map_err(D::Error::custom)
}

fn journal_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    let size = Text::<ByteSize>::deserialize(deserializer)?.0;
    if (ByteSize::mib(16)..=ByteSize::gib(16)).contains(&size) {
        Ok(Some(size))
    } else {
        Err(D::Error::custom(format!(
            "{size} is no size for the journal: give 16 MiB to 16 GiB"
        )))
    }
}

/// A length of time within limits.
fn span<'de, D: Deserializer<'de>>(deserializer: D, least: u64, most: u64) -> Result<Option<Span>, D::Error> {
    let span = Text::<Span>::deserialize(deserializer)?.0;
    if (least..=most).contains(&span.seconds()) {
        return Ok(Some(span));
    }
    let shown = |seconds| {
        Span::of_seconds(seconds)
            .map(|span| span.to_string())
            .unwrap_or_default()
    };
    let problem = format!("{span} is out of range: give {} to {}", shown(least), shown(most));
    Err(D::Error::custom(problem))
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn journal_age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    span(deserializer, HOUR, 3_650 * DAY)
}

fn interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    span(deserializer, 1, HOUR)
}

/// Of SSH; below a minute nobody could think.
pub(super) fn idle<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    span(deserializer, 60, 7 * DAY)
}

impl From<LoggingTable> for Logging {
    fn from(table: LoggingTable) -> Self {
        Self {
            remote: table.remote.into_iter().map(|remote| remote.0).collect(),
            max_size: table.journal.max_size,
            max_age: table.journal.max_age,
            netconsole: table.netconsole.map(|table| Netconsole {
                server: table.server.0.0,
                port: table.port.unwrap_or(NETCONSOLE_PORT),
                interface: table.interface.0,
                mac: table.mac.map(|mac| mac.0),
            }),
        }
    }
}

impl From<MonitoringTable> for Monitoring {
    fn from(table: MonitoringTable) -> Self {
        table.collectd.0
    }
}

impl From<FirewallTable> for Firewall {
    fn from(table: FirewallTable) -> Self {
        Self {
            ssh: table.ssh.sources.map(values),
            api: table.api.sources.map(values),
        }
    }
}
