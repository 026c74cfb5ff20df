//! What words, seed files and document say together, before it is known what it means on this machine: the word wins over the document,
//! and keys, clients and tokens of all of them add up.

use corbel_model::HostName;
use corbel_model::access::{ApiClient, Fingerprint, SshKey};
use corbel_model::logging::{Protocol, RemoteLog};
use corbel_model::monitoring::{FigureServer, Security};
use corbel_model::network::{Interface, Mac};
use corbel_model::seed::{self, Seed};
use corbel_model::words::{BootInterface, Ntp, Warning, Words, merged, without_comments};

use super::{Fetched, Sources};

impl Sources {
    /// The words of the seed and then those of the kernel as one text, one word a line.
    pub fn merged_words(&self) -> String {
        let seed = self.words.as_deref().map(without_comments);
        merged(seed.iter().map(String::as_str).chain([self.command_line.as_str()]))
    }
}

/// Everything that was said.
pub(super) struct Said {
    pub words: Words,
    /// With what words and files say in place, but for the network, which is the document's.
    pub seed: Seed,
    pub hostname: HostName,
    /// The document can be read: without what it says, a node would be installed that its owner cannot reach.
    pub may_install: bool,
    /// The document, when it cannot be read.
    pub broken: Option<String>,
}

impl Said {
    pub(super) fn read(sources: &Sources, interfaces: &[Interface], warnings: &mut Vec<Warning>) -> Self {
        let seed_words = sources.words.as_deref().map(without_comments);
        let words = Words::parse(
            seed_words
                .iter()
                .map(String::as_str)
                .chain([sources.command_line.as_str()]),
        );
        warnings.extend(words.warnings.iter().cloned());
        let asked = words.config_url.is_some() && !sources.installed;
        let text = document_text(sources, asked, warnings);
        let document = read_document(text, sources.installed, warnings);
        let broken = text.filter(|_| document.is_none()).map(str::to_owned);
        // Nothing is installed before the document is there, and not without it.
        let complete = !asked || matches!(sources.fetched, Fetched::Document(_));
        let may_install = !sources.installed && document.is_some() && complete;
        let mut seed = document.unwrap_or_default();
        seed.hostname = hostname(&words, &seed, interfaces, warnings);
        seed.ssh_keys = ssh_keys(&words, &seed, sources, warnings);
        seed.clients = clients(&words, &seed, sources, warnings);
        seed.tokens = words.tokens.iter().chain(&seed.tokens).cloned().collect();
        seed.fill_secrets(&sources.secrets);
        seed.admin_password = words.admin_password.clone().or(seed.admin_password);
        seed.password_login = words.password_login.or(seed.password_login);
        seed.ntp = words.ntp.clone().or(seed.ntp);
        seed.keyboard = words.keyboard.clone().or(seed.keyboard);
        services(&words, &mut seed);
        if seed.ntp.is_none() {
            let named: Vec<_> = words.ip.iter().flat_map(|word| word.ntp.clone()).collect();
            seed.ntp = (!named.is_empty()).then_some(Ntp::Servers(named));
        }
        let last = || "corbel".parse().expect("letters are a host name");
        let hostname = seed.hostname.clone().unwrap_or_else(last);
        Self {
            words,
            seed,
            hostname,
            may_install,
            broken,
        }
    }
}

/// A server that a word names takes the place of those of the document.
fn services(words: &Words, seed: &mut Seed) {
    if let Some((server, port)) = words.syslog.clone() {
        seed.logging.remote = vec![RemoteLog {
            server,
            port,
            protocol: Protocol::Udp,
            ca: None,
            certificate_name: None,
            priority: None,
        }];
    }
    let access = &mut seed.storage_access;
    access.iscsi.initiator = words.iscsi_name.clone().or(access.iscsi.initiator.take());
    access.nfs.domain = words.nfsv4_domain.clone().or(access.nfs.domain.take());
    if let Some((server, port)) = words.collectd.clone() {
        seed.monitoring.enabled = true;
        seed.monitoring.server = Some(FigureServer {
            server,
            port,
            security: Security::None,
            user: None,
            password: None,
        });
    }
}

