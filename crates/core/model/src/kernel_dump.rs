//! What becomes of the memory of a kernel that crashed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ByteSize;
use crate::access::SshKey;
use crate::pem::lines;
use crate::server::{Server, ServerError};

/// Text that is none of these. What may be secret is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DumpError {
    #[error("{0:?} is no place for dumps: write off, local, nfs or ssh")]
    Kind(String),
    #[error("{0:?} is not a path: give one from the root, of letters, digits, '.', '_' and '-', without \"..\"")]
    Path(String),
    #[error("{0:?} is not a place on a server: write server:/path")]
    Nfs(String),
    #[error("{0:?} is not a place on a server: write user@server:/path")]
    Ssh(String),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("holds no private key: give one of OpenSSH, which begins with -----BEGIN OPENSSH PRIVATE KEY-----")]
    Key,
    #[error("is a key with a passphrase, and nobody is there to type it: make one without by ssh-keygen -N ''")]
    Passphrase,
}

/// The kinds of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TargetKind {
    #[default]
    Off,
    Local,
    Nfs,
    Ssh,
}

impl TargetKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Local => "local",
            Self::Nfs => "nfs",
            Self::Ssh => "ssh",
        }
    }
}

impl FromStr for TargetKind {
    type Err = DumpError;
    fn from_str(text: &str) -> Result<Self, DumpError> {
        let all = [Self::Off, Self::Local, Self::Nfs, Self::Ssh];
        let known = all.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| DumpError::Kind(text.to_owned()))
    }
}

/// A path on a server that needs no quotes anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePath(String);

impl FromStr for RemotePath {
    type Err = DumpError;
    fn from_str(text: &str) -> Result<Self, DumpError> {
        let clean = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b));
        let parts = text.split('/').all(|part| part != "..");
        if text.starts_with('/') && clean && parts && text.len() <= 255 {
            Ok(Self(text.to_owned()))
        } else {
            Err(DumpError::Path(text.to_owned()))
        }
    }
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `server:/path`; an IPv6 address stands in brackets.
fn server_and_path(text: &str) -> Option<(&str, &str)> {
    let (server, path) = text
        .split_once(":/")
        .map(|(server, _)| (server, &text[server.len() + 1..]))?;
    let bare = server.strip_prefix('[').and_then(|server| server.strip_suffix(']'));
    // A colon that is not in brackets would be the port of something else.
    (bare.is_some() || !server.contains(':')).then_some((bare.unwrap_or(server), path))
}

fn shown(server: &Server) -> String {
    match server {
        Server::Address(address) if address.is_ipv6() => format!("[{address}]"),
        other => other.to_string(),
    }
}

/// A folder that a server exports by NFS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NfsPlace {
    pub server: Server,
    pub path: RemotePath,
}

impl FromStr for NfsPlace {
    type Err = DumpError;
    fn from_str(text: &str) -> Result<Self, DumpError> {
        let (server, path) = server_and_path(text).ok_or_else(|| DumpError::Nfs(text.to_owned()))?;
        Ok(Self {
            server: server.parse()?,
            path: path.parse()?,
        })
    }
}

impl fmt::Display for NfsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", shown(&self.server), self.path)
    }
}

/// A folder on a server that is reached by SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshPlace {
    pub user: String,
    pub server: Server,
    pub path: RemotePath,
}

impl FromStr for SshPlace {
    type Err = DumpError;
    fn from_str(text: &str) -> Result<Self, DumpError> {
        let bad = || DumpError::Ssh(text.to_owned());
        let (user, rest) = text.split_once('@').ok_or_else(bad)?;
        let clean = user.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !clean || user.starts_with('-') || !(1..=32).contains(&user.len()) {
            return Err(bad());
        }
        let (server, path) = server_and_path(rest).ok_or_else(bad)?;
        Ok(Self {
            user: user.to_owned(),
            server: server.parse()?,
            path: path.parse()?,
        })
    }
}

impl fmt::Display for SshPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}", self.user, shown(&self.server), self.path)
    }
}

/// A private key of OpenSSH without a passphrase. Neither `Debug` nor any message shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(String);

const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
/// PROTOCOL.key of OpenSSH: a word, then the name of the cipher as a length and a text.
const MAGIC: &[u8] = b"openssh-key-v1\0";

