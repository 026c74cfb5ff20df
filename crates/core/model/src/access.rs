//! Who may come in: password hashes, SSH keys, certificate fingerprints, token hashes and the role that each gets.
//! Nothing here can be turned back into a password, and what comes nearest to one, the hash, never shows itself in a log.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Text that is no credential of the kind that was asked for. Says what would be right, never what was given when that is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// Not a hash of crypt(5), or one of a method that is broken.
    #[error(
        "is not a password hash of crypt(5): make one with `mkpasswd -m yescrypt` or `openssl passwd -6`; it begins with $y$ or $6$"
    )]
    PasswordHash,
    /// Not a line of `authorized_keys`, sshd(8).
    #[error("is not an SSH public key: give the line of a .pub file, such as ssh-ed25519 AAAA… name")]
    SshKey,
    /// Not `sha256:` and 64 hexadecimal digits.
    #[error("is not a certificate's fingerprint: write sha256: and 64 hexadecimal digits")]
    Fingerprint,
    /// Not 64 hexadecimal digits.
    #[error("is not the SHA-256 of a token: write 64 hexadecimal digits")]
    TokenHash,
    /// No PEM block with a certificate in it (RFC 7468).
    #[error("holds no certificate: give a PEM block that begins with -----BEGIN CERTIFICATE-----")]
    Certificate,
    /// Neither of the three.
    #[error("is not a role: write admin, operator or viewer")]
    Role,
}

/// A password hashed by crypt(5). Its text is for `/etc/shadow` alone: neither `Debug` nor any message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash itself, for `/etc/shadow`.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(hidden)")
    }
}

impl FromStr for PasswordHash {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        // MD5 ($1$) and DES are left out on purpose: they fall to one graphics card in an hour.
        const METHODS: [&str; 7] = ["$y$", "$gy$", "$7$", "$6$", "$5$", "$2b$", "$2y$"];
        // crypt(5): printable ASCII without blank, ':', ';', '*', '!' and '\'.
        let clean = text.bytes().all(|b| b.is_ascii_graphic() && !b":;*!\\".contains(&b));
        let parts = text.split('$').count();
        let digest = text.rsplit('$').next().unwrap_or_default();
        let known = METHODS.iter().any(|method| text.starts_with(method));
        if clean && known && parts >= 4 && digest.len() >= 31 && text.len() <= 384 {
            Ok(Self(text.to_owned()))
        } else {
            Err(CredentialError::PasswordHash)
        }
    }
}

/// One line of `authorized_keys`: options if any, type, key, comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshKey(String);

impl SshKey {
    /// The line, without a line end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Type and key alone, as a line of known_hosts has them behind the name.
    pub fn bare(&self) -> String {
        let words = self.0.split_ascii_whitespace().skip_while(|word| !is_key_type(word));
        words.take(2).collect::<Vec<_>>().join(" ")
    }
}

impl FromStr for SshKey {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        let line = text.trim();
        if line.contains(|c: char| c.is_control()) {
            return Err(CredentialError::SshKey);
        }
        let mut rest = line;
        if !is_key_type(first_field(rest)) {
            rest = rest[first_field(rest).len()..].trim_start();
        }
        let kind = first_field(rest);
        let blob = first_field(rest[kind.len()..].trim_start());
        let bytes = STANDARD.decode(blob).map_err(|_| CredentialError::SshKey)?;
        // RFC 4253, 6.6: the key begins with its own type as a string, 4 bytes of length before it.
        let named = bytes.get(4..4 + kind.len()) == Some(kind.as_bytes());
        if is_key_type(kind) && named && bytes.len() > 4 + kind.len() + 4 {
            Ok(Self(line.to_owned()))
        } else {
            Err(CredentialError::SshKey)
        }
    }
}

fn is_key_type(text: &str) -> bool {
    matches!(
        text,
        "ssh-ed25519"
            | "ssh-rsa"
            | "ecdsa-sha2-nistp256"
            | "ecdsa-sha2-nistp384"
            | "ecdsa-sha2-nistp521"
            | "sk-ssh-ed25519@openssh.com"
            | "sk-ecdsa-sha2-nistp256@openssh.com"
    )
}

/// Up to the first blank outside double quotes: options may hold blanks in quotes.
fn first_field(text: &str) -> &str {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        !quoted && c.is_ascii_whitespace()
    });
    &text[..end.unwrap_or(text.len())]
}

