//! A document from its values: what [`parse`](super::parse) makes of the text is what was given. Everything about addresses is written
//! out, so that no default that changes later changes an installed node.

mod kernel_dump;
mod performance;
mod services;
mod storage_access;

use std::net::IpAddr;

use toml::{Table, Value};

use super::{Seed, VERSION};
use crate::ByteSize;
use crate::install::{DataRequest, DeviceMatch, InstallAnswers, Mode, Pattern, SizeRequest};
use crate::network::{Bond, BondOptions, Bridge, InterfaceConfig, Route, Vlan};
use crate::words::Ntp;

/// The document that says this, with its password hash. The `document` and `raise` of an `[install]` are no part of any document.
pub fn render(seed: &Seed) -> String {
    let mut text = Text::default();
    text.put("version", VERSION);
    text.maybe("hostname", seed.hostname.as_ref().map(ToString::to_string));
    match &seed.ntp {
        None => {}
        Some(Ntp::Off) => text.put("ntp", Vec::<String>::new()),
        Some(Ntp::Servers(servers)) => text.put("ntp", servers.clone()),
    }
    text.maybe("timezone", seed.timezone.as_ref().map(ToString::to_string));
    text.maybe("keyboard", seed.keyboard.as_ref().map(ToString::to_string));
    if seed.admin_password.is_some() || seed.password_login.is_some() || !seed.ssh_keys.is_empty() {
        text.head("[admin]");
        let hash = seed.admin_password.as_ref();
        text.maybe("password_hash", hash.map(|hash| hash.expose().to_owned()));
        text.list("ssh_keys", seed.ssh_keys.iter().map(|key| key.as_str()));
        text.maybe("password_login", seed.password_login);
    }
    if seed.ssh_port.is_some() || seed.ssh_idle.is_some() {
        text.head("[ssh]");
        text.maybe("port", seed.ssh_port.map(|port| i64::from(port.number())));
        text.maybe("idle_timeout", seed.ssh_idle.map(|span| span.to_string()));
    }
    for entry in &seed.network.interfaces {
        interface(&mut text, entry);
    }
    for bond in &seed.network.bonds {
        self::bond(&mut text, bond);
    }
    for Vlan { id, parent } in &seed.network.vlans {
        text.head("[[network.vlan]]");
        text.put("id", Value::Integer(id.number().into()));
        text.put("parent", parent.to_string());
    }
    for Bridge { name, ports, stp } in &seed.network.bridges {
        text.head("[[network.bridge]]");
        text.put("name", name.to_string());
        text.list("ports", ports);
        if *stp {
            text.put("stp", true);
        }
    }
    for client in &seed.clients {
        text.head("[[api.client]]");
        text.put("name", client.name.clone());
        text.put("fingerprint", client.fingerprint.as_str());
        text.put("role", client.role.as_str());
    }
    for token in &seed.tokens {
        text.head("[[api.token]]");
        text.put("name", token.name.clone());
        text.put("sha256", token.hash.as_str());
        text.put("role", token.role.as_str());
    }
    for user in &seed.users {
        text.head("[[users]]");
        text.put("name", user.name.to_string());
        text.put("role", user.role.as_str());
        let hash = user.password.as_ref();
        text.maybe("password_hash", hash.map(|hash| hash.expose().to_owned()));
        text.maybe("fingerprint", user.fingerprint.as_ref().map(|text| text.as_str()));
        text.maybe("token_sha256", user.token.as_ref().map(|hash| hash.as_str()));
    }
    services::services(&mut text, seed);
    storage_access::storage_access(&mut text, &seed.storage_access);
    performance::performance(&mut text, &seed.performance);
    kernel_dump::kernel_dump(&mut text, &seed.kernel_dump);
    if let Some(answers) = &seed.install {
        install(&mut text, answers);
    }
    text.0
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, head: &str) {
        self.0.push_str(&format!("\n{head}\n"));
    }

    /// The value stands behind its key on one line, tables too.
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.push_str(&format!("{key} = {}\n", value.into()));
    }

    fn maybe(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Nothing for an empty list.
    fn list<T: ToString>(&mut self, key: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if !values.is_empty() {
            self.put(key, values);
        }
    }
}

