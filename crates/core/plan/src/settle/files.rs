//! The small files of a boot: each a function from values to text.

use corbel_model::access::{ApiClient, ApiToken, SshKey};
use corbel_model::tls::Tls;
use corbel_model::users::User;
use corbel_model::words::Warning;
use corbel_model::{HostName, Keymap, Span, SshPort};
use serde::Serialize;

use super::{PlannedFile, TLS_FILE};

pub(super) const HEAD: &str = "# Written by corbel settle at this boot; changes are lost at the next.\n";

/// hosts(5). The node knows its own name also while no server of names does.
pub(super) fn hosts(hostname: &HostName) -> String {
    let full = hostname.as_str();
    let short = full.split('.').next().unwrap_or(full);
    let names = if short == full {
        full.to_owned()
    } else {
        format!("{full} {short}")
    };
    format!("{HEAD}127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 {names}\n")
}

/// sshd_config(5). What is the same at each boot stands in the image.
pub(super) fn sshd(password_login: bool, port: Option<SshPort>, idle: Option<Span>) -> String {
    let port = port.map(|port| format!("Port {}\n", port.number()));
    // The first ends what is silent, the second the connection that is left without anything.
    let idle = idle.map(|span| {
        let seconds = span.seconds();
        format!("ChannelTimeout session={seconds}\nUnusedConnectionTimeout {seconds}\n")
    });
    format!(
        "{HEAD}PasswordAuthentication {}\n{}{}",
        if password_login { "yes" } else { "no" },
        port.unwrap_or_default(),
        idle.unwrap_or_default()
    )
}

/// nft(8): `/etc/nftables.conf` of the image defines the port and includes this.
pub(super) fn ssh_firewall(port: SshPort) -> String {
    format!("{HEAD}redefine ssh_port = {}\n", port.number())
}

pub(super) fn authorized_keys(keys: &[SshKey]) -> String {
    keys.iter()
        .fold(HEAD.to_owned(), |text, key| text + key.as_str() + "\n")
}

/// timesyncd.conf(5).
pub(super) fn timesyncd(servers: &[String]) -> String {
    format!("{HEAD}[Time]\nNTP={}\n", servers.join(" "))
}

/// In the words of vconsole.conf(5), for `corbel-keyboard.service`.
pub fn keyboard(keymap: &Keymap) -> String {
    format!("{HEAD}KEYMAP={keymap}\n")
}

#[derive(Serialize)]
struct Access<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    client: Vec<Client<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    token: Vec<Token<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user: Vec<NamedUser<'a>>,
}

#[derive(Serialize)]
struct NamedUser<'a> {
    name: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<&'a str>,
}

#[derive(Serialize)]
struct Client<'a> {
    name: &'a str,
    fingerprint: &'a str,
    role: &'a str,
}

#[derive(Serialize)]
struct Token<'a> {
    name: &'a str,
    sha256: &'a str,
    role: &'a str,
}

/// `access.toml`, which the daemon reads.
pub(super) fn access(clients: &[ApiClient], tokens: &[ApiToken], users: &[User]) -> String {
    let access = Access {
        client: clients
            .iter()
            .map(|c| Client {
                name: &c.name,
                fingerprint: c.fingerprint.as_str(),
                role: c.role.as_str(),
            })
            .collect(),
        token: tokens
            .iter()
            .map(|t| Token {
                name: &t.name,
                sha256: t.hash.as_str(),
                role: t.role.as_str(),
            })
            .collect(),
        user: users
            .iter()
            .map(|user| NamedUser {
                name: user.name.as_str(),
                role: user.role.as_str(),
                password_hash: user.password.as_ref().map(|hash| hash.expose()),
                fingerprint: user.fingerprint.as_ref().map(|text| text.as_str()),
                sha256: user.token.as_ref().map(|hash| hash.as_str()),
            })
            .collect(),
    };
    let body = toml::to_string(&access).expect("texts in tables in lists are always TOML");
    if body.is_empty() {
        HEAD.to_owned()
    } else {
        format!("{HEAD}\n{body}")
    }
}

/// The chain and then its key, as PEM blocks.
pub(super) fn tls(tls: &Tls, warnings: &mut Vec<Warning>) -> Option<PlannedFile> {
    if tls.lacks_key() {
        let problem = "is shown to nobody without its key, and the node shows one of its own: set tls.private_key";
        warnings.push(Warning::new("tls.certificate", problem));
    }
    let (chain, key) = tls.pair()?;
    Some(PlannedFile::new(
        TLS_FILE,
        format!("{HEAD}{}{}", chain.as_str(), key.expose()),
    ))
}