fn hex64(text: &str) -> Option<String> {
    (text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

/// SHA-256 of a certificate's DER, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The text with its prefix.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of the first certificate in a PEM text (RFC 7468).
    pub fn of_pem(pem: &str) -> Result<Self, CredentialError> {
        let body = pem
            .split_once("-----BEGIN CERTIFICATE-----")
            .and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"))
            .ok_or(CredentialError::Certificate)?
            .0;
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| CredentialError::Certificate)?;
        // X.690: a certificate is a SEQUENCE. The daemon's TLS library reads the rest when the client comes.
        if der.first() != Some(&0x30) || der.len() < 64 {
            return Err(CredentialError::Certificate);
        }
        let hex: String = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(format!("sha256:{hex}")))
    }
}

impl FromStr for Fingerprint {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        let hex = text
            .strip_prefix("sha256:")
            .and_then(hex64)
            .ok_or(CredentialError::Fingerprint)?;
        Ok(Self(format!("sha256:{hex}")))
    }
}

/// SHA-256 of an API token's text, 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    /// Of a token.
    pub fn of(token: &str) -> Self {
        let digest = Sha256::digest(token.as_bytes());
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenHash {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        hex64(text).map(Self).ok_or(CredentialError::TokenHash)
    }
}

/// What one may do through the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    #[default]
    Admin,
    Operator,
    Viewer,
}

impl Role {
    /// As it is written in files and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }
}

impl FromStr for Role {
    type Err = CredentialError;
    fn from_str(text: &str) -> Result<Self, CredentialError> {
        match text {
            "admin" => Ok(Self::Admin),
            "operator" => Ok(Self::Operator),
            "viewer" => Ok(Self::Viewer),
            _ => Err(CredentialError::Role),
        }
    }
}

/// A client certificate that the API knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiClient {
    pub name: String,
    pub fingerprint: Fingerprint,
    pub role: Role,
}

/// A bearer token that the API knows, by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    pub name: String,
    pub hash: TokenHash,
    pub role: Role,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn hashes_are_told_from_passwords_and_never_shown() {
        let yescrypt = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7";
        let hash: PasswordHash = yescrypt.parse().expect("a hash of yescrypt");
        assert_eq!(format!("{hash:?}"), "PasswordHash(hidden)");
        for bad in [
            "",
            "hunter2",
            "$1$abc$qN4oTVo.FBmDrVpmKZVcV1",
            "$6$",
            "$6$salt$short",
            "!",
            "$y$a:b$c$d",
        ] {
            assert_eq!(bad.parse::<PasswordHash>(), Err(CredentialError::PasswordHash), "{bad}");
        }
    }

    #[test]
    fn keys_may_have_options_and_must_be_what_they_say() {
        for good in [
            format!("ssh-ed25519 {KEY}"),
            format!(" ssh-ed25519 {KEY} ada@example.org "),
            format!("from=\"10.0.0.0/8, fd00::/8\",no-pty ssh-ed25519 {KEY} ada"),
        ] {
            assert!(good.parse::<SshKey>().is_ok(), "{good}");
        }
        for bad in [
            String::new(),
            "ssh-ed25519".into(),
            "ssh-ed25519 AAAA".into(),
            format!("ssh-rsa {KEY}"),
            format!("ssh-ed25519 {KEY}\nssh-ed25519 {KEY}"),
            "-----BEGIN OPENSSH PRIVATE KEY-----".into(),
        ] {
            assert!(bad.parse::<SshKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn fingerprints_and_tokens_are_lower_case() {
        let upper = "AB".repeat(32);
        let fingerprint: Fingerprint = format!("sha256:{upper}").parse().expect("64 digits");
        assert_eq!(fingerprint.as_str(), format!("sha256:{}", "ab".repeat(32)));
        assert!(upper.parse::<Fingerprint>().is_err());
        assert!(upper.parse::<TokenHash>().is_ok());
        assert!(Fingerprint::of_pem("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,200}") {
            let _ = (text.parse::<PasswordHash>(), text.parse::<SshKey>(), text.parse::<Fingerprint>());
            let _ = (Fingerprint::of_pem(&text), text.parse::<TokenHash>(), text.parse::<Role>());
        }
    }
}