fn interface(text: &mut Text, entry: &InterfaceConfig) {
    let InterfaceConfig {
        matches,
        addressing,
        bridge,
        mtu,
    } = entry;
    text.head("[[network.interface]]");
    text.put("match", matches.to_string());
    text.put("dhcp4", addressing.dhcp4);
    text.put("dhcp6", addressing.ipv6.dhcp);
    text.put("slaac", addressing.ipv6.slaac);
    if !addressing.ipv6.link_local {
        text.put("link_local", false);
    }
    text.list("addresses", &addressing.addresses);
    text.list::<&IpAddr>("gateways", &addressing.gateways);
    let routes: Vec<Value> = addressing.routes.iter().map(route).collect();
    if !routes.is_empty() {
        text.put("routes", routes);
    }
    text.list::<&IpAddr>("dns", &addressing.dns);
    text.list("search", &addressing.search);
    text.maybe("mtu", mtu.map(i64::from));
    text.maybe("bridge", bridge.as_ref().map(ToString::to_string));
}

fn route(route: &Route) -> Value {
    inline([
        ("to", Some(Value::from(route.to.to_string()))),
        ("via", route.via.map(|via| Value::from(via.to_string()))),
        ("metric", route.metric.map(|metric| Value::Integer(metric.into()))),
    ])
}

fn bond(text: &mut Text, bond: &Bond) {
    let BondOptions {
        mode,
        miimon,
        updelay,
        downdelay,
        lacp_fast,
        hash_policy,
        primary,
        min_links,
    } = &bond.options;
    let number = |value: &Option<u32>| value.map(|n| Value::Integer(n.into()));
    let word = |value: Option<&str>| value.map(Value::from);
    let options = inline([
        ("mode", word(Some(mode.as_str()))),
        ("miimon", number(&Some(*miimon))),
        ("updelay", number(updelay)),
        ("downdelay", number(downdelay)),
        (
            "lacp_rate",
            word(lacp_fast.map(|fast| if fast { "fast" } else { "slow" })),
        ),
        ("xmit_hash_policy", word(*hash_policy)),
        ("primary", word(primary.as_ref().map(|name| name.as_str()))),
        ("min_links", number(min_links)),
    ]);
    text.head("[[network.bond]]");
    text.put("name", bond.name.to_string());
    // A bond may be described before it has members.
    let members: Vec<String> = bond.members.iter().map(ToString::to_string).collect();
    text.put("members", members);
    text.put("options", options);
}

fn install(text: &mut Text, answers: &InstallAnswers) {
    let request = &answers.request;
    text.head("[install]");
    let mode = match request.mode {
        Mode::Install => "install",
        Mode::Reinstall => "reinstall",
    };
    text.put("mode", mode);
    text.put("boot", device(&request.boot));
    if !request.data.is_empty() {
        text.put("data", request.data.iter().map(device).collect::<Vec<_>>());
    }
    if request.sizes != SizeRequest::default() {
        text.put("sizes", sizes(&request.sizes));
    }
    text.put("keep_data", request.keep_data);
    text.put("wipe_fakeraid", request.wipe_fakeraid);
    if !request.words.is_empty() {
        text.put("words", request.words.join(" "));
    }
    text.maybe("reboot_delay", answers.reboot_delay.map(i64::from));
}

fn sizes(sizes: &SizeRequest) -> Value {
    let data = sizes.data.map(|data| match data {
        DataRequest::Rest => "rest".to_owned(),
        DataRequest::None => "none".to_owned(),
        DataRequest::Size(size) => exact(size),
    });
    let size = |size: Option<ByteSize>| size.map(|size| Value::from(exact(size)));
    inline([
        ("esp", size(sizes.esp)),
        ("root", size(sizes.root)),
        ("config", size(sizes.config)),
        ("log", size(sizes.log)),
        ("swap", size(sizes.swap)),
        ("data", data.map(Value::from)),
    ])
}

fn device(device: &DeviceMatch) -> Value {
    let pattern = |pattern: &Option<Pattern>| pattern.as_ref().map(|pattern| Value::from(pattern.as_str()));
    let size = |size: Option<ByteSize>| size.map(|size| Value::from(exact(size)));
    inline([
        ("path", pattern(&device.path)),
        ("bus", device.bus.map(|bus| Value::from(bus.name()))),
        ("serial", pattern(&device.serial)),
        ("wwn", pattern(&device.wwn)),
        ("model", pattern(&device.model)),
        ("at_least", size(device.at_least)),
        ("at_most", size(device.at_most)),
        ("all", device.all.then_some(Value::Boolean(true))),
    ])
}

/// In the largest unit that it is a multiple of; what people are shown is rounded.
fn exact(size: ByteSize) -> String {
    let bytes = size.bytes();
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let whole = units
        .into_iter()
        .find(|(_, shift)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    whole.map_or_else(
        || bytes.to_string(),
        |(unit, shift)| format!("{} {unit}", bytes >> shift),
    )
}

fn inline<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Value {
    let there = pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Table(there.collect::<Table>())
}

#[cfg(test)]
mod tests;
