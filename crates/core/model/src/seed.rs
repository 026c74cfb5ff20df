//! The document of a node: `corbel.toml` of the seed area and `node.toml` of an installed node are the same one. Strict, versioned,
//! every error with line, column and key. Its JSON schema and its reference page are made from the types that read it.
//!
//! Where a kernel word says the same thing the word wins: it was typed last, by somebody who stands at the machine and may have to
//! get past a wrong seed. Keys, clients and tokens of both add up.

mod edit;
mod keys;
mod position;
mod render;
mod schema;
mod tables;

pub use edit::{EditError, set, take_secrets, unset, value_at, without_secrets};
pub use keys::{Key, keys, keys_markdown};
pub use render::render;
pub use schema::schema;
use tables::Document;

use crate::access::{ApiClient, ApiToken, PasswordHash, SshKey};
use crate::firewall::Firewall;
use crate::install::InstallAnswers;
use crate::kernel_dump::KernelDump;
use crate::logging::Logging;
use crate::monitoring::Monitoring;
use crate::network::NetworkConfig;
use crate::performance::Performance;
use crate::secret::Secrets;
use crate::storage_access::StorageAccess;
use crate::tls::Tls;
use crate::users::User;
use crate::words::Ntp;
use crate::{HostName, Keymap, Span, SshPort, TimeZone};

/// The version of the document that this program reads.
pub const VERSION: i64 = 1;

/// Why a document was refused. No value that may be secret is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}{}: {problem}", key.as_ref().map(|k| format!(" ({k})")).unwrap_or_default())]
pub struct SeedError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// With the table in front, such as `network.interface.mtu`.
    pub key: Option<String>,
    pub problem: String,
}

/// What a checked document says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seed {
    pub hostname: Option<HostName>,
    pub ntp: Option<Ntp>,
    pub timezone: Option<TimeZone>,
    /// Layout of the keyboard at the node's own screen.
    pub keyboard: Option<Keymap>,
    pub admin_password: Option<PasswordHash>,
    pub ssh_keys: Vec<SshKey>,
    /// Whether SSH takes the password.
    pub password_login: Option<bool>,
    /// The port of sshd; 22 when nobody said one.
    pub ssh_port: Option<SshPort>,
    /// After which a silent session of SSH is ended.
    pub ssh_idle: Option<Span>,
    pub network: NetworkConfig,
    pub clients: Vec<ApiClient>,
    pub tokens: Vec<ApiToken>,
    pub firewall: Firewall,
    pub logging: Logging,
    pub monitoring: Monitoring,
    pub storage_access: StorageAccess,
    pub performance: Performance,
    pub kernel_dump: KernelDump,
    pub tls: Tls,
    pub users: Vec<User>,
    /// `[install]`: what an unattended installation shall do. An installed node takes no notice of it.
    pub install: Option<InstallAnswers>,
}

impl Seed {
    /// Puts in place what is kept apart, where the document does not say it itself.
    pub fn fill_secrets(&mut self, kept: &Secrets) {
        if self.admin_password.is_none() {
            self.admin_password.clone_from(&kept.admin_password);
        }
        self.monitoring.fill_password(kept.collectd_password.as_ref());
        self.storage_access
            .fill_passwords(|target| kept.iscsi_passwords.get(target));
        self.kernel_dump.fill_key(kept.dump_key.as_ref());
        if self.tls.key.is_none() {
            self.tls.key.clone_from(&kept.tls_key);
        }
        for user in self.users.iter_mut().filter(|user| user.password.is_none()) {
            user.password = kept.user_passwords.get(user.name.as_str()).cloned();
        }
    }
}

/// Reads a document.
pub fn parse(text: &str) -> Result<Seed, SeedError> {
    // The version first: a document of the next version has keys that would be called wrong here.
    let table: toml::Table = toml::from_str(text).map_err(|error| position::of(text, &error))?;
    let start = |problem: String| SeedError {
        line: 1,
        column: 1,
        key: Some("version".into()),
        problem,
    };
    match table.get("version").and_then(toml::Value::as_integer) {
        Some(VERSION) => {}
        Some(other) => {
            return Err(start(format!(
                "{other} is not known to this image: it reads version = {VERSION}"
            )));
        }
        None => {
            return Err(start(format!(
                "is missing: begin the document with version = {VERSION}"
            )));
        }
    }
    let document: Document = toml::from_str(text).map_err(|error| position::of(text, &error))?;
    Ok(document.into())
}

/// Whether a text begins a document of a version that this image does not know: such a one is kept as it is and not called damaged.
pub fn is_of_another_version(text: &str) -> bool {
    let table = toml::from_str::<toml::Table>(text);
    let version = table
        .ok()
        .and_then(|table| table.get("version").and_then(toml::Value::as_integer));
    version.is_some_and(|version| version != VERSION)
}

#[cfg(test)]
mod tests;
