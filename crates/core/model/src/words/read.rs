//! From words to values: one arm for each name.

use super::{BootInterface, IpMethod, Ipv6Word, Ntp, Other, VlanWord, Warning, Word, Words, ip, later};
use crate::access::{ApiClient, ApiToken, PasswordHash, Role};
use crate::install::FieldError;
use crate::logging::Protocol;
use crate::network::{Bond, BondOptions, Match, parse_address, parse_domain, parse_netmask};
use crate::server::parse_server_and_port;

/// Not collectd's own: operators of the ancestor have it in their boot menus.
const ANCESTORS_COLLECTD_PORT: u16 = 7634;

/// Collects words; `netmask=` and `rootpw=` wait here until all have been seen.
#[derive(Debug, Default)]
pub(super) struct Reader {
    words: Words,
    netmask: Option<u8>,
    root_password: Option<PasswordHash>,
}

/// What is wrong with a value.
type Problem = String;

impl Reader {
    pub(super) fn word(&mut self, word: &Word<'_>) {
        let name = word.name.replace('-', "_");
        let value = word.value.unwrap_or_default();
        // A value is repeated in the warning so that the person finds the typo, but never one that may be secret. A word of ours
        // that is not known may be a misspelt secret.
        let harmless = matches!(name.as_str(), "corbel.sshkey" | "corbel.client" | "corbel.keep_data");
        let secret = matches!(name.as_str(), "adminpw" | "rootpw") || name.starts_with("corbel.") && !harmless;
        let about = if secret || word.value.is_none() {
            word.name.to_owned()
        } else {
            shown(word.name, value)
        };
        match self.known(&name, word.value, value, &about) {
            Ok(true) => {}
            Ok(false) => self.foreign(&name, word),
            Err(problem) => self.words.warnings.push(Warning::new(about, problem)),
        }
    }

