//! The document as it is written: one type a table, each key with the sentence that schema and reference page have for it. Nothing in
//! here is used by others; [`super::Seed`] is what was meant.

mod api;
mod kernel_dump;
mod network;
mod performance;
mod services;
mod storage_access;
mod tls;
mod users;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, de};

use super::Seed;
use crate::access::{PasswordHash, SshKey};
use crate::install::{InstallAnswers, InstallTable};
use crate::network::{NetworkError, parse_domain};
use crate::users::User;
use crate::words::Ntp;
use crate::{HostName, Keymap, Span, SshPort, TimeZone};
use api::ApiTable;
use kernel_dump::{Dump, KernelDumpTable};
use network::NetworkTable;
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

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SshPort>, D::Error> {
    let number = i64::deserialize(deserializer)?;
    number.to_string().parse().map(Some).map_err(D::Error::custom)
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
            network: network.into(),
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
