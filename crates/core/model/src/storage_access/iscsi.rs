//! iSCSI (RFC 7143): names of nodes, portals, and who logs in.

use std::fmt;
use std::str::FromStr;

use crate::secret::Secret;
use crate::server::{Server, ServerError, parse_server_and_port};

/// By RFC 7143, section 4.
pub const ISCSI_PORT: u16 = 3260;
/// By RFC 7143, section 4.2.7.1.
const LONGEST_NAME: usize = 223;

/// Text that is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IscsiError {
    #[error(
        "{0:?} is not the name of an iSCSI node: write iqn.2004-10.org.example:NAME, eui. with 16 hexadecimal digits, or naa. with 16 or 32"
    )]
    Name(String),
    #[error("{0:?} is not a user of CHAP: give 1 to 63 letters, digits, '.', '_', '-', ':' and '@'")]
    User(String),
}

/// The name of an initiator or a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IscsiName(String);

impl IscsiName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `yyyy-mm`, of a month in which somebody may have owned a domain.
fn is_date(text: &str) -> bool {
    let Some((year, month)) = text.split_once('-') else {
        return false;
    };
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month)
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    text.split('.').all(label)
}

fn is_iqn(rest: &str) -> bool {
    let (authority, own) = match rest.split_once(':') {
        Some((authority, own)) => (authority, Some(own)),
        None => (rest, None),
    };
    let named = authority
        .split_once('.')
        .is_some_and(|(date, domain)| is_date(date) && is_domain(domain));
    // Targets in the field have capitals and underscores behind the colon, though the RFC folds and forbids them.
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"-.:_".contains(&b);
    named && own.is_none_or(|own| !own.is_empty() && own.bytes().all(sign))
}

impl FromStr for IscsiName {
    type Err = IscsiError;
    fn from_str(text: &str) -> Result<Self, IscsiError> {
        let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        let good = match text.split_once('.') {
            Some(("iqn", rest)) => is_iqn(rest),
            Some(("eui", rest)) => rest.len() == 16 && hex(rest),
            Some(("naa", rest)) => matches!(rest.len(), 16 | 32) && hex(rest),
            _ => false,
        };
        if good && text.len() <= LONGEST_NAME {
            Ok(Self(text.to_owned()))
        } else {
            Err(IscsiError::Name(text.to_owned()))
        }
    }
}

impl fmt::Display for IscsiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a target listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    pub server: Server,
    pub port: u16,
}

impl FromStr for Portal {
    type Err = ServerError;
    fn from_str(text: &str) -> Result<Self, ServerError> {
        let (server, port) = parse_server_and_port(text)?;
        Ok(Self {
            server,
            port: port.unwrap_or(ISCSI_PORT),
        })
    }
}

impl fmt::Display for Portal {
    /// With the port, as iscsiadm(8) reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            Server::Address(address) if address.is_ipv6() => write!(f, "[{address}]:{}", self.port),
            server => write!(f, "{server}:{}", self.port),
        }
    }
}

/// The name by which the node proves itself to a target (CHAP, RFC 1994).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChapUser(String);

impl FromStr for ChapUser {
    type Err = IscsiError;
    fn from_str(text: &str) -> Result<Self, IscsiError> {
        // The name of an initiator is often taken for it.
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:@".contains(&b));
        if clean && (1..=63).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IscsiError::User(text.to_owned()))
        }
    }
}

impl fmt::Display for ChapUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A target with the ways to it; each of them is a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub name: IscsiName,
    /// Never empty.
    pub portals: Vec<Portal>,
    pub chap_user: Option<ChapUser>,
    /// `None` where it is kept apart, or was forgotten.
    pub chap_password: Option<Secret>,
}

impl Target {
    /// Whether nobody said the password that belongs to the user.
    pub fn lacks_password(&self) -> bool {
        self.chap_user.is_some() && self.chap_password.is_none()
    }
}

/// `[storage_access.iscsi]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Iscsi {
    /// Made by the node where nobody says one.
    pub initiator: Option<IscsiName>,
    pub targets: Vec<Target>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_those_of_the_rfc() {
        for good in [
            "iqn.1993-08.org.debian:01:0123456789ab",
            "iqn.2001-04.com.example",
            "iqn.2000-01.com.synology:NAS_1.Target-1",
            "eui.02004567A425678D",
            "naa.52004567BA64678D",
            "naa.62004567BA64678D0123456789ABCDEF",
        ] {
            assert_eq!(
                good.parse::<IscsiName>().map(|name| name.to_string()).as_deref(),
                Ok(good)
            );
        }
        for bad in [
            "",
            "iqn",
            "iqn.",
            "iqn.2001.com.example",
            "iqn.2001-13.com.example",
            "iqn.2001-04.",
            "iqn.2001-04.com.example:",
            "iqn.2001-04.com..example:x",
            "iqn.2001-04.com.example:a b",
            "iqn.2001-04.com.example:a/b",
            "eui.02004567A425678",
            "naa.52004567BA64678DA",
            &format!("iqn.2001-04.com.example:{}", "x".repeat(200)),
        ] {
            assert!(bad.parse::<IscsiName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn portals_have_a_port() {
        let shown = |text: &str| text.parse::<Portal>().map(|portal| portal.to_string());
        assert_eq!(shown("192.0.2.5").as_deref(), Ok("192.0.2.5:3260"));
        assert_eq!(shown("[2001:db8::5]:860").as_deref(), Ok("[2001:db8::5]:860"));
        assert_eq!(shown("2001:db8::5").as_deref(), Ok("[2001:db8::5]:3260"));
        assert_eq!(shown("san.example.org").as_deref(), Ok("san.example.org:3260"));
        assert!(shown("san:0").is_err() && shown("a b").is_err());
    }

    #[test]
    fn users_of_chap() {
        assert!("iqn.1993-08.org.debian:01:ab".parse::<ChapUser>().is_ok());
        for bad in ["", "a b", "a\"b", &"x".repeat(64)] {
            assert!(bad.parse::<ChapUser>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,40}") {
            let _ = (text.parse::<IscsiName>(), text.parse::<Portal>());
            if let Ok(portal) = text.parse::<Portal>() {
                prop_assert_eq!(portal.to_string().parse::<Portal>(), Ok(portal));
            }
        }
    }
}
