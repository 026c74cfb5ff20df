//! `corbel.toml`, the document of the seed area: strict, versioned, every error with line, column and key.
//!
//! Where a kernel word says the same thing the word wins: it was typed last, by somebody who stands at the machine and may have to
//! get past a wrong seed. Keys, clients and tokens of both add up.

mod position;
mod render;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, de};

pub use render::render;

use crate::access::{ApiClient, ApiToken, CredentialError, Fingerprint, PasswordHash, Role, SshKey, TokenHash};
use crate::install::{InstallAnswers, InstallTable};
use crate::network::{
    Addressing, Bond, BondOptions, Cidr, InterfaceConfig, InterfaceName, Ipv6, Match, NetworkConfig, NetworkError,
    Vlan, VlanId, parse_domain,
};
use crate::words::Ntp;
use crate::{HostName, Keymap};

/// The version of the document that this program reads.
pub const VERSION: i64 = 1;

/// Why a document was refused. No value that may be secret is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}{}: {problem}", key.as_ref().map(|k| format!(" ({k})")).unwrap_or_default())]
pub struct SeedError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// With the table in front, such as `network.interface.mtu`.
    pub key: Option<String>,
    pub problem: String,
}

/// What a checked document says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seed {
    pub hostname: Option<HostName>,
    pub ntp: Option<Ntp>,
    /// Layout of the keyboard at the node's own screen.
    pub keyboard: Option<Keymap>,
    pub admin_password: Option<PasswordHash>,
    pub ssh_keys: Vec<SshKey>,
    /// Whether SSH takes the password.
    pub password_login: Option<bool>,
    pub network: NetworkConfig,
    pub clients: Vec<ApiClient>,
    pub tokens: Vec<ApiToken>,
    /// `[install]`: what an unattended installation shall do. An installed node takes no notice of it.
    pub install: Option<InstallAnswers>,
}

/// Reads a document.
pub fn parse(text: &str) -> Result<Seed, SeedError> {
    // The version first: a document of the next version has keys that would be called wrong here.
    let table: toml::Table = toml::from_str(text).map_err(|error| position::of(text, &error))?;
    let start = |problem: String| SeedError {
        line: 1,
        column: 1,
        key: Some("version".into()),
        problem,
    };
    match table.get("version").and_then(toml::Value::as_integer) {
        Some(VERSION) => {}
        Some(other) => {
            return Err(start(format!(
                "{other} is not known to this image: it reads version = {VERSION}"
            )));
        }
        None => {
            return Err(start(format!(
                "is missing: begin the document with version = {VERSION}"
            )));
        }
    }
    let document: Document = toml::from_str(text).map_err(|error| position::of(text, &error))?;
    Ok(document.into())
}

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

struct Pem(Fingerprint);

impl FromStr for Pem {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        Fingerprint::of_pem(text).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "version")]
    _version: i64,
    hostname: Option<Text<HostName>>,
    ntp: Option<Vec<Text<Domain>>>,
    keyboard: Option<Text<Keymap>>,
    #[serde(default)]
    admin: AdminTable,
    #[serde(default)]
    network: NetworkTable,
    #[serde(default)]
    api: ApiTable,
    install: Option<InstallTable>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct AdminTable {
    password_hash: Option<Text<PasswordHash>>,
    ssh_keys: Vec<Text<SshKey>>,
    password_login: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct NetworkTable {
    interface: Vec<InterfaceTable>,
    bond: Vec<BondTable>,
    vlan: Vec<VlanTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InterfaceTable {
    #[serde(rename = "match")]
    matches: Text<Match>,
    dhcp4: Option<bool>,
    dhcp6: Option<bool>,
    slaac: Option<bool>,
    /// False only where IPv6 is off.
    link_local: Option<bool>,
    #[serde(default)]
    addresses: Vec<Text<Cidr>>,
    #[serde(default)]
    gateways: Vec<Text<IpAddr>>,
    #[serde(default)]
    dns: Vec<Text<IpAddr>>,
    #[serde(default)]
    search: Vec<Text<Domain>>,
    #[serde(default, deserialize_with = "mtu")]
    mtu: Option<u16>,
    bridge: Option<Text<InterfaceName>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BondTable {
    name: Text<InterfaceName>,
    members: Vec<Text<Match>>,
    #[serde(default, deserialize_with = "options")]
    options: BondOptions,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VlanTable {
    #[serde(deserialize_with = "vlan_id")]
    id: VlanId,
    parent: Text<Match>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ApiTable {
    client: Vec<Client>,
    token: Vec<TokenTable>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u32),
    Text(String),
}

/// Made by `try_from`, so that a client with neither certificate nor fingerprint is refused at its place.
#[derive(Deserialize)]
#[serde(try_from = "ClientTable")]
struct Client(ApiClient);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientTable {
    name: String,
    certificate: Option<Text<Pem>>,
    fingerprint: Option<Text<Fingerprint>>,
    role: Option<Text<Role>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenTable {
    name: String,
    sha256: Text<TokenHash>,
    role: Option<Text<Role>>,
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
            keyboard,
            admin,
            network,
            api,
            install,
            ..
        } = document;
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
            keyboard: keyboard.map(|name| name.0),
            admin_password: admin.password_hash.map(|hash| hash.0),
            ssh_keys: values(admin.ssh_keys),
            password_login: admin.password_login,
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
            },
            clients: api.client.into_iter().map(|client| client.0).collect(),
            tokens: api
                .token
                .into_iter()
                .map(|token| ApiToken {
                    name: token.name,
                    hash: token.sha256.0,
                    role: role(token.role),
                })
                .collect(),
            install: install.map(InstallAnswers::from),
        }
    }
}

fn role(given: Option<Text<Role>>) -> Role {
    given.map_or(Role::Admin, |role| role.0)
}

impl TryFrom<ClientTable> for Client {
    type Error = &'static str;
    fn try_from(table: ClientTable) -> Result<Self, &'static str> {
        // The certificate itself wins over a fingerprint beside it.
        let fingerprint = table
            .certificate
            .map(|pem| pem.0.0)
            .or(table.fingerprint.map(|text| text.0));
        let fingerprint = fingerprint.ok_or("a client needs a certificate or fingerprint")?;
        Ok(Self(ApiClient {
            name: table.name,
            fingerprint,
            role: role(table.role),
        }))
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
                dns: values(table.dns),
                search: table.search.into_iter().map(|domain| domain.0.0).collect(),
                ..automatic
            },
            bridge: table.bridge.map(|name| name.0),
            mtu: table.mtu,
        }
    }
}

#[cfg(test)]
mod tests;
