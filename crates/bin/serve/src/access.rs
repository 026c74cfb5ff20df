//! `access.toml`: which certificates, tokens and named users may do what. Read again when it changes, so that no restart is needed.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use corbel_node_api::Role;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientEntry {
    pub name: String,
    /// `sha256:` and 64 hex digits of the DER certificate.
    pub fingerprint: String,
    pub role: Role,
}

/// A bearer token, known only by its hash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub name: String,
    /// 64 hex digits.
    pub sha256: String,
    pub role: Role,
}

/// A hash of crypt(5)'s SHA-512. No log repeats it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub(crate) String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// A named user, and whatever proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub name: String,
    pub role: Role,
    pub password_hash: Option<PasswordHash>,
    /// `sha256:` and 64 hex digits of the DER certificate.
    pub fingerprint: Option<String>,
    /// Of the token, 64 hex digits.
    pub sha256: Option<String>,
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    #[serde(default, rename = "client")]
    pub clients: Vec<ClientEntry>,
    #[serde(default, rename = "token")]
    pub tokens: Vec<Token>,
    #[serde(default, rename = "user")]
    pub users: Vec<User>,
}

impl Access {
    /// Reads the text. An error names line and column.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Name and role of the client or user with that fingerprint.
    pub fn client(&self, fingerprint: &str) -> Option<(&str, Role)> {
        let clients = self.clients.iter();
        let clients = clients.map(|client| (client.fingerprint.as_str(), client.name.as_str(), client.role));
        let users = self.users.iter();
        let users = users.filter_map(|user| Some((user.fingerprint.as_deref()?, user.name.as_str(), user.role)));
        clients
            .chain(users)
            .find(|(listed, ..)| listed.eq_ignore_ascii_case(fingerprint))
            .map(|(_, name, role)| (name, role))
    }

    /// The named user. `admin` is built in and is none.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.name == name)
    }

    /// Name and role of the token, a user's as well. Takes the same time whichever entry matches and however much of it does.
    pub fn token(&self, token: &str) -> Option<(&str, Role)> {
        let hash = Sha256::digest(token.as_bytes());
        let tokens = self.tokens.iter();
        let tokens = tokens.map(|entry| (entry.sha256.as_str(), entry.name.as_str(), entry.role));
        let users = self.users.iter();
        let users = users.filter_map(|user| Some((user.sha256.as_deref()?, user.name.as_str(), user.role)));
        tokens.chain(users).fold(None, |found, (listed, name, role)| {
            let listed = parse_hash(listed);
            let equal =
                listed.is_some_and(|listed| listed.iter().zip(&hash).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0);
            if equal { Some((name, role)) } else { found }
        })
    }
}

fn parse_hash(hex: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(hash)
}

/// Identifies one version of a file.
type Stamp = (u64, i64, i64, u64);

/// The file on disk and what it said last.
#[derive(Debug)]
pub struct AccessFile {
    path: PathBuf,
    read: Mutex<(Option<Stamp>, Arc<Access>)>,
}

impl AccessFile {
    /// Nothing is read before somebody asks.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: Mutex::default(),
        }
    }

    /// What the file says now. A missing file lets nobody in; one with an error keeps what was said before it.
    pub fn get(&self) -> Arc<Access> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = std::fs::metadata(&self.path)
            .map(|meta| (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
            .ok();
        if stamp != read.0 {
            match (stamp, corbel_sys::read_limited(&self.path, 1 << 20)) {
                (None, _) => read.1 = Arc::default(),
                (Some(_), Err(error)) => tracing::error!(%error, "the access list is not read; the last one holds"),
                (Some(_), Ok(bytes)) => match Access::parse(&String::from_utf8_lossy(&bytes)) {
                    Ok(access) => {
                        tracing::info!(
                            clients = access.clients.len(),
                            tokens = access.tokens.len(),
                            users = access.users.len(),
                            "access list read"
                        );
                        read.1 = Arc::new(access);
                    }
                    Err(error) => {
                        let problem = error.message();
                        tracing::error!(path = %self.path.display(), %problem, "the access list has an error; the last one holds");
                    }
                },
            }
            read.0 = stamp;
        }
        Arc::clone(&read.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = r#"
        [[client]]
        name = "laptop"
        fingerprint = "sha256:AA00000000000000000000000000000000000000000000000000000000000000"
        role = "operator"
        [[token]]
        name = "ci"
        sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
        role = "viewer"
    "#;

    #[test]
    fn a_fingerprint_and_a_token_have_their_roles() {
        let access = Access::parse(TEXT).unwrap();
        assert_eq!(
            access.client(&format!("sha256:aa{}", "0".repeat(62))),
            Some(("laptop", Role::Operator))
        );
        assert_eq!(access.client("sha256:"), None);
        assert_eq!(access.token("secret"), Some(("ci", Role::Viewer)));
        assert_eq!(access.token("Secret"), None);
        assert!(Access::parse("[[client]]\nname = \"x\"\nrole = \"king\"").is_err());
        assert!(Access::parse("[[user]]").is_err());
    }

    #[test]
    fn a_user_is_known_by_each_of_its_proofs() {
        let print = format!("sha256:{}", "b".repeat(64));
        let text = format!(
            "[[user]]\nname = \"ada\"\nrole = \"operator\"\npassword_hash = \"$6$salt$x\"\nfingerprint = \"{print}\"\n\
             sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\"\n"
        );
        let access = Access::parse(&text).unwrap();
        assert_eq!(access.client(&print), Some(("ada", Role::Operator)));
        assert_eq!(access.token("secret"), Some(("ada", Role::Operator)));
        assert!(access.user("ada").is_some());
        assert_eq!(access.user("bob"), None);
        assert!(!format!("{access:?}").contains("$6$"));
        assert!(Access::parse(&format!("{text}password = \"x\"")).is_err());
    }

    #[test]
    fn a_change_is_seen_and_an_error_keeps_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.toml");
        let file = AccessFile::new(&path);
        assert_eq!(*file.get(), Access::default());
        let write = |text: &str| corbel_sys::write_atomic(&path, text.as_bytes(), 0o600).unwrap();
        write(TEXT);
        assert_eq!(file.get().tokens.len(), 1);
        write("[[token");
        assert_eq!(file.get().tokens.len(), 1);
        write("");
        assert_eq!(file.get().tokens.len(), 0);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            if let Ok(access) = Access::parse(&text) {
                access.token(&text);
            }
            parse_hash(&text);
        }
    }
}
