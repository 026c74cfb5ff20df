//! Where a node is: its UNIX socket on the node itself, or a host and a port from afar.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use corbel_node_api::TLS_PORT;

/// A place where a node answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// On this machine; the socket's permissions decide who may.
    Local(PathBuf),
    /// Over TLS.
    Remote(RemoteHost),
}

/// A host name or address and a port, as typed in `HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemoteHost {
    /// A DNS name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// 8443 unless given.
    pub port: u16,
}

/// Text that names no host and port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The host part is empty or has a character that neither a name nor an address has.
    #[error("{text:?} is not a host: write NAME, ADDRESS or [IPV6], and :PORT if it is not 8443")]
    Host { text: String },
    /// The part behind the last colon is not 1 to 65535.
    #[error("{text:?} has no usable port: give 1 to 65535 behind the colon")]
    Port { text: String },
}

impl FromStr for RemoteHost {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let shown = || text.chars().take(80).collect::<String>();
        let bad_host = || EndpointError::Host { text: shown() };
        let port_of = |port: &str| match port.parse() {
            Ok(port) if port != 0 => Ok(port),
            _ => Err(EndpointError::Port { text: shown() }),
        };
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self {
                host: text.to_ascii_lowercase(),
                port: TLS_PORT,
            });
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (host, port) = rest.split_once(']').ok_or_else(bad_host)?;
            host.parse::<Ipv6Addr>().map_err(|_| bad_host())?;
            let port = match port.strip_prefix(':') {
                Some(port) => port_of(port)?,
                None if port.is_empty() => TLS_PORT,
                None => return Err(bad_host()),
            };
            return Ok(Self {
                host: host.to_ascii_lowercase(),
                port,
            });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port_of(port)?),
            None => (text, TLS_PORT),
        };
        let label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if host.is_empty() || host.len() > 253 || !host.bytes().all(label) {
            return Err(bad_host());
        }
        // Names of hosts do not differ by case (RFC 1123), so a pin must not either.
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

impl fmt::Display for RemoteHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "socket {}", path.display()),
            Self::Remote(remote) => write!(f, "{} port {}", remote.host, remote.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hosts_are_written_in_many_ways() {
        for (text, host, port) in [
            ("Node-1", "node-1", 8443),
            ("node-1.example:9000", "node-1.example", 9000),
            ("192.0.2.7:1", "192.0.2.7", 1),
            ("2001:db8::1", "2001:db8::1", 8443),
            ("[2001:DB8::1]:443", "2001:db8::1", 443),
            ("[::1]", "::1", 8443),
        ] {
            assert_eq!(
                text.parse(),
                Ok(RemoteHost {
                    host: host.into(),
                    port
                }),
                "{text}"
            );
        }
        for text in [
            "",
            ":",
            "a:",
            "a:0",
            "a:65536",
            "a:b:c",
            "[::1",
            "[x]:1",
            "[::1]9",
            "a b",
            "https://a",
            "ä",
        ] {
            assert!(text.parse::<RemoteHost>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in ".{0,300}") {
            if let Ok(remote) = text.parse::<RemoteHost>() {
                prop_assert_eq!(remote.to_string().parse(), Ok(remote));
            }
        }
    }
}
