//! Another machine that the node talks to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::HostName;
use crate::network::parse_address;

/// Text that names none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    #[error("{0:?} is neither a host name nor an IP address")]
    Server(String),
    #[error("{0} is not a port: give 1 to 65535")]
    Port(String),
}

/// By its name or its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Server {
    Name(HostName),
    Address(IpAddr),
}

impl FromStr for Server {
    type Err = ServerError;
    fn from_str(text: &str) -> Result<Self, ServerError> {
        if let Ok(address) = parse_address(text) {
            return Ok(Self::Address(address));
        }
        // Four numbers are an address with a mistake in it and never a name.
        let numbers = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let name = text.parse().ok().filter(|_| !numbers);
        name.map(Self::Name).ok_or_else(|| ServerError::Server(text.to_owned()))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// A port of TCP or UDP.
pub fn parse_port(text: &str) -> Result<u16, ServerError> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| ServerError::Port(text.to_owned()))
}

/// `server` or `server:port`, as the ancestor's kernel words have it; an IPv6 address with a port stands in brackets.
pub fn parse_server_and_port(text: &str) -> Result<(Server, Option<u16>), ServerError> {
    let is_bare = text.parse::<IpAddr>().is_ok();
    match text.rsplit_once(':') {
        Some((server, port)) if !is_bare && !text.ends_with(']') => Ok((server.parse()?, Some(parse_port(port)?))),
        _ => Ok((text.parse()?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_server_is_a_name_or_an_address() {
        for good in ["logs", "logs.example.org", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(good.parse::<Server>().map(|s| s.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "192.0.2.256", "a_b", "logs:514", "a b", "192.0.2"] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_may_follow() {
        let read = |text: &str| parse_server_and_port(text).map(|(server, port)| (server.to_string(), port));
        assert_eq!(read("logs"), Ok(("logs".into(), None)));
        assert_eq!(read("logs:1514"), Ok(("logs".into(), Some(1514))));
        assert_eq!(read("2001:db8::1"), Ok(("2001:db8::1".into(), None)));
        assert_eq!(read("[2001:db8::1]"), Ok(("2001:db8::1".into(), None)));
        assert_eq!(read("[2001:db8::1]:1514"), Ok(("2001:db8::1".into(), Some(1514))));
        assert!(read("logs:0").is_err() && read("logs:x").is_err() && read(":514").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,40}") {
            let _ = (parse_server_and_port(&text), parse_port(&text));
        }
    }
}
