//! The network as values: names, addresses, and what each interface shall have ([`NetworkConfig`]), whether it came from kernel
//! words or from `corbel.toml`. Rendering for systemd-networkd is in `corbel-plan`.

mod bond;
mod route;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

pub use bond::{Bond, BondMode, BondOptions};
pub use route::{Route, RouteTarget};

/// Text that is no value of the network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    #[error("{0:?} is not an interface name: 1 to 15 characters without blank, '/', ':' and '%'")]
    Interface(String),
    #[error("{0:?} is not an interface, a pattern or a MAC address: write eno1, eno* or 52:54:00:12:34:56")]
    Match(String),
    #[error("{0:?} is not a MAC address of one interface: write it like 52:54:00:12:34:56")]
    Mac(String),
    #[error("{0:?} is not an IP address")]
    Address(String),
    #[error("{0:?} is not an address with its prefix length: write it like 192.0.2.10/24 or 2001:db8::10/64")]
    Cidr(String),
    #[error(
        "{0:?} is not a network: write its first address and the length of its prefix, such as 10.0.0.0/8 or 2001:db8::/32"
    )]
    Route(String),
    #[error("{0:?} is not a netmask: write 255.255.255.0 or a prefix length such as 24")]
    Netmask(String),
    #[error("{0:?} is not a VLAN number: give 1 to 4094")]
    Vlan(String),
    #[error(
        "{0:?} is not a bond mode: give balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb or balance-alb"
    )]
    BondMode(String),
    #[error("{option}={value:?} is not known for a bond: {right}")]
    BondOption {
        option: String,
        value: String,
        right: &'static str,
    },
    #[error("{0:?} is not an MTU: give 576 to 65535")]
    Mtu(String),
    #[error("{0:?} is not a domain or server name")]
    Domain(String),
}

/// The name of a network interface: at most 15 bytes (`IFNAMSIZ`, netdevice(7)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@' | b'+')
}

impl FromStr for InterfaceName {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        // The kernel allows more, but the name also becomes a file name and a value of systemd.network(5).
        let good =
            (1..=15).contains(&text.len()) && text.bytes().all(is_name_byte) && !matches!(text, "." | ".." | "lo");
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(NetworkError::Interface(text.to_owned()))
        }
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A unicast MAC address of six bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl FromStr for Mac {
    type Err = NetworkError;
    /// Separated by `:` or `-`, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let bad = || NetworkError::Mac(text.to_owned());
        let mut bytes = [0; 6];
        let mut octets = text.split([':', '-']);
        for byte in &mut bytes {
            let octet = octets
                .next()
                .filter(|o| o.len() == 2 && o.bytes().all(|b| b.is_ascii_hexdigit()))
                .ok_or_else(bad)?;
            *byte = u8::from_str_radix(octet, 16).map_err(|_| bad())?;
        }
        // The lowest bit of the first byte marks a group: no interface has such an address.
        if octets.next().is_some() || bytes[0] & 1 == 1 || bytes == [0; 6] {
            return Err(bad());
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// An interface's address with the length of its network's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    pub address: IpAddr,
    pub prefix: u8,
}

impl FromStr for Cidr {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let bad = || NetworkError::Cidr(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = parse_address(address).map_err(|_| bad())?;
        let prefix: u8 = prefix.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if prefix == 0 || prefix > most || address.is_unspecified() || address.is_multicast() {
            return Err(bad());
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An IPv4 or IPv6 address, the latter also in brackets as dracut.cmdline(7) writes it.
pub fn parse_address(text: &str) -> Result<IpAddr, NetworkError> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| NetworkError::Address(text.to_owned()))
}

/// A prefix length from `255.255.255.0` or `24`.
pub fn parse_netmask(text: &str) -> Result<u8, NetworkError> {
    let bad = || NetworkError::Netmask(text.to_owned());
    if let Ok(mask) = text.parse::<std::net::Ipv4Addr>() {
        let bits = u32::from(mask);
        let ones = bits.leading_ones();
        return if ones > 0 && bits.count_ones() == ones {
            u8::try_from(ones).map_err(|_| bad())
        } else {
            Err(bad())
        };
    }
    text.parse().ok().filter(|n| (1..=128).contains(n)).ok_or_else(bad)
}

/// A maximum transmission unit in bytes.
pub fn parse_mtu(text: &str) -> Result<u16, NetworkError> {
    text.parse()
        .ok()
        .filter(|n| *n >= 576)
        .ok_or_else(|| NetworkError::Mtu(text.to_owned()))
}

/// A name of DNS or an address, for time servers and search domains. Also keeps blanks and line ends out of rendered files.
pub fn parse_domain(text: &str) -> Result<String, NetworkError> {
    let named = text.parse::<crate::HostName>().is_ok() || text.parse::<IpAddr>().is_ok();
    if named {
        Ok(text.to_owned())
    } else {
        Err(NetworkError::Domain(text.to_owned()))
    }
}

/// The number of an IEEE 802.1Q VLAN, 1 to 4094.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VlanId(u16);

impl VlanId {
    /// 1 to 4094.
    pub fn number(self) -> u16 {
        self.0
    }

    /// From a number.
    pub fn new(id: u16) -> Result<Self, NetworkError> {
        if (1..=4094).contains(&id) {
            Ok(Self(id))
        } else {
            Err(NetworkError::Vlan(id.to_string()))
        }
    }
}

impl FromStr for VlanId {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        text.parse()
            .ok()
            .and_then(|id| Self::new(id).ok())
            .ok_or_else(|| NetworkError::Vlan(text.to_owned()))
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Which interface an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// Every physical Ethernet interface, written `*`. Not a pattern: that one would take in every bridge and every port of a VM.
    Ethernet,
    /// By name, or by pattern with `*` and `?`, as systemd.network(5) matches.
    Name(String),
    /// The physical interface with this address: bonds, VLANs and bridges over it share the address and are not meant.
    Mac(Mac),
}

impl FromStr for Match {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if text == "*" {
            return Ok(Self::Ethernet);
        }
        if let Ok(mac) = text.parse() {
            return Ok(Self::Mac(mac));
        }
        let pattern = text.bytes().all(|b| is_name_byte(b) || b"*?".contains(&b));
        if pattern && (1..=15).contains(&text.len()) && !matches!(text, "lo" | "." | "..") {
            Ok(Self::Name(text.to_owned()))
        } else {
            Err(NetworkError::Match(text.to_owned()))
        }
    }
}

impl fmt::Display for Match {
    /// As it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ethernet => f.write_str("*"),
            Self::Name(name) => f.write_str(name),
            Self::Mac(mac) => mac.fmt(f),
        }
    }
}

