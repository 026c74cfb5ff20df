//! The nodes that this user trusts: `corbel/nodes.toml` in the user's configuration folder, which maps a host to the
//! fingerprint of its certificate and, if wanted, to files that say who we are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use corbel_client::{Fingerprint, RemoteHost};
use corbel_node_api::TLS_PORT;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Failure;

const SIZE_MAX: u64 = 4 << 20;

/// The file as a value. Strict: a typo in it is an error with line and column.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownNodes {
    /// By `HOST:PORT`; the port may be left out when it is 8443.
    #[serde(default)]
    nodes: BTreeMap<String, KnownNode>,
}

/// What is known of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownNode {
    pub(crate) fingerprint: String,
    /// Client certificate and its key, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cert: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_file: Option<PathBuf>,
}

impl KnownNodes {
    /// Parses the text of the file.
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Reads the user's file; a file that does not exist knows nobody.
    pub(crate) fn load() -> Result<Self, Failure> {
        let path = path()?;
        if !path.exists() {
            return Ok(Self::default());
        }
        let load = || -> anyhow::Result<Self> {
            let bytes = corbel_sys::read_limited(&path, SIZE_MAX)?;
            let text = String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))?;
            Self::parse(&text).with_context(|| format!("{} is not a file of known nodes", path.display()))
        };
        load().map_err(|error| Failure::new(Exit::Failed, error))
    }

    /// Replaces the user's file; nobody else may read where this user has access.
    pub(crate) fn save(&self) -> Result<PathBuf, Failure> {
        let path = path()?;
        let text = toml::to_string_pretty(self).expect("strings and paths of a map are always TOML");
        corbel_sys::write_atomic(&path, text.as_bytes(), 0o600).map_err(|e| Failure::new(Exit::Failed, e))?;
        Ok(path)
    }

    /// What is known of a host.
    pub(crate) fn get(&self, remote: &RemoteHost) -> Option<&KnownNode> {
        let named = |name: &String| name.parse::<RemoteHost>().is_ok_and(|known| known == *remote);
        self.nodes.iter().find(|(name, _)| named(name)).map(|(_, node)| node)
    }

    /// Trusts a host from now on; files that were named for it stay.
    pub(crate) fn trust(&mut self, remote: &RemoteHost, fingerprint: Fingerprint) {
        let name = |name: &String| name.parse::<RemoteHost>().is_ok_and(|known| known == *remote);
        let key = self
            .nodes
            .keys()
            .find(|key| name(key))
            .cloned()
            .unwrap_or_else(|| shortest(remote));
        let fingerprint = fingerprint.to_string();
        let unknown = KnownNode {
            fingerprint: String::new(),
            cert: None,
            key: None,
            token_file: None,
        };
        self.nodes.entry(key).or_insert(unknown).fingerprint = fingerprint;
    }
}

/// The host as a person would type it.
pub(crate) fn shortest(remote: &RemoteHost) -> String {
    if remote.port == TLS_PORT {
        remote.host.clone()
    } else {
        remote.to_string()
    }
}

/// `$XDG_CONFIG_HOME` or `~/.config` (XDG Base Directory Specification 0.8).
fn path() -> Result<PathBuf, Failure> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")));
    match folder {
        Some(folder) => Ok(folder.join(Path::new("corbel/nodes.toml"))),
        None => Err(Failure::say(
            Exit::Failed,
            "no folder for configuration: set HOME or XDG_CONFIG_HOME",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_however_they_are_written() {
        let text = "[nodes.node-1]\nfingerprint = 'x'\n[nodes.'[2001:db8::1]:9000']\nfingerprint = 'y'\ncert = '/c'\n";
        let nodes = KnownNodes::parse(text).expect("valid");
        let found = |host: &str| {
            nodes
                .get(&host.parse().expect("host"))
                .map(|node| node.fingerprint.as_str())
        };
        assert_eq!(found("NODE-1:8443"), Some("x"));
        assert_eq!(found("[2001:db8::1]:9000"), Some("y"));
        assert_eq!(found("2001:db8::1"), None);
    }

    #[test]
    fn trusting_again_keeps_the_files() {
        let mut nodes = KnownNodes::parse("[nodes.'n:8443']\nfingerprint = 'old'\nkey = '/k'\n").expect("valid");
        let fingerprint = Fingerprint::of_der(b"new");
        nodes.trust(&"n".parse().expect("host"), fingerprint);
        let again = KnownNodes::parse(&toml::to_string_pretty(&nodes).expect("TOML")).expect("valid");
        assert_eq!(again.nodes.len(), 1);
        assert_eq!(again.nodes["n:8443"].fingerprint, fingerprint.to_string());
        assert_eq!(again.nodes["n:8443"].key, Some("/k".into()));
    }

    #[test]
    fn typos_are_named() {
        let error = KnownNodes::parse("[nodes.a]\nfingerprnt = 'x'\n")
            .expect_err("a typo")
            .to_string();
        assert!(error.contains("fingerprnt") && error.contains("line 2"), "{error}");
    }
}