/// The document that counts. The fetched one is the newer and the more deliberate one; until it is there, and when it cannot be had, the
/// seed's counts, which may have the network that it is fetched over.
fn document_text<'a>(sources: &'a Sources, asked: bool, warnings: &mut Vec<Warning>) -> Option<&'a str> {
    match &sources.fetched {
        Fetched::Document(text) if asked => {
            if sources.document.is_some() {
                warnings.push(Warning::new(
                    "corbel.toml",
                    "of the seed is not used, as the one that corbel.config names is there",
                ));
            }
            return Some(text);
        }
        Fetched::Failed(reason) if asked => {
            let problem = format!("{reason}; the node goes on without this document");
            warnings.push(Warning::new("corbel.config", problem));
        }
        _ => {}
    }
    sources.document.as_deref()
}

/// `None` when there is one and it cannot be read.
fn read_document(text: Option<&str>, installed: bool, warnings: &mut Vec<Warning>) -> Option<Seed> {
    let Some(text) = text else {
        return Some(Seed::default());
    };
    let refused = |error| {
        let problem = format!("{error}; nothing of this file is used, neither its network nor its access");
        let name = if installed { "node.toml" } else { "corbel.toml" };
        warnings.push(Warning::new(name, problem));
    };
    seed::parse(text).map_err(refused).ok()
}

/// `None` where nobody said one and no interface was seen.
fn hostname(words: &Words, seed: &Seed, interfaces: &[Interface], warnings: &mut Vec<Warning>) -> Option<HostName> {
    let from_ip = words.ip.iter().find_map(|word| word.hostname.clone());
    let said = words.hostname.clone().or(from_ip).or_else(|| seed.hostname.clone());
    let said = said.filter(|name| match name.problem_as_own() {
        Some(problem) => {
            warnings.push(Warning::new("hostname", format!("{name} {problem}")));
            false
        }
        None => true,
    });
    said.or_else(|| {
        let [.., a, b, c] = first_mac(words, interfaces)?.0;
        format!("corbel-{a:02x}{b:02x}{c:02x}").parse().ok()
    })
}

/// Of the boot interface, else of the first physical interface by name: the same at each boot of the same machine.
fn first_mac(words: &Words, interfaces: &[Interface]) -> Option<Mac> {
    let boot = words.boot_interface.as_ref().and_then(|boot| match boot {
        BootInterface::Is(matches) => interfaces.iter().find(|i| matches.covers(i))?.mac,
        BootInterface::Link => None,
    });
    let mut physical: Vec<_> = interfaces.iter().filter(|i| i.physical).collect();
    physical.sort_by(|a, b| a.name.cmp(&b.name));
    boot.or_else(|| physical.iter().find_map(|i| i.mac))
}

fn ssh_keys(words: &Words, seed: &Seed, sources: &Sources, warnings: &mut Vec<Warning>) -> Vec<SshKey> {
    let mut keys: Vec<SshKey> = Vec::new();
    let mut add = |key: SshKey| {
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    words.ssh_keys.iter().chain(&seed.ssh_keys).cloned().for_each(&mut add);
    let lines = sources
        .authorized_keys
        .as_deref()
        .unwrap_or_default()
        .lines()
        .enumerate();
    for (at, line) in lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        match line.parse() {
            Ok(key) => add(key),
            Err(error) => warnings.push(Warning::new(format!("authorized_keys, line {}", at + 1), error)),
        }
    }
    keys
}

fn clients(words: &Words, seed: &Seed, sources: &Sources, warnings: &mut Vec<Warning>) -> Vec<ApiClient> {
    let mut clients: Vec<ApiClient> = words.clients.iter().chain(&seed.clients).cloned().collect();
    for (name, pem) in &sources.clients {
        match Fingerprint::of_pem(pem) {
            Ok(fingerprint) => clients.push(ApiClient {
                name: name.clone(),
                fingerprint,
                role: Default::default(),
            }),
            Err(error) => warnings.push(Warning::new(format!("clients/{name}.pem"), error)),
        }
    }
    clients
}