impl PrivateKey {
    /// The key as a file that ssh reads.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

impl FromStr for PrivateKey {
    type Err = DumpError;
    fn from_str(text: &str) -> Result<Self, DumpError> {
        let body = text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let body: String = body.ok_or(DumpError::Key)?.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(&body).map_err(|_| DumpError::Key)?;
        let rest = bytes.strip_prefix(MAGIC).ok_or(DumpError::Key)?;
        if !rest.starts_with(b"\0\0\0\x04none") {
            return Err(DumpError::Passphrase);
        }
        Ok(Self(format!("{BEGIN}\n{}{END}\n", lines(&body, 70))))
    }
}

/// Where dumps go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    #[default]
    Off,
    /// The node's own data partition.
    Local,
    Nfs(NfsPlace),
    Ssh {
        place: SshPlace,
        /// `None` for SSH's own.
        port: Option<u16>,
        /// The key of the server by which it is known.
        host_key: SshKey,
        /// `None` where it is kept apart, or was forgotten.
        key: Option<PrivateKey>,
    },
}

impl Target {
    pub const fn kind(&self) -> TargetKind {
        match self {
            Self::Off => TargetKind::Off,
            Self::Local => TargetKind::Local,
            Self::Nfs(_) => TargetKind::Nfs,
            Self::Ssh { .. } => TargetKind::Ssh,
        }
    }
}

/// `[kernel_dump]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KernelDump {
    pub target: Target,
    /// For the kernel that saves the dump; `None` for all that is set aside at the start.
    pub memory: Option<ByteSize>,
    /// How many dumps stay on the node.
    pub keep: Option<u8>,
    /// What they may take together.
    pub max_size: Option<ByteSize>,
}

impl KernelDump {
    pub const KEEP: u8 = 3;
    pub const MAX_SIZE: ByteSize = ByteSize::gib(20);

    /// Puts the key in place that is kept apart, where the document has none.
    pub fn fill_key(&mut self, kept: Option<&PrivateKey>) {
        if let Target::Ssh { key: key @ None, .. } = &mut self.target {
            *key = kept.cloned();
        }
    }

    /// Whether nobody could log in at the server, as nobody said the key.
    pub fn lacks_key(&self) -> bool {
        matches!(&self.target, Target::Ssh { key: None, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(cipher: &str) -> String {
        let length = u32::try_from(cipher.len()).expect("short").to_be_bytes();
        let bytes = [MAGIC, &length, cipher.as_bytes(), &[7; 99]].concat();
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(bytes))
    }

    #[test]
    fn places_are_read_and_written() {
        for text in [
            "dumps.example.org:/srv/dumps",
            "192.0.2.7:/",
            "[2001:db8::7]:/a/b-c_d.e",
        ] {
            assert_eq!(
                text.parse::<NfsPlace>().map(|place| place.to_string()).as_deref(),
                Ok(text)
            );
            let text = format!("corbel@{text}");
            assert_eq!(text.parse::<SshPlace>().map(|place| place.to_string()), Ok(text));
        }
        for bad in [
            "",
            "server",
            "server:path",
            ":/x",
            "a:b:/x",
            "s:/x y",
            "s:/../x",
            "s:/$(x)",
            "s:/x;y",
            "192.0.2.999:/x",
        ] {
            assert!(bad.parse::<NfsPlace>().is_err(), "{bad}");
            assert!(format!("u@{bad}").parse::<SshPlace>().is_err(), "{bad}");
        }
        for bad in ["s:/x", "-oProxyCommand=x@s:/x", "a b@s:/x", "@s:/x"] {
            assert!(bad.parse::<SshPlace>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_one_without_a_passphrase_and_never_shows_itself() {
        let read: PrivateKey = key("none").parse().expect("a key");
        assert_eq!(format!("{read:?}"), "PrivateKey(hidden)");
        assert_eq!(read.expose().parse(), Ok(read.clone()));
        // As it comes from a field of one line.
        assert_eq!(key("none").replace('\n', " ").parse(), Ok(read));
        assert_eq!(key("aes256-ctr").parse::<PrivateKey>(), Err(DumpError::Passphrase));
        for bad in ["", "text", BEGIN, &format!("{BEGIN}\nMAA=\n{END}")] {
            assert_eq!(bad.parse::<PrivateKey>(), Err(DumpError::Key), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,40}") {
            let _ = (text.parse::<NfsPlace>(), text.parse::<SshPlace>(), text.parse::<PrivateKey>());
        }
    }
}
