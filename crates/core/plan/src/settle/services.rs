//! Files of the services around the machines: the journal and rsyslog, collectd, and who may reach the node.

use std::net::IpAddr;

use corbel_model::HostName;
use corbel_model::firewall::{Firewall, Source};
use corbel_model::logging::{Logging, Netconsole, Protocol, RemoteLog};
use corbel_model::monitoring::{FigureServer, Monitoring, Security};
use corbel_model::words::Warning;

use super::files::HEAD;
use super::{
    COLLECTD_FILE, JOURNAL_FILE, MONITORING_OFF_FLAG, NETCONSOLE_FILE, PlannedFile, SOURCES_FILE, SYSLOG_CA_PREFIX,
    SYSLOG_FILE,
};

/// What may wait for a server that is away, for each of them; more is lost, and neither the log partition nor, on a node that runs from
/// its medium, the memory fills.
const QUEUE: &str = "64m";
const QUEUE_IN_MEMORY: &str = "8m";

/// nft(8): `/etc/nftables.conf` of the image lets everybody in and includes this.
pub(super) fn firewall(firewall: &Firewall) -> Option<PlannedFile> {
    let lines = [("ssh", &firewall.ssh), ("api", &firewall.api)].map(|(service, sources)| {
        let Some(sources) = sources else { return String::new() };
        // An empty set is no expression of nft, and no packet comes from the address that means none.
        let list = |ipv4, none: &str| {
            let family: Vec<Source> = sources
                .iter()
                .copied()
                .filter(|source| source.is_ipv4() == ipv4)
                .collect();
            let texts: Vec<String> = disjoint(&family).iter().map(ToString::to_string).collect();
            if texts.is_empty() {
                none.to_owned()
            } else {
                texts.join(", ")
            }
        };
        format!(
            "redefine {service}_sources4 = {{ {} }}\nredefine {service}_sources6 = {{ {} }}\n",
            list(true, "0.0.0.0"),
            list(false, "::")
        )
    });
    let text = lines.concat();
    (!text.is_empty()).then(|| PlannedFile::new(SOURCES_FILE, format!("{HEAD}{text}")))
}

/// nft refuses a set in which one network lies in another.
fn disjoint(sources: &[Source]) -> Vec<Source> {
    let mut found: Vec<Source> = Vec::new();
    for source in sources {
        if !found.iter().any(|other| other.covers(source)) {
            found.retain(|other| !source.covers(other));
            found.push(*source);
        }
    }
    found
}

pub(super) fn logging(logging: &Logging, hostname: &HostName, installed: bool) -> Vec<PlannedFile> {
    let mut files = Vec::new();
    if logging.max_size.is_some() || logging.max_age.is_some() {
        // journald.conf(5)
        let size = logging.max_size.map(|size| format!("SystemMaxUse={}\n", size.bytes()));
        let age = logging
            .max_age
            .map(|age| format!("MaxRetentionSec={}\n", age.seconds()));
        let text = format!(
            "{HEAD}[Journal]\n{}{}",
            size.unwrap_or_default(),
            age.unwrap_or_default()
        );
        files.push(PlannedFile::new(JOURNAL_FILE, text));
    }
    if let Some(netconsole) = &logging.netconsole {
        files.push(PlannedFile::new(NETCONSOLE_FILE, self::netconsole(netconsole)));
    }
    if logging.remote.is_empty() {
        return files;
    }
    let mut text = format!("{HEAD}global(localHostname=\"{hostname}\")\n");
    let queue = if installed { QUEUE } else { QUEUE_IN_MEMORY };
    let mut names: Vec<String> = Vec::new();
    for (number, remote) in (1..).zip(&logging.remote) {
        let ca = format!("{SYSLOG_CA_PREFIX}{number}.pem");
        let name = queue_name(remote, number);
        let name = if names.contains(&name) {
            format!("{name}-{number}")
        } else {
            name
        };
        text += &action(&name, remote, &ca, queue);
        names.push(name);
        if let (Protocol::Tls, Some(certificates)) = (remote.protocol, &remote.ca) {
            files.push(PlannedFile::new(ca, certificates.as_str()));
        }
    }
    files.push(PlannedFile::new(SYSLOG_FILE, text));
    files
}

/// For `corbel-netconsole.service`: the kernel's Documentation/networking/netconsole.rst, and which address has to be there first.
fn netconsole(netconsole: &Netconsole) -> String {
    let Netconsole {
        server,
        port,
        interface,
        mac,
    } = netconsole;
    let family = if server.is_ipv4() { "--ipv4" } else { "--ipv6" };
    // The kernel takes an address of its own of the same scope.
    let state = match server {
        IpAddr::V6(address) if address.is_unicast_link_local() => "degraded",
        _ => "routable",
    };
    let mac = mac.map(|mac| mac.to_string()).unwrap_or_default();
    format!("{HEAD}INTERFACE={interface}:{state}\nFAMILY={family}\nTARGET=@/{interface},{port}@{server}/{mac}\n")
}

