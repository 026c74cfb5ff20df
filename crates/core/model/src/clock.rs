//! The name of a time zone and the port of sshd: small values that become a line of a file.

use std::fmt;
use std::str::FromStr;

/// Text that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("{0:?} is not a time zone: give a name such as Europe/Berlin or UTC")]
    TimeZone(String),
    #[error("{0:?} is not a port for SSH: give 22, or 1024 to 65535 but not 8443, which is the API's")]
    SshPort(String),
}

/// A name below `/usr/share/zoneinfo` (tzfile(5)). Whether the image has it shows when it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone(String);

impl TimeZone {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TimeZone {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        // It becomes the end of a path: each part begins with a letter, so that none leads out of the folder.
        let part = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
        };
        if text.len() <= 64 && text.split('/').all(part) && text.split('/').count() <= 3 {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::TimeZone(text.to_owned()))
        }
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The port that sshd listens on. Other ports below 1024 belong to other services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SshPort(u16);

impl SshPort {
    pub fn number(self) -> u16 {
        self.0
    }
}

impl Default for SshPort {
    fn default() -> Self {
        Self(22)
    }
}

impl FromStr for SshPort {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let number = text.parse().ok().filter(|n| (*n == 22 || *n >= 1024) && *n != 8443);
        number.map(Self).ok_or_else(|| ValueError::SshPort(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_zone_never_leads_out_of_its_folder() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+3"] {
            assert!(good.parse::<TimeZone>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "../etc/passwd",
            "/etc",
            "Europe/",
            "Europe//Berlin",
            "a b",
            "Europe/../x",
            ".",
            "a/b/c/d",
        ] {
            assert!(bad.parse::<TimeZone>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_is_that_of_ssh_or_a_free_one() {
        assert_eq!("2222".parse::<SshPort>().map(SshPort::number), Ok(2222));
        for bad in ["0", "80", "1023", "65536", "8443", "-22", "x"] {
            assert!(bad.parse::<SshPort>().is_err(), "{bad}");
        }
    }
}
