//! Where the figures of the node and its machines go.

use std::fmt;
use std::str::FromStr;

use crate::Span;
use crate::secret::Secret;
use crate::server::Server;

/// Text that is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MonitoringError {
    #[error("{0:?} is not a level of security: write none, sign or encrypt")]
    Security(String),
    #[error("{0:?} is not a user of collectd: give 1 to 64 letters, digits, '.', '_', '-' and '@'")]
    User(String),
}

/// What collectd's network protocol does against others on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    #[default]
    None,
    Sign,
    Encrypt,
}

impl Security {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
        }
    }
}

impl FromStr for Security {
    type Err = MonitoringError;
    fn from_str(text: &str) -> Result<Self, MonitoringError> {
        let levels = [Self::None, Self::Sign, Self::Encrypt];
        let known = levels.into_iter().find(|level| level.as_str() == text);
        known.ok_or_else(|| MonitoringError::Security(text.to_owned()))
    }
}

/// The name of an account in the server's `AuthFile`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectdUser(String);

impl FromStr for CollectdUser {
    type Err = MonitoringError;
    fn from_str(text: &str) -> Result<Self, MonitoringError> {
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
        if clean && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(MonitoringError::User(text.to_owned()))
        }
    }
}

impl fmt::Display for CollectdUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A collectd that gets the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FigureServer {
    pub server: Server,
    pub port: u16,
    pub security: Security,
    /// Always there where `security` is more than none.
    pub user: Option<CollectdUser>,
    /// `None` where it is kept apart, or was forgotten.
    pub password: Option<Secret>,
}

/// By collectd's own documentation.
pub const COLLECTD_PORT: u16 = 25826;

/// `[monitoring.collectd]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitoring {
    /// Whether figures are collected at all.
    pub enabled: bool,
    /// Between two looks.
    pub interval: Option<Span>,
    pub server: Option<FigureServer>,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            enabled: true,
            interval: None,
            server: None,
        }
    }
}

impl Monitoring {
    /// Puts the password in place that is kept apart, where the document has none.
    pub fn fill_password(&mut self, kept: Option<&Secret>) {
        let server = self.server.as_mut();
        if let Some(server) = server.filter(|server| server.password.is_none()) {
            server.password = kept.cloned();
        }
    }

    /// Whether figures can be neither signed nor encrypted, as nobody said the password.
    pub fn lacks_password(&self) -> bool {
        let server = self.server.as_ref();
        server.is_some_and(|server| server.security != Security::None && server.password.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_users() {
        assert_eq!("encrypt".parse(), Ok(Security::Encrypt));
        assert!("Encrypt".parse::<Security>().is_err());
        assert!("node-1@example.org".parse::<CollectdUser>().is_ok());
        for bad in ["", "a b", "a\"b", "a:b", &"x".repeat(65)] {
            assert!(bad.parse::<CollectdUser>().is_err(), "{bad}");
        }
    }
}
