//! The plan of a boot: from kernel words, seed and the interfaces of the machine to the files, flags and warnings of this boot.
//!
//! Executed by `corbel-settle`, printed by `corbel settle --dry-run`. Precedence: kernel words, then the seed's file `words`, then
//! `corbel.toml`, which a document from a URL replaces (on an installed node its own `node.toml` stands in that place and there is no seed); keys, clients and tokens of all of them add up. Nothing that is wrong with the input stops the plan: it
//! becomes a warning, and what is right is done.

mod addressing;
mod auto;
mod document;
mod files;
mod kernel_dump;
mod lower;
mod networkd;
mod paths;
mod said;
mod services;
pub mod state;
mod storage_access;

use std::fmt;

use corbel_model::access::{PasswordHash, SshKey};
use corbel_model::keyboard::is_listed;
use corbel_model::network::{Interface, Mac};
use corbel_model::secret::Secrets;
use corbel_model::seed::Seed;
use corbel_model::words::{Ntp, Warning};
use corbel_model::{HostName, Keymap, SshPort, TimeZone};

pub use document::effective_document;
pub use files::keyboard as keyboard_file;
pub(crate) use lower::same as same_interface;
pub use paths::*;
use said::Said;

use crate::gate::Expected;
use crate::performance::Tuning;

/// What became of the document that `corbel.config` names.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Fetched {
    /// It was not asked for, or there was no network yet.
    #[default]
    NotYet,
    Document(String),
    /// Why it could not be had.
    Failed(String),
}

impl fmt::Debug for Fetched {
    /// The document holds password hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fetched(hidden)")
    }
}

/// Everything that somebody may have said about this boot, as text.
#[derive(Clone, Default)]
pub struct Sources {
    /// The node runs from its own disk: nothing is installed, and the document is its own.
    pub installed: bool,
    /// `/proc/cmdline`.
    pub command_line: String,
    /// The seed's file `words`.
    pub words: Option<String>,
    /// The seed's file `corbel.toml`, or the `node.toml` of an installed node.
    pub document: Option<String>,
    /// What an installed node keeps apart from its document.
    pub secrets: Secrets,
    /// The document from a URL, which takes the place of the seed's.
    pub fetched: Fetched,
    /// The seed's file `authorized_keys`.
    pub authorized_keys: Option<String>,
    /// The seed's files `clients/NAME.pem`, as (NAME, text).
    pub clients: Vec<(String, String)>,
    /// What went wrong while these were read.
    pub warnings: Vec<Warning>,
}

impl fmt::Debug for Sources {
    /// The texts hold password hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(hidden)")
    }
}

/// A file to write.
#[derive(Clone, PartialEq, Eq)]
pub struct PlannedFile {
    /// Absolute.
    pub path: String,
    pub mode: u32,
    pub content: String,
}

impl PlannedFile {
    fn new(path: impl Into<String>, content: impl Into<String>) -> Self {
        let path = path.into();
        Self {
            mode: mode_of(&path),
            path,
            content: content.into(),
        }
    }
}

impl fmt::Debug for PlannedFile {
    /// What is for root alone is not for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = if self.mode == 0o600 { "hidden" } else { &self.content };
        write!(f, "PlannedFile({} {:04o} {content:?})", self.path, self.mode)
    }
}

/// Whether remote login is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ssh {
    /// Off, with the sentence that says why.
    Off(&'static str),
    On {
        password_login: bool,
    },
}

/// What this boot shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlePlan {
    pub hostname: HostName,
    /// In the order in which they are written.
    pub files: Vec<PlannedFile>,
    /// Files of an earlier run that this plan does not have.
    pub remove: Vec<&'static str>,
    /// To be set for `admin` in `/etc/shadow`.
    pub admin_password: Option<PasswordHash>,
    pub ssh: Ssh,
    pub time_sync: bool,
    /// UTC when nobody said one.
    pub timezone: Option<TimeZone>,
    /// What the health gate will look for.
    pub addresses: Expected,
    pub warnings: Vec<Warning>,
}