    /// Whether the name was one of ours.
    fn known(&mut self, name: &str, given: Option<&str>, value: &str, about: &str) -> Result<bool, Problem> {
        let words = &mut self.words;
        match name {
            "BOOTIF" => words.boot_interface = Some(boot_interface(value)?),
            "hostname" => words.hostname = Some(value.parse().map_err(text)?),
            "ip" => {
                let (found, left_aside) = ip::parse(value)?;
                words
                    .warnings
                    .extend(left_aside.map(|problem| Warning::new(about, problem)));
                words
                    .ip
                    .retain(|other| other.device != found.device || other.is_ipv6() != found.is_ipv6());
                words.ip.push(found);
            }
            "netmask" => self.netmask = Some(parse_netmask(value).map_err(text)?),
            "gateway" => {
                for item in list(value) {
                    let gateway = parse_address(item).map_err(text)?;
                    words.gateways.retain(|other| other.is_ipv4() != gateway.is_ipv4());
                    words.gateways.push(gateway);
                }
            }
            "ipv6" => words.ipv6 = Some(ipv6(value)?),
            "dns" => {
                let (good, bad) = partition(value, |item| parse_address(item).map_err(text));
                words.dns = good;
                words
                    .warnings
                    .extend(bad.into_iter().map(|problem| Warning::new(about, problem)));
            }
            "ntp" if matches!(value, "off" | "no" | "0") => words.ntp = Some(Ntp::Off),
            "ntp" => {
                let (good, bad) = partition(value, |item| parse_domain(item).map_err(text));
                words
                    .warnings
                    .extend(bad.into_iter().map(|problem| Warning::new(about, problem)));
                words.ntp = (!good.is_empty()).then_some(Ntp::Servers(good));
            }
            "syslog" => {
                let (server, port) = parse_server_and_port(value).map_err(text)?;
                words.syslog = Some((server, port.unwrap_or(Protocol::Udp.default_port())));
            }
            "collectd" => {
                let (server, port) = parse_server_and_port(value).map_err(text)?;
                words.collectd = Some((server, port.unwrap_or(ANCESTORS_COLLECTD_PORT)));
            }
            "iscsi_name" => words.iscsi_name = Some(value.parse().map_err(text)?),
            "nfsv4_domain" => words.nfsv4_domain = Some(value.parse().map_err(text)?),
            "keyboard" => words.keyboard = Some(value.parse().map_err(text)?),
            "bond" | "bond_setup" => {
                let (found, problems) = bond(value)?;
                words
                    .warnings
                    .extend(problems.into_iter().map(|problem| Warning::new(about, problem)));
                words.bonds.retain(|other| other.name != found.name);
                words.bonds.push(found);
            }
            "vlan" => {
                let (id, parent) = value
                    .split_once(':')
                    .map_or((value, None), |(id, parent)| (id, Some(parent)));
                let parent = parent
                    .filter(|p| !p.is_empty())
                    .map(str::parse::<Match>)
                    .transpose()
                    .map_err(text)?;
                let found = VlanWord {
                    id: id.parse().map_err(text)?,
                    parent,
                };
                words.vlans.retain(|other| *other != found);
                words.vlans.push(found);
            }
            "network_layout" => {
                words.bridged = Some(match value {
                    "bridged" => true,
                    "direct" => false,
                    _ => return Err("give bridged or direct".into()),
                });
            }
            "adminpw" => words.admin_password = Some(value.parse().map_err(text)?),
            "rootpw" => self.root_password = Some(value.parse().map_err(text)?),
            "ssh_pwauth" => words.password_login = Some(flag(given)?),
            "stateless" | "ovirt_stateless" => words.stateless = Some(flag(given)?),
            "standalone" | "ovirt_standalone" => words.standalone = Some(flag(given)?),
            "rescue" => words.rescue = flag(given)?,
            "corbel.sshkey" => words.ssh_keys.push(percent_decoded(value)?.parse().map_err(text)?),
            "corbel.client" => {
                let (fingerprint, role) = with_role(value)?;
                let fingerprint = fingerprint.parse().map_err(text)?;
                let name = format!("word-{}", words.clients.len() + 1);
                words.clients.push(ApiClient {
                    name,
                    fingerprint,
                    role,
                });
            }
            "corbel.token_sha256" => {
                let (hash, role) = with_role(value)?;
                let hash = hash.parse().map_err(text)?;
                let name = format!("word-{}", words.tokens.len() + 1);
                words.tokens.push(ApiToken { name, hash, role });
            }
            "corbel.config" => {
                let is_url = value.starts_with("http://") || value.starts_with("https://");
                if !is_url || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                    let problem = "give a URL that begins with http:// or https://";
                    // Nothing is installed without what the document would have said.
                    words.install.errors.push(FieldError::new(name, problem));
                    return Err(problem.into());
                }
                words.config_url = Some(value.to_owned());
            }
            _ if words.install.word(name, given)? => {}
            // Read by corbel-init before there was a root.
            "corbel.root" | "corbel.slot" | "corbel.timeout" => {}
            _ if name.starts_with("corbel.") => {
                return Err(
                    "is not a word of Corbel: there are corbel.config, corbel.sshkey, corbel.client, corbel.token_sha256 and corbel.keep_data"
                        .into(),
                );
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn foreign(&mut self, name: &str, word: &Word<'_>) {
        let refused = word.value.is_some_and(|value| flag(Some(value)) == Ok(false));
        match later::canonical(name) {
            // What is switched off is not missed.
            Some(_) if refused => {}
            Some(canonical) => {
                let problem = "is a word of oVirt Node that this version does not act on";
                self.words.warnings.push(Warning::new(canonical, problem));
            }
            None => self.words.other.push(Other {
                name: word.name.to_owned(),
                value: word.value.map(str::to_owned),
            }),
        }
    }

    pub(super) fn finish(mut self) -> Words {
        let words = &mut self.words;
        words.admin_password = words.admin_password.take().or(self.root_password);
        for word in &mut words.ip {
            let IpMethod::Static { address, prefix, .. } = &mut word.method else {
                continue;
            };
            let most = if address.is_ipv4() { 32 } else { 128 };
            *prefix = prefix.or(self.netmask.filter(|bits| *bits <= most));
            if prefix.is_none() {
                let assumed = if address.is_ipv4() { 24 } else { 64 };
                *prefix = Some(assumed);
                let problem = format!("has no netmask: /{assumed} is taken; say ip={address}/{assumed} or netmask=");
                words.warnings.push(Warning::new(format!("ip={address}"), problem));
            }
        }
        self.words
    }
}

fn text(error: impl std::error::Error) -> Problem {
    error.to_string()
}

/// `name=value` cut to a length that fits a screen, without characters that would play with it.
fn shown(name: &str, value: &str) -> String {
    let value: String = value
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(60)
        .collect();
    format!("{name}={value}")
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn partition<T>(value: &str, read: impl Fn(&str) -> Result<T, Problem>) -> (Vec<T>, Vec<Problem>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for item in list(value) {
        match read(item) {
            Ok(found) => good.push(found),
            Err(problem) => bad.push(problem),
        }
    }
    if good.is_empty() && bad.is_empty() {
        bad.push("is empty: give addresses separated by commas".into());
    }
    (good, bad)
}

/// A word alone means yes; `=no`, `=0` and their like mean no.
pub(super) fn flag(given: Option<&str>) -> Result<bool, Problem> {
    match given.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "1" | "yes" | "true" | "on" | "y") => Ok(true),
        Some("0" | "no" | "false" | "off" | "n") => Ok(false),
        Some(_) => Err("give 1 or 0".into()),
    }
}

fn boot_interface(value: &str) -> Result<BootInterface, Problem> {
    if value == "link" {
        return Ok(BootInterface::Link);
    }
    // PXELINUX puts the hardware type in front of the MAC: 01-52-54-00-12-34-56.
    let without_type = if value.len() == 20 {
        value.get(3..).unwrap_or(value)
    } else {
        value
    };
    match without_type.parse::<Match>().or_else(|_| value.parse()) {
        Ok(Match::Ethernet) => Err("give one interface, not a pattern".into()),
        Ok(Match::Name(name)) if name.contains(['*', '?']) => Err("give one interface, not a pattern".into()),
        Ok(found) => Ok(BootInterface::Is(found)),
        Err(_) => Err("give link, an interface such as eno1, or a MAC address such as 01-52-54-00-12-34-56".into()),
    }
}

fn ipv6(value: &str) -> Result<Ipv6Word, Problem> {
    match value {
        "dhcp" => Ok(Ipv6Word::Dhcp),
        "auto" => Ok(Ipv6Word::Auto),
        "off" | "no" | "0" => Ok(Ipv6Word::Off),
        _ => match value.parse::<crate::network::Cidr>() {
            Ok(cidr) if cidr.address.is_ipv6() => Ok(Ipv6Word::Static(cidr)),
            _ => Err("give dhcp, auto, off, or an address such as 2001:db8::10/64".into()),
        },
    }
}

/// `NAME:MEMBER,MEMBER[:OPTION=VALUE,…]`. An option that is not known costs only itself.
fn bond(value: &str) -> Result<(Bond, Vec<Problem>), Problem> {
    let (name, rest) = value
        .split_once(':')
        .ok_or("give NAME:MEMBER,MEMBER such as bond0:eno1,eno2")?;
    // Members may be MAC addresses with dashes: the colon is taken.
    let (members, options) = rest.split_once(':').unwrap_or((rest, ""));
    let name = name.parse().map_err(text)?;
    let members = list(members)
        .map(str::parse)
        .collect::<Result<Vec<Match>, _>>()
        .map_err(text)?;
    if members.is_empty() {
        return Err("has no members: give NAME:MEMBER,MEMBER such as bond0:eno1,eno2".into());
    }
    let mut found = Bond {
        name,
        members,
        options: BondOptions::default(),
    };
    let mut problems = Vec::new();
    for option in list(options) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        problems.extend(found.options.set(key, value).err().map(text));
    }
    Ok((found, problems))
}

/// `VALUE[,ROLE]`.
fn with_role(value: &str) -> Result<(&str, Role), Problem> {
    match value.split_once(',') {
        None => Ok((value, Role::Admin)),
        Some((value, role)) => Ok((value, role.parse().map_err(text)?)),
    }
}

/// RFC 3986, 2.1: a blank in a key is `%20`, as the command line is cut at blanks.
fn percent_decoded(value: &str) -> Result<String, Problem> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = tail
            .get(..2)
            .filter(|d| d.iter().all(u8::is_ascii_hexdigit))
            .and_then(|d| std::str::from_utf8(d).ok());
        let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
        bytes.push(byte.ok_or("has a % that no two hexadecimal digits follow: write %20 for a blank and %25 for %")?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".into())
}
