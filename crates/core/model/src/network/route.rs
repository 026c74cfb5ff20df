//! Routes beside the default ones.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::{NetworkError, parse_address};

/// A network that something leads to: no bit behind the prefix is set. `0.0.0.0/0` and `::/0` are everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteTarget {
    address: IpAddr,
    prefix: u8,
}

impl RouteTarget {
    /// Whether it is one of IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }
}

impl FromStr for RouteTarget {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let bad = || NetworkError::Route(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(bad)?;
        let address = parse_address(address).map_err(|_| bad())?;
        let prefix: u8 = prefix.parse().map_err(|_| bad())?;
        let (bits, most) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        // A shift by all 128 bits leaves none.
        let behind = bits.checked_shl(u32::from(prefix)).unwrap_or(0);
        if prefix > most || behind != 0 || address.is_multicast() {
            return Err(bad());
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for RouteTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A way to a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub to: RouteTarget,
    /// `None` where the network is on the wire itself.
    pub via: Option<IpAddr>,
    pub metric: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_network_and_not_a_host_in_it() {
        for good in [
            "10.0.0.0/8",
            "192.0.2.1/32",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::/0",
            "fd00::1/128",
        ] {
            assert_eq!(good.parse::<RouteTarget>().map(|t| t.to_string()).as_deref(), Ok(good));
        }
        for bad in [
            "10.0.0.1/8",
            "10.0.0.0",
            "10.0.0.0/33",
            "2001:db8::1/64",
            "224.0.0.0/4",
            "x/8",
            "10.0.0.0/-1",
        ] {
            assert!(bad.parse::<RouteTarget>().is_err(), "{bad}");
        }
    }
}