/// Makes the plan of a boot.
pub fn plan_settle(sources: &Sources, interfaces: &[Interface]) -> SettlePlan {
    let mut warnings = sources.warnings.clone();
    let Said {
        words,
        seed,
        hostname,
        may_install,
        ..
    } = Said::read(sources, interfaces, &mut warnings);
    let installs = may_install && auto::installs(&words, &seed);
    let Seed {
        ntp,
        timezone,
        keyboard,
        admin_password,
        ssh_keys,
        password_login,
        ssh_port,
        ssh_idle,
        network,
        clients,
        tokens,
        firewall,
        logging,
        monitoring,
        storage_access,
        performance,
        kernel_dump,
        tls,
        users,
        ..
    } = seed;
    let ssh = ssh(&ssh_keys, admin_password.is_some(), password_login, &mut warnings);
    let config_url = words.config_url.clone().filter(|_| !sources.installed);
    let network = lower::network(&words, network, interfaces, &mut warnings);
    let mut files = vec![
        PlannedFile::new(HOSTNAME_FILE, format!("{hostname}\n")),
        PlannedFile::new(HOSTS_FILE, files::hosts(&hostname)),
    ];
    let (network_files, addresses) = networkd::render(&network, interfaces, &mut warnings);
    files.extend(network_files);
    if let Ssh::On { password_login } = ssh {
        files.push(PlannedFile::new(
            SSHD_FILE,
            files::sshd(password_login, ssh_port, ssh_idle),
        ));
    }
    if let Some(port) = ssh_port.filter(|port| *port != SshPort::default()) {
        files.push(PlannedFile::new(SSH_FIREWALL_FILE, files::ssh_firewall(port)));
    }
    files.extend(services::firewall(&firewall));
    if !ssh_keys.is_empty() {
        files.push(PlannedFile::new(KEYS_FILE, files::authorized_keys(&ssh_keys)));
    }
    if let Some(Ntp::Servers(servers)) = &ntp {
        files.push(PlannedFile::new(TIMESYNC_FILE, files::timesyncd(servers)));
    }
    if let Some(keymap) = &keyboard {
        warnings.extend(unlisted(keymap));
        files.push(PlannedFile::new(KEYBOARD_FILE, files::keyboard(keymap)));
    }
    files.extend(services::logging(&logging, &hostname, sources.installed));
    files.extend(services::monitoring(&monitoring, &mut warnings));
    files.extend(storage_access::files(storage_access, &mut warnings));
    let tuning = Tuning::of(&performance).render();
    if !tuning.is_empty() {
        files.push(PlannedFile::new(PERFORMANCE_FILE, format!("{}{tuning}", files::HEAD)));
    }
    files.extend(kernel_dump::kernel_dump(&kernel_dump, sources.installed, &mut warnings));
    if installs {
        files.push(PlannedFile::new(AUTO_INSTALL_FLAG, ""));
    }
    if let Some(url) = config_url {
        files.push(PlannedFile::new(CONFIG_URL_FILE, url));
    }
    warnings.extend(users.iter().filter(|user| user.is_nobody()).map(|user| {
        let problem = "has no password, certificate or token, so nobody can be this user";
        Warning::new(format!("users[{}]", user.name), problem)
    }));
    files.extend(files::tls(&tls, &mut warnings));
    files.push(PlannedFile::new(ACCESS_FILE, files::access(&clients, &tokens, &users)));
    let time_sync = ntp != Some(Ntp::Off);
    if !time_sync {
        files.push(PlannedFile::new(TIME_SYNC_OFF_FLAG, ""));
    }
    if matches!(ssh, Ssh::On { .. }) {
        // Last: whoever sees the flag sees everything that it promises.
        files.push(PlannedFile::new(SSH_FLAG, ""));
    }
    // Flags first: nobody shall see one that promises what is gone.
    let own = [AUTO_INSTALL_FLAG, CONFIG_URL_FILE]
        .into_iter()
        .chain(FILES.into_iter().rev());
    let remove = own.filter(|path| files.iter().all(|file| file.path != *path)).collect();
    SettlePlan {
        hostname,
        files,
        remove,
        admin_password,
        ssh,
        time_sync,
        timezone,
        addresses,
        warnings,
    }
}

/// What must be known of the machine before the plan is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: the plan is the same on every machine.
    Nothing,
    /// The interfaces and their addresses.
    Interfaces,
    /// Also which of them has a carrier, for which they must be up.
    Carrier,
}

/// Found by planning for imagined machines and comparing, so that it cannot forget a rule of [`plan_settle`].
pub fn needs(sources: &Sources) -> Need {
    let seen = |name: &str, last, carrier| {
        let mac = Some(Mac([2, 0, 0, 0, 0, last]));
        Some(Interface {
            name: name.parse().ok()?,
            mac,
            carrier,
            physical: true,
            driver: None,
        })
    };
    let machine = |first, second| -> Vec<Interface> {
        [seen("corbelprobe0", 1, first), seen("corbelprobe1", 2, second)]
            .into_iter()
            .flatten()
            .collect()
    };
    let dark = plan_settle(sources, &machine(false, false));
    if plan_settle(sources, &machine(false, true)) != dark {
        Need::Carrier
    } else if plan_settle(sources, &[]) != dark {
        Need::Interfaces
    } else {
        Need::Nothing
    }
}

/// A layout that the installer does not list may be one of the image's others; only loadkeys(1) can tell.
fn unlisted(keymap: &Keymap) -> Option<Warning> {
    let problem = || {
        let problem = "is none of the layouts that the installer lists: if this image has no such keymap, keys stay those of a US keyboard";
        Warning::new(format!("keyboard={keymap}"), problem)
    };
    (!is_listed(keymap)).then(problem)
}

fn ssh(keys: &[SshKey], password: bool, asked: Option<bool>, warnings: &mut Vec<Warning>) -> Ssh {
    // A password alone is meant to be used; beside a key it stays at the console and the API until asked for.
    let password_login = password && asked.unwrap_or(keys.is_empty());
    if asked == Some(true) && !password {
        warnings.push(Warning::new(
            "ssh_pwauth",
            "has no effect without a password: give adminpw too",
        ));
    }
    if password_login || !keys.is_empty() {
        Ssh::On { password_login }
    } else if password {
        Ssh::Off("passwords are not taken over SSH here and no key was given")
    } else {
        Ssh::Off("neither a key nor a password was given")
    }
}

impl fmt::Display for SettlePlan {
    /// One line for each thing to do, then the warnings. No secret is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "host name {}", self.hostname)?;
        match self.ssh {
            Ssh::Off(why) => writeln!(f, "ssh off: {why}")?,
            Ssh::On { password_login: true } => writeln!(f, "ssh on, with password")?,
            Ssh::On { password_login: false } => writeln!(f, "ssh on, with keys only")?,
        }
        if self.admin_password.is_some() {
            writeln!(f, "set the password of admin")?;
        }
        if !self.time_sync {
            writeln!(f, "time is not synchronised")?;
        }
        if let Some(zone) = &self.timezone {
            writeln!(f, "time zone {zone}")?;
        }
        for file in &self.files {
            writeln!(f, "write {} {:04o}", file.path, file.mode)?;
        }
        for path in &self.remove {
            writeln!(f, "remove {path}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
