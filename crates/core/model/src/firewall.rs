//! From which addresses the node's own services can be reached.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Text that is no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither an address nor a network: write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, with no bit set behind the prefix"
)]
pub struct SourceError(String);

/// An address, or a network of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    address: IpAddr,
    prefix: u8,
}

/// As 128 bits from the left, whichever family it is.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    }
}

impl Source {
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether every address of the other one is of this, too.
    pub fn covers(&self, other: &Self) -> bool {
        let differs = bits(self.address) ^ bits(other.address);
        // A shift by all 128 bits leaves nothing that could differ.
        let differs = differs.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0);
        self.is_ipv4() == other.is_ipv4() && self.prefix <= other.prefix && differs == 0
    }
}

impl FromStr for Source {
    type Err = SourceError;
    fn from_str(text: &str) -> Result<Self, SourceError> {
        let bad = || SourceError(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |prefix| prefix.parse::<u8>().map_err(|_| bad()))?;
        let behind = bits(address).checked_shl(u32::from(prefix)).unwrap_or(0);
        // An IPv4 address inside of an IPv6 one never arrives as such.
        let mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
        if prefix > most || behind != 0 || address.is_multicast() || mapped {
            return Err(bad());
        }
        Ok(Self { address, prefix })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most = if self.is_ipv4() { 32 } else { 128 };
        match self.prefix {
            prefix if prefix == most => self.address.fmt(f),
            prefix => write!(f, "{}/{prefix}", self.address),
        }
    }
}

/// `[firewall]`: `None` lets everybody in, an empty list nobody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Firewall {
    pub ssh: Option<Vec<Source>>,
    pub api: Option<Vec<Source>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_source_is_an_address_or_a_network() {
        for (text, shown) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("fe80::1", "fe80::1"),
        ] {
            assert_eq!(text.parse::<Source>().map(|s| s.to_string()).as_deref(), Ok(shown));
        }
        for bad in [
            "",
            "192.0.2.7/24",
            "192.0.2.0/33",
            "2001:db8::1/64",
            "224.0.0.0/4",
            "example.org",
            "::ffff:192.0.2.1",
            "1.2.3.4/",
        ] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_network_covers_what_is_in_it() {
        let covers = |a: &str, b: &str| a.parse::<Source>().expect("a").covers(&b.parse().expect("b"));
        assert!(covers("192.0.2.0/24", "192.0.2.7") && covers("0.0.0.0/0", "198.51.100.0/24"));
        assert!(covers("192.0.2.7", "192.0.2.7") && covers("::/0", "2001:db8::/32"));
        assert!(!covers("192.0.2.7", "192.0.2.0/24") && !covers("0.0.0.0/0", "::/0"));
        assert!(!covers("2001:db8::/32", "2001:db9::/32"));
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[0-9a-f:./]{0,30}") {
            if let Ok(source) = text.parse::<Source>() {
                prop_assert_eq!(source.to_string().parse(), Ok(source));
                prop_assert!(source.covers(&source));
            }
        }
    }
}
