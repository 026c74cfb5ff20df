//! Where log messages go besides the journal, and how much the journal keeps.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Span;
use crate::network::{InterfaceName, Mac};
use crate::pem::lines;
use crate::server::Server;
use crate::{ByteSize, HostName};

/// Text that is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoggingError {
    #[error("{0:?} is not a protocol of syslog: write udp, tcp or tls")]
    Protocol(String),
    #[error("{0:?} is not a priority: write emerg, alert, crit, err, warning, notice, info or debug")]
    Priority(String),
    #[error("holds no certificate: give one or several PEM blocks that begin with -----BEGIN CERTIFICATE-----")]
    Certificates,
}

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    #[default]
    Udp,
    Tcp,
    Tls,
}

impl Protocol {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// RFC 5426 and RFC 5425; that of TCP is by custom.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 514,
            Self::Tls => 6514,
        }
    }
}

impl FromStr for Protocol {
    type Err = LoggingError;
    fn from_str(text: &str) -> Result<Self, LoggingError> {
        match text {
            "udp" => Ok(Self::Udp),
            "tcp" => Ok(Self::Tcp),
            "tls" => Ok(Self::Tls),
            _ => Err(LoggingError::Protocol(text.to_owned())),
        }
    }
}

/// How bad a message must be at least, by the names of syslog(3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority(&'static str);

const PRIORITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

impl Priority {
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for Priority {
    type Err = LoggingError;
    fn from_str(text: &str) -> Result<Self, LoggingError> {
        let known = PRIORITIES.into_iter().find(|known| *known == text);
        known.map(Self).ok_or_else(|| LoggingError::Priority(text.to_owned()))
    }
}

/// Certificates as PEM blocks (RFC 7468), and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates(String);

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

impl Certificates {
    /// The blocks, each with its lines of 64 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Certificates {
    type Err = LoggingError;
    fn from_str(text: &str) -> Result<Self, LoggingError> {
        let mut rest = text;
        let mut blocks = String::new();
        while let Some((_, after)) = rest.split_once(BEGIN) {
            let (body, behind) = after.split_once(END).ok_or(LoggingError::Certificates)?;
            let body: String = body.split_ascii_whitespace().collect();
            let der = STANDARD.decode(&body).map_err(|_| LoggingError::Certificates)?;
            // X.690: a certificate is a SEQUENCE. Who connects reads the rest.
            if der.first() != Some(&0x30) || der.len() < 64 {
                return Err(LoggingError::Certificates);
            }
            blocks += &format!("{BEGIN}\n{}{END}\n", lines(&STANDARD.encode(&der), 64));
            rest = behind;
        }
        if blocks.is_empty() {
            return Err(LoggingError::Certificates);
        }
        Ok(Self(blocks))
    }
}

impl fmt::Display for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A server that gets the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteLog {
    pub server: Server,
    pub port: u16,
    pub protocol: Protocol,
    /// The authorities of which one has signed the server's certificate; always there with TLS, and kept beside other protocols.
    pub ca: Option<Certificates>,
    /// The name that the certificate is for, where it is not the server's.
    pub certificate_name: Option<HostName>,
    /// `None` for every message.
    pub priority: Option<Priority>,
}

/// By the kernel's own documentation.
pub const NETCONSOLE_PORT: u16 = 6666;

/// Where the kernel itself sends its messages, also those that no program can send any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Netconsole {
    pub server: IpAddr,
    pub port: u16,
    pub interface: InterfaceName,
    /// Of the server, or of the router that leads there; `None` for everybody on the wire.
    pub mac: Option<Mac>,
}

/// `[logging]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logging {
    pub remote: Vec<RemoteLog>,
    /// Of the journal on the log partition.
    pub max_size: Option<ByteSize>,
    pub max_age: Option<Span>,
    pub netconsole: Option<Netconsole>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_kept_alone_and_in_one_form() {
        let body = STANDARD.encode([&[0x30_u8][..], &[7; 99]].concat());
        let one = format!("a comment\n{BEGIN}\n{body}\n{END}\n");
        let read: Certificates = format!("{one}{one}").parse().expect("two certificates");
        assert_eq!(read.as_str().matches(BEGIN).count(), 2);
        assert!(!read.as_str().contains("comment"));
        assert!(read.as_str().lines().all(|line| line.len() <= 64), "{read}");
        assert_eq!(read.as_str().parse(), Ok(read));
        for bad in [
            "",
            "text",
            BEGIN,
            &format!("{BEGIN}\nMAA=\n{END}"),
            &format!("{BEGIN}\n!\n{END}"),
        ] {
            assert_eq!(bad.parse::<Certificates>(), Err(LoggingError::Certificates), "{bad}");
        }
    }

    #[test]
    fn words_are_those_of_syslog() {
        assert!("warning".parse::<Priority>().is_ok() && "warn".parse::<Priority>().is_err());
        assert!("tls".parse::<Protocol>().is_ok() && "TLS".parse::<Protocol>().is_err());
    }
}
