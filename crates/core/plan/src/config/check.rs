//! Whether a document makes sense as a whole. Each value of it is right already; what is refused here would leave a node that nobody
//! reaches, or one that is not what its owner thinks.
//!
//! Only who changes a configuration is refused. A boot goes on with what is there: see [`crate::settle`].

mod addresses;
mod devices;
mod machine;
mod storage_access;

use std::fmt;

use corbel_model::HostName;
use corbel_model::network::{Interface, NetworkConfig};
use corbel_model::seed::Seed;
use corbel_model::users::User;

pub use machine::{Machine, check_machine, machine_warnings};

/// Something that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `network.interface[eno1].gateways`.
    pub key: String,
    /// What is wrong and what would be right; continues the key to a sentence.
    pub problem: String,
}

impl Problem {
    /// `problem` continues `key` to a sentence.
    pub fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.problem)
    }
}

/// Everything that cannot be meant. `interfaces` are those of the machine; with none, what depends on them is not looked at.
pub fn check(seed: &Seed, interfaces: &[Interface]) -> Vec<Problem> {
    let network = &seed.network;
    let mut problems = Vec::new();
    devices::check(network, interfaces, &mut problems);
    addresses::check(network, &mut problems);
    storage_access::check(&seed.storage_access, &mut problems);
    users(seed, &mut problems);
    if let Some(problem) = seed.hostname.as_ref().and_then(HostName::problem_as_own) {
        problems.push(Problem::new("hostname", problem));
    }
    problems
}

/// A user is one thing by its name, and so is who shows a certificate or a token: otherwise the role would be a matter of order.
fn users(seed: &Seed, problems: &mut Vec<Problem>) {
    for (at, user) in seed.users.iter().enumerate() {
        let before = seed.users.get(..at).unwrap_or_default();
        let key = |below: &str| format!("users[{}]{below}", user.name);
        if before.iter().any(|other| other.name == user.name) {
            problems.push(Problem::new(key(""), "is there twice: keep one of the two"));
        }
        let mut taken = |field: &str, what: &str, of_api: Option<String>, of_user: Option<&User>| {
            if let Some(whose) = of_api.or(of_user.map(|other| format!("users[{}]", other.name))) {
                let problem = format!("is the {what} of {whose}, too: give each one of its own");
                problems.push(Problem::new(key(field), problem));
            }
        };
        if let Some(shown) = &user.fingerprint {
            let client = seed.clients.iter().find(|client| client.fingerprint == *shown);
            let client = client.map(|client| format!("api.client[{}]", client.name));
            let other = before.iter().find(|other| other.fingerprint.as_ref() == Some(shown));
            taken(".fingerprint", "certificate", client, other);
        }
        if let Some(shown) = &user.token {
            let token = seed.tokens.iter().find(|token| token.hash == *shown);
            let token = token.map(|token| format!("api.token[{}]", token.name));
            let other = before.iter().find(|other| other.token.as_ref() == Some(shown));
            taken(".token_sha256", "token", token, other);
        }
    }
}

/// What cannot be done as something secret is missing. `seed` has the secrets that are kept apart in place, which who looks at a document
/// alone does not know.
pub fn check_secrets(seed: &Seed) -> Vec<Problem> {
    let mut problems = Vec::new();
    if seed.monitoring.lacks_password() {
        let problem =
            "is not set, and figures are neither signed nor encrypted without it: give one, or security = \"none\"";
        problems.push(Problem::new("monitoring.collectd.password", problem));
    }
    for target in seed
        .storage_access
        .iscsi
        .targets
        .iter()
        .filter(|target| target.lacks_password())
    {
        let key = format!("storage_access.iscsi.target[{}].chap_password", target.name);
        let problem = "is not set, and nobody can log in as chap_user without it";
        problems.push(Problem::new(key, problem));
    }
    if seed.kernel_dump.lacks_key() {
        let problem = "is not set, and the server lets nobody in without it: give the private key that it knows";
        problems.push(Problem::new("kernel_dump.ssh_key", problem));
    }
    if seed.tls.lacks_key() {
        let problem = "is not set: give the key of the certificate with it";
        problems.push(Problem::new("tls.private_key", problem));
    }
    problems
}

/// Whether nobody at all would get an address: allowed, and worth a warning.
pub fn is_unreachable(network: &NetworkConfig) -> bool {
    let silent = |entry: &corbel_model::network::InterfaceConfig| {
        let addressing = &entry.addressing;
        !addressing.dhcp4 && !addressing.ipv6.dhcp && !addressing.ipv6.slaac && addressing.addresses.is_empty()
    };
    !network.interfaces.is_empty() && network.interfaces.iter().all(silent)
}
