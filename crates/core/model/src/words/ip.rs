//! The forms of `ip=`: `dhcp`, `off`, an address with or without its prefix, oVirt's `client:server:gateway:netmask`, and those of
//! dracut.cmdline(7), where an IPv6 address stands in brackets.

use std::net::IpAddr;

use crate::HostName;
use crate::network::{Cidr, InterfaceName, NetworkError, parse_address, parse_domain, parse_mtu, parse_netmask};

/// One word `ip=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpWord {
    /// The boot interface when absent.
    pub device: Option<InterfaceName>,
    pub method: IpMethod,
    pub hostname: Option<HostName>,
    pub mtu: Option<u16>,
    pub dns: Vec<IpAddr>,
    pub ntp: Vec<String>,
}

impl IpWord {
    /// Which family the word is about: both can be said of one interface.
    pub fn is_ipv6(&self) -> bool {
        match &self.method {
            IpMethod::Dhcp4 | IpMethod::Off => false,
            IpMethod::Dhcp6 | IpMethod::Auto6 => true,
            IpMethod::Static { address, .. } => address.is_ipv6(),
        }
    }
}

/// How the interface gets its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IpMethod {
    /// `dhcp`, `on`, `any`.
    Dhcp4,
    /// `dhcp6`.
    Dhcp6,
    /// `auto6`: by router advertisements.
    Auto6,
    /// `off`, `none`: no IPv4.
    Off,
    /// Without a prefix until `netmask=` has been seen.
    Static {
        address: IpAddr,
        prefix: Option<u8>,
        gateway: Option<IpAddr>,
    },
}

/// Reads the value of `ip=`. The second part says what of it was left aside.
pub(super) fn parse(value: &str) -> Result<(IpWord, Option<String>), String> {
    if let Some(method) = named_method(value) {
        return Ok((word(method), None));
    }
    if let Ok(Cidr { address, prefix }) = value.parse() {
        return Ok((
            word(IpMethod::Static {
                address,
                prefix: Some(prefix),
                gateway: None,
            }),
            None,
        ));
    }
    if let Ok(address) = parse_address(value) {
        usable(address)?;
        return Ok((
            word(IpMethod::Static {
                address,
                prefix: None,
                gateway: None,
            }),
            None,
        ));
    }
    let fields = split_fields(value);
    if fields.len() == 1 {
        return Err(
            "give dhcp, off, an address such as 192.0.2.10/24, or CLIENT::GATEWAY:NETMASK:HOSTNAME:INTERFACE:none"
                .into(),
        );
    }
    let addressed = fields[0].is_empty() || fields[0].parse::<Cidr>().is_ok() || parse_address(fields[0]).is_ok();
    if !addressed && (fields.len() < 6 || named_method(fields[1]).is_some()) {
        short(&fields)
    } else {
        full(&fields)
    }
}

fn word(method: IpMethod) -> IpWord {
    IpWord {
        device: None,
        method,
        hostname: None,
        mtu: None,
        dns: Vec::new(),
        ntp: Vec::new(),
    }
}

fn named_method(text: &str) -> Option<IpMethod> {
    match text {
        "dhcp" | "on" | "any" | "dhcp4" | "single-dhcp" => Some(IpMethod::Dhcp4),
        "dhcp6" => Some(IpMethod::Dhcp6),
        "auto6" | "either6" | "link6" => Some(IpMethod::Auto6),
        "off" | "none" => Some(IpMethod::Off),
        _ => None,
    }
}

fn usable(address: IpAddr) -> Result<(), String> {
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        return Err(format!("{address} cannot be the address of an interface"));
    }
    Ok(())
}

/// `INTERFACE:METHOD[:MTU[:MAC]]`.
fn short(fields: &[&str]) -> Result<(IpWord, Option<String>), String> {
    let device = fields[0].parse().map_err(|e: NetworkError| e.to_string())?;
    let method = named_method(fields[1])
        .ok_or_else(|| format!("{:?} is not a method: give dhcp, dhcp6, auto6 or off", fields[1]))?;
    let mut found = IpWord {
        device: Some(device),
        ..word(method)
    };
    found.mtu = optional(fields, 2, parse_mtu)?;
    Ok((found, mac_left_aside(fields.get(3..))))
}

/// `CLIENT:PEER:GATEWAY:NETMASK:HOSTNAME:INTERFACE:METHOD[:MTU[:MAC]]` or `…:METHOD[:DNS[:DNS[:NTP]]]`; oVirt's four fields are its
/// beginning, where the second is the boot server.
fn full(fields: &[&str]) -> Result<(IpWord, Option<String>), String> {
    let method = match optional(fields, 6, |text| {
        named_method(text).ok_or_else(|| format!("{text:?} is not a method: give none, dhcp or off"))
    })? {
        None | Some(IpMethod::Off) if !fields[0].is_empty() => {
            let (address, prefix) = match fields[0].parse::<Cidr>() {
                Ok(cidr) => (cidr.address, Some(cidr.prefix)),
                Err(_) => (parse_address(fields[0]).map_err(|e| e.to_string())?, None),
            };
            usable(address)?;
            let mask = optional(fields, 3, parse_netmask)?.or(prefix);
            if mask.is_some_and(|bits| address.is_ipv4() && bits > 32) {
                return Err(NetworkError::Netmask(fields[3].to_owned()).to_string());
            }
            IpMethod::Static {
                address,
                prefix: mask,
                gateway: optional(fields, 2, parse_address)?,
            }
        }
        None => return Err("has neither an address nor a method: give CLIENT or dhcp".into()),
        Some(method) => method,
    };
    let mut found = word(method);
    found.hostname = optional(fields, 4, str::parse::<HostName>)?;
    found.device = optional(fields, 5, str::parse::<InterfaceName>)?;
    let mut rest = None;
    match fields.get(7) {
        None | Some(&"") if fields.len() <= 8 => {}
        Some(mtu) if mtu.parse::<u32>().is_ok() || mtu.is_empty() && fields.len() > 9 => {
            found.mtu = optional(fields, 7, parse_mtu)?;
            rest = mac_left_aside(fields.get(8..));
        }
        _ => {
            found.dns.extend(optional(fields, 7, parse_address)?);
            found.dns.extend(optional(fields, 8, parse_address)?);
            found.ntp.extend(optional(fields, 9, parse_domain)?);
        }
    }
    Ok((found, rest))
}

fn optional<T, E: ToString>(
    fields: &[&str],
    at: usize,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    fields
        .get(at)
        .filter(|text| !text.is_empty())
        .map(|text| read(text))
        .transpose()
        .map_err(|e| e.to_string())
}

fn mac_left_aside(rest: Option<&[&str]>) -> Option<String> {
    let set = rest.is_some_and(|fields| fields.iter().any(|f| !f.is_empty()));
    set.then(|| "a new MAC address cannot be given to an interface: it keeps its own".to_owned())
}

/// Cuts at colons outside of brackets.
fn split_fields(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    })
    .collect()
}