/// What waits for a server is found again by this, so it is the server's and not its place's in the list.
fn queue_name(remote: &RemoteLog, number: usize) -> String {
    /// With what stands around it, within the 255 bytes of a file's name.
    const LONGEST: usize = 200;
    let RemoteLog {
        server, port, protocol, ..
    } = remote;
    match server.to_string() {
        server if server.len() <= LONGEST => format!("remote-{}-{server}-{port}", protocol.as_str()),
        _ => format!("remote-{number}"),
    }
}

/// rsyslog's omfwd. The queue is what keeps one server that is away from holding up the others.
fn action(queue_name: &str, remote: &RemoteLog, ca: &str, queue: &str) -> String {
    let RemoteLog {
        server,
        port,
        protocol,
        certificate_name,
        priority,
        ..
    } = remote;
    let selector = format!("*.{}", priority.map_or("*", |priority| priority.as_str()));
    // Counted octets (RFC 6587, RFC 5425), as a message may have several lines.
    let name = certificate_name
        .as_ref()
        .map_or_else(|| server.to_string(), ToString::to_string);
    let way = match protocol {
        Protocol::Udp => "protocol=\"udp\"".to_owned(),
        Protocol::Tcp => "protocol=\"tcp\" TCP_Framing=\"octet-counted\"".to_owned(),
        Protocol::Tls => format!(
            "protocol=\"tcp\" TCP_Framing=\"octet-counted\"\n    StreamDriver=\"gtls\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\"\n    \
             StreamDriverPermittedPeers=\"{name}\" StreamDriver.CAFile=\"{ca}\""
        ),
    };
    // By the first line rsyslog.service knows which queues are still wanted.
    format!(
        "# Queue {queue_name}\n{selector} action(type=\"omfwd\" name=\"{queue_name}\" target=\"{server}\" port=\"{port}\" {way}\n    \
         action.resumeRetryCount=\"-1\" action.resumeInterval=\"5\" action.resumeIntervalMax=\"60\"\n    \
         queue.type=\"LinkedList\" queue.size=\"2000\" queue.filename=\"{queue_name}\" queue.maxFileSize=\"4m\"\n    \
         queue.maxDiskSpace=\"{queue}\" queue.saveOnShutdown=\"on\" queue.timeoutEnqueue=\"0\" queue.timeoutShutdown=\"2000\")\n"
    )
}

/// collectd.conf(5). What is the same on every node stands in the image.
pub(super) fn monitoring(monitoring: &Monitoring, warnings: &mut Vec<Warning>) -> Option<PlannedFile> {
    let Monitoring {
        enabled,
        interval,
        server,
    } = monitoring;
    if !enabled {
        return Some(PlannedFile::new(MONITORING_OFF_FLAG, ""));
    }
    let mut text = String::new();
    if let Some(interval) = interval {
        let seconds = interval.seconds();
        // A figure that was not renewed for six turns is of something that is gone.
        text += &format!(
            "Interval {seconds}\n<Plugin write_prometheus>\n  StalenessDelta {}\n</Plugin>\n",
            seconds * 6
        );
    }
    if monitoring.lacks_password() {
        let problem = "has a login without a password, so no figures are sent: set monitoring.collectd.password";
        warnings.push(Warning::new("monitoring.collectd", problem));
    } else if let Some(server) = server {
        text += &network(server);
    }
    (!text.is_empty()).then(|| PlannedFile::new(COLLECTD_FILE, format!("{HEAD}{text}")))
}

fn network(server: &FigureServer) -> String {
    let level = match server.security {
        Security::None => None,
        Security::Sign => Some("Sign"),
        Security::Encrypt => Some("Encrypt"),
    };
    let login = level.zip(server.user.as_ref()).map(|(level, user)| {
        let password = server.password.as_ref().map(|password| password.expose());
        format!(
            "    SecurityLevel {level}\n    Username \"{user}\"\n    Password \"{}\"\n",
            password.unwrap_or_default()
        )
    });
    format!(
        "LoadPlugin network\n<Plugin network>\n  <Server \"{}\" \"{}\">\n{}  </Server>\n</Plugin>\n",
        server.server,
        server.port,
        login.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_in_others_are_left_out() {
        let read = |texts: &[&str]| -> Vec<Source> { texts.iter().map(|t| t.parse().expect("a source")).collect() };
        let found = disjoint(&read(&[
            "192.0.2.7",
            "192.0.2.0/24",
            "192.0.2.9",
            "10.0.0.0/8",
            "10.0.0.0/8",
        ]));
        assert_eq!(found, read(&["192.0.2.0/24", "10.0.0.0/8"]));
    }
}