impl Match {
    /// Whether this seen interface is meant.
    pub fn covers(&self, interface: &Interface) -> bool {
        match self {
            Self::Ethernet => interface.physical,
            Self::Name(_) => self.covers_name(interface.name.as_str()),
            Self::Mac(mac) => interface.physical && interface.mac == Some(*mac),
        }
    }

    /// Whether an interface is meant of which only the name is known.
    pub fn covers_name(&self, name: &str) -> bool {
        matches!(self, Self::Name(pattern) if glob(pattern.as_bytes(), name.as_bytes()))
    }
}

fn glob(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) if glob(rest, name) => true,
        (Some((b'*', _)), Some((_, tail))) => glob(pattern, tail),
        (Some((p, rest)), Some((n, tail))) => (p == n || *p == b'?') && glob(rest, tail),
        _ => false,
    }
}

/// An interface as it was seen on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    pub name: InterfaceName,
    /// `None` for what has no Ethernet address.
    pub mac: Option<Mac>,
    /// A cable with life at its other end. False also while the interface is down.
    pub carrier: bool,
    /// An Ethernet device of the machine, not one that software made.
    pub physical: bool,
    /// The kernel module behind it.
    pub driver: Option<String>,
}

/// How an interface gets its addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addressing {
    pub dhcp4: bool,
    pub ipv6: Ipv6,
    pub addresses: Vec<Cidr>,
    pub gateways: Vec<IpAddr>,
    pub routes: Vec<Route>,
    pub dns: Vec<IpAddr>,
    pub search: Vec<String>,
}

impl Addressing {
    /// What an interface has of which nobody said anything: DHCPv4, and IPv6 as the routers announce it.
    pub fn automatic() -> Self {
        Self {
            dhcp4: true,
            ipv6: Ipv6 {
                dhcp: true,
                slaac: true,
                link_local: true,
            },
            ..Self::default()
        }
    }
}

/// How an interface gets IPv6 beyond its static addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ipv6 {
    /// DHCPv6 (RFC 8415).
    pub dhcp: bool,
    /// Addresses made from router advertisements (RFC 4862).
    pub slaac: bool,
    /// False only where IPv6 is off.
    pub link_local: bool,
}

/// What one interface, or all that match, shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceConfig {
    pub matches: Match,
    pub addressing: Addressing,
    /// Put the interface into this bridge; the addresses then belong to the bridge.
    pub bridge: Option<InterfaceName>,
    pub mtu: Option<u16>,
}

/// A VLAN over an interface or a bond. Its own interface is named by [`Vlan::name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vlan {
    pub id: VlanId,
    pub parent: Match,
}

impl Vlan {
    /// `PARENT.ID`, or `vlanID` when the parent is known by its MAC or a pattern, or the name would be too long.
    pub fn name(&self) -> InterfaceName {
        let plain = InterfaceName(format!("vlan{}", self.id));
        match &self.parent {
            Match::Name(parent) => format!("{parent}.{}", self.id).parse().unwrap_or(plain),
            Match::Mac(_) | Match::Ethernet => plain,
        }
    }
}

/// A bridge that was described for itself. One that an interface names ([`InterfaceConfig::bridge`]) needs none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    pub name: InterfaceName,
    pub ports: Vec<Match>,
    /// Spanning tree protocol (IEEE 802.1D).
    pub stp: bool,
}

/// The name of the bridge over an interface, `br` and as much of the name as 15 characters hold.
pub fn bridge_over(name: &str) -> InterfaceName {
    // Interface names are ASCII, so any cut is a boundary; a pattern's characters do not belong into a name.
    InterfaceName(
        format!("br{name}")
            .chars()
            .filter(|c| !matches!(c, '*' | '?'))
            .take(15)
            .collect(),
    )
}

/// The whole network of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkConfig {
    pub interfaces: Vec<InterfaceConfig>,
    pub bonds: Vec<Bond>,
    pub vlans: Vec<Vlan>,
    pub bridges: Vec<Bridge>,
}

#[cfg(test)]
mod tests;
