//! What is kept apart from the document and never shown: each secret has one key in the document, from which it moves out when it is saved.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::access::PasswordHash;
use crate::kernel_dump::PrivateKey;
use crate::tls;
use crate::users::User;

/// Text that is no password of this kind. Never repeats what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a password: give 1 to 128 letters, digits and signs of ASCII as a text in quotes, without blanks, quotes and backslashes"
)]
pub struct SecretError;

/// A password that the other side needs as it is, because a protocol reckons with it. Neither `Debug` nor any message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl FromStr for Secret {
    type Err = SecretError;
    fn from_str(text: &str) -> Result<Self, SecretError> {
        // It stands between quotes in files of other programs.
        let clean = text.bytes().all(|b| b.is_ascii_graphic() && !b"\"'\\".contains(&b));
        if clean && (1..=128).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SecretError)
        }
    }
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets {
    /// `admin.password_hash`.
    pub admin_password: Option<PasswordHash>,
    /// `monitoring.collectd.password`.
    pub collectd_password: Option<Secret>,
    /// `chap_password` of the targets of `storage_access.iscsi`, by their names.
    pub iscsi_passwords: BTreeMap<String, Secret>,
    /// `kernel_dump.ssh_key`.
    pub dump_key: Option<PrivateKey>,
    /// `tls.private_key`.
    pub tls_key: Option<tls::PrivateKey>,
    /// `users[NAME].password_hash`, by the names.
    pub user_passwords: BTreeMap<String, PasswordHash>,
}

impl Secrets {
    /// Without the hashes of whoever is not among these: who comes under a name that was taken out shall not have the password of the one
    /// before.
    #[must_use]
    pub fn of_users(mut self, users: &[User]) -> Self {
        self.user_passwords
            .retain(|name, _| users.iter().any(|user| user.name.as_str() == name));
        self
    }

    /// These, and where there is none the other: a secret is replaced and never taken away.
    #[must_use]
    pub fn or(self, kept: Self) -> Self {
        let mut user_passwords = kept.user_passwords;
        user_passwords.extend(self.user_passwords);
        Self {
            admin_password: self.admin_password.or(kept.admin_password),
            collectd_password: self.collectd_password.or(kept.collectd_password),
            iscsi_passwords: kept.iscsi_passwords.into_iter().chain(self.iscsi_passwords).collect(),
            dump_key: self.dump_key.or(kept.dump_key),
            tls_key: self.tls_key.or(kept.tls_key),
            user_passwords,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows_itself_and_fits_between_quotes() {
        let secret: Secret = "s3cr#t!".parse().expect("a password");
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
        for bad in ["", "a b", "a\"b", "a\\b", "a\nb", "ä", &"x".repeat(129)] {
            assert_eq!(bad.parse::<Secret>(), Err(SecretError), "{bad}");
        }
    }
}
