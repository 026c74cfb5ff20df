//! Named users of the API: each with a role, and with whatever of password, certificate and token proves who it is. `admin` is built
//! in, is no entry of this list and so cannot be taken out of it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::access::{Fingerprint, PasswordHash, Role, TokenHash};

/// Text that is none of these. No hash is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    #[error("{0:?} is not the name of a user: give 1 to 32 of a-z, 0-9, '_' and '-', and a letter first")]
    Name(String),
    #[error("{0} is a user of the node itself: give another name")]
    Reserved(String),
    #[error(
        "is not a password hash that the node checks: make one with `openssl passwd -6`; it begins with $6$, and has 1000 to 1000000 rounds where it says how many"
    )]
    Hash,
}

/// crypt(5) takes up to 999,999,999 rounds, which are minutes of a processor for whoever may try a password.
const ROUNDS: RangeInclusive<u32> = 1000..=1_000_000;

/// Users that every node has.
const RESERVED: [&str; 2] = ["admin", "root"];

/// The name of a user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserName(String);

impl UserName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = UserError;
    fn from_str(text: &str) -> Result<Self, UserError> {
        if RESERVED.contains(&text) {
            return Err(UserError::Reserved(text.to_owned()));
        }
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if first && clean && text.len() <= 32 {
            Ok(Self(text.to_owned()))
        } else {
            Err(UserError::Name(text.chars().take(40).collect()))
        }
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A hash of crypt(5)'s SHA-512, which the daemon checks itself: such users are in no `/etc/shadow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPassword(pub PasswordHash);

impl FromStr for UserPassword {
    type Err = UserError;
    fn from_str(text: &str) -> Result<Self, UserError> {
        let hash: PasswordHash = text.parse().map_err(|_| UserError::Hash)?;
        let rounds = text.strip_prefix("$6$rounds=").map(|rest| rest.split('$').next());
        let cheap = rounds.is_none_or(|rounds| {
            let rounds = rounds.and_then(|rounds| rounds.parse::<u32>().ok());
            rounds.is_some_and(|rounds| ROUNDS.contains(&rounds))
        });
        if text.starts_with("$6$") && cheap {
            Ok(Self(hash))
        } else {
            Err(UserError::Hash)
        }
    }
}

/// A user of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: UserName,
    pub role: Role,
    /// `None` also where it is kept apart.
    pub password: Option<PasswordHash>,
    /// Of a client certificate.
    pub fingerprint: Option<Fingerprint>,
    pub token: Option<TokenHash>,
}

impl User {
    /// Whether nothing proves who it is, so that nobody can be this user.
    pub fn is_nobody(&self) -> bool {
        self.password.is_none() && self.fingerprint.is_none() && self.token.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_short_and_not_those_of_the_node() {
        for good in ["ada", "a", "night-shift_2"] {
            assert_eq!(good.parse::<UserName>().expect(good).as_str(), good);
        }
        for bad in ["", "Ada", "2a", "a b", "a]", "a.b", &"x".repeat(33)] {
            assert!(matches!(bad.parse::<UserName>(), Err(UserError::Name(_))), "{bad}");
        }
        assert_eq!("admin".parse::<UserName>(), Err(UserError::Reserved("admin".into())));
    }

    #[test]
    fn only_hashes_that_the_daemon_checks() {
        let digest = "a".repeat(86);
        for good in ["", "rounds=1000$", "rounds=1000000$"] {
            let hash = format!("$6${good}saltsalt${digest}");
            assert!(hash.parse::<UserPassword>().is_ok(), "{hash}");
        }
        for bad in ["secret", &format!("$y$j9T$salt${digest}"), "$6$salt$short"] {
            assert_eq!(bad.parse::<UserPassword>(), Err(UserError::Hash), "{bad}");
        }
        for rounds in ["999", "1000001", "999999999999", "", "-1"] {
            let hash = format!("$6$rounds={rounds}$saltsalt${digest}");
            assert_eq!(hash.parse::<UserPassword>(), Err(UserError::Hash), "{hash}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,40}") {
            let _ = (text.parse::<UserName>(), text.parse::<UserPassword>());
        }
    }
}
