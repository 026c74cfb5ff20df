//! Logs, figures and the firewall.

use super::{Text, exact};
use crate::logging::{Logging, RemoteLog};
use crate::monitoring::Monitoring;
use crate::seed::Seed;
use crate::tls::Tls;

pub(super) fn services(text: &mut Text, seed: &Seed) {
    for (name, sources) in [("ssh", &seed.firewall.ssh), ("api", &seed.firewall.api)] {
        if let Some(sources) = sources {
            text.head(&format!("[firewall.{name}]"));
            // An empty list says something, too.
            let sources: Vec<String> = sources.iter().map(ToString::to_string).collect();
            text.put("sources", sources);
        }
    }
    let Logging {
        remote,
        max_size,
        max_age,
        netconsole,
    } = &seed.logging;
    if max_size.is_some() || max_age.is_some() {
        text.head("[logging.journal]");
        text.maybe("max_size", max_size.map(exact));
        text.maybe("max_age", max_age.map(|span| span.to_string()));
    }
    if let Some(netconsole) = netconsole {
        text.head("[logging.netconsole]");
        text.put("server", netconsole.server.to_string());
        text.put("port", i64::from(netconsole.port));
        text.put("interface", netconsole.interface.to_string());
        text.maybe("mac", netconsole.mac.map(|mac| mac.to_string()));
    }
    for remote in remote {
        self::remote(text, remote);
    }
    if seed.tls != Tls::default() {
        text.head("[tls]");
        text.maybe("certificate", seed.tls.certificate.as_ref().map(ToString::to_string));
        text.maybe("private_key", seed.tls.key.as_ref().map(|key| key.expose().to_owned()));
    }
    let Monitoring {
        enabled,
        interval,
        server,
    } = &seed.monitoring;
    if seed.monitoring == Monitoring::default() {
        return;
    }
    text.head("[monitoring.collectd]");
    text.put("enabled", *enabled);
    text.maybe("interval", interval.map(|span| span.to_string()));
    let Some(server) = server else { return };
    text.put("server", server.server.to_string());
    text.put("port", i64::from(server.port));
    text.put("security", server.security.as_str());
    text.maybe("user", server.user.as_ref().map(ToString::to_string));
    let password = server.password.as_ref();
    text.maybe("password", password.map(|password| password.expose().to_owned()));
}

fn remote(text: &mut Text, remote: &RemoteLog) {
    text.head("[[logging.remote]]");
    text.put("server", remote.server.to_string());
    text.put("port", i64::from(remote.port));
    text.put("protocol", remote.protocol.as_str());
    text.maybe("ca", remote.ca.as_ref().map(ToString::to_string));
    text.maybe(
        "certificate_name",
        remote.certificate_name.as_ref().map(ToString::to_string),
    );
    text.maybe("priority", remote.priority.map(|priority| priority.as_str()));
}
