//! Words of the kernel command line (and of the seed's file `words`) as typed values.
//!
//! Names and aliases are those of oVirt Node 3.x; ours begin with `corbel.`. A later word wins over an earlier one, except for keys,
//! clients and tokens, which add up, and for `bond=`, `vlan=` and `ip=…:INTERFACE:…`, which are one word per device (and family). As in
//! the kernel, `-` and `_` in a name are the same. A word that cannot be read becomes a [`Warning`] and nothing else: a typo at the
//! boot menu must not keep a node from booting.

mod install;
mod ip;
mod kept;
mod later;
mod merge;
mod read;
mod split;

use std::fmt;
use std::net::IpAddr;

pub use install::InstallWords;
pub use ip::{IpMethod, IpWord};
pub use merge::merged;
pub use split::{Word, split, without_comments};

use crate::access::{ApiClient, ApiToken, PasswordHash, SshKey};
use crate::network::{Bond, Cidr, Match, VlanId};
use crate::server::Server;
use crate::storage_access::{IscsiName, NfsDomain};
use crate::{HostName, Keymap};

/// What every word together says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// `BOOTIF`: the interface that the node is managed by.
    pub boot_interface: Option<BootInterface>,
    pub hostname: Option<HostName>,
    /// `ip=`, with `netmask=` already in it; one of each family for each device, and without one.
    pub ip: Vec<IpWord>,
    pub ipv6: Option<Ipv6Word>,
    /// `gateway=`, one of each family at most.
    pub gateways: Vec<IpAddr>,
    pub dns: Vec<IpAddr>,
    pub ntp: Option<Ntp>,
    pub keyboard: Option<Keymap>,
    pub bonds: Vec<Bond>,
    pub vlans: Vec<VlanWord>,
    /// `network_layout=bridged`.
    pub bridged: Option<bool>,
    /// `adminpw`, or `rootpw` in its absence (root stays locked).
    pub admin_password: Option<PasswordHash>,
    /// `ssh_pwauth`.
    pub password_login: Option<bool>,
    pub ssh_keys: Vec<SshKey>,
    pub clients: Vec<ApiClient>,
    pub tokens: Vec<ApiToken>,
    /// `syslog=SERVER[:PORT]`, by UDP.
    pub syslog: Option<(Server, u16)>,
    /// `collectd=SERVER[:PORT]`.
    pub collectd: Option<(Server, u16)>,
    /// `iscsi_name`: the name of the initiator.
    pub iscsi_name: Option<IscsiName>,
    pub nfsv4_domain: Option<NfsDomain>,
    /// `corbel.config`: where the document of this boot is fetched from.
    pub config_url: Option<String>,
    pub stateless: Option<bool>,
    pub standalone: Option<bool>,
    pub rescue: bool,
    /// What shall be done with the disks.
    pub install: InstallWords,
    /// Words that are not ours, such as `quiet`.
    pub other: Vec<Other>,
    pub warnings: Vec<Warning>,
}

/// `BOOTIF=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootInterface {
    /// The first interface with carrier.
    Link,
    /// By name or MAC address.
    Is(Match),
}

/// `ipv6=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ipv6Word {
    Off,
    Auto,
    Dhcp,
    Static(Cidr),
}

/// Where the time comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ntp {
    Off,
    /// Names or addresses, never empty.
    Servers(Vec<String>),
}

/// `vlan=ID[:PARENT]`; without a parent it lies over the boot interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VlanWord {
    pub id: VlanId,
    pub parent: Option<Match>,
}

/// A word that is not ours. Its value does not show in `Debug`: it may be a misspelt password.
#[derive(Clone, PartialEq, Eq)]
pub struct Other {
    pub name: String,
    pub value: Option<String>,
}

impl fmt::Debug for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Other({:?})", self.name)
    }
}

/// Something that was asked for and is not done, and what would be right. Shown on the console and by the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The word, key or file. Never holds a secret.
    pub about: String,
    pub problem: String,
}

impl Warning {
    /// `about` is the word, key or file; `problem` continues it to a sentence.
    pub fn new(about: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self {
            about: about.into(),
            problem: problem.to_string(),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.problem)
    }
}

impl Words {
    /// Reads several texts as one, later ones winning: the seed's words first, the kernel's own command line last.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut reader = read::Reader::default();
        for text in texts {
            for word in split(text) {
                reader.word(&word);
            }
        }
        reader.finish()
    }

    /// Whether the network itself is asked for, so that the network of `corbel.toml` does not apply. `BOOTIF`, which every netboot
    /// adds, and `dns` do not count: they go along with any network.
    pub fn has_network(&self) -> bool {
        let addressed = !self.ip.is_empty() || self.ipv6.is_some() || !self.gateways.is_empty();
        addressed || !self.bonds.is_empty() || !self.vlans.is_empty() || self.bridged == Some(true)
    }
}

#[cfg(test)]
mod tests;
