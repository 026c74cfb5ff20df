//! Add a folder below `cases/`, get a test: what was said and seen in it, what must come out below `expected/`.
//!
//! Files of a case: `cmdline`, and if wanted `interfaces` (lines of NAME MAC carrier|none DRIVER), `words`, `corbel.toml`,
//! `authorized_keys`, `clients/NAME.pem`, `fetched` (the document of `corbel.config`) or `not-fetched` (why not), and `installed` (empty) for a node that runs from its own disk. `UPDATE_CASES=1` rewrites `expected/`; read the difference before it is committed.

mod folders;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use corbel_model::network::Interface;
use corbel_model::seed;
use corbel_plan::config::check;
use corbel_plan::gate::Expected;
use corbel_plan::settle::{
    AUTO_INSTALL_FLAG, CONFIG_URL_FILE, Fetched, SettlePlan, Sources, effective_document, plan_settle,
};
use proptest::prelude::*;

fn read(path: PathBuf) -> Option<String> {
    path.exists()
        .then(|| fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn interfaces(text: &str) -> Vec<Interface> {
    let line = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [name, mac, carrier, driver] = fields[..] else {
            panic!("{line:?} has not four fields")
        };
        Interface {
            name: name.parse().expect("a name"),
            mac: Some(mac.parse().expect("a MAC")),
            carrier: carrier == "carrier",
            physical: true,
            driver: Some(driver.to_owned()),
        }
    };
    text.lines().map(line).collect()
}

fn outcome(case: &Path) -> BTreeMap<String, String> {
    let mut clients = Vec::new();
    if let Ok(folder) = fs::read_dir(case.join("clients")) {
        for entry in folder {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            clients.push((name, read(path).expect("a file")));
        }
    }
    clients.sort();
    let sources = Sources {
        installed: case.join("installed").exists(),
        command_line: read(case.join("cmdline")).expect("every case has a cmdline"),
        words: read(case.join("words")),
        document: read(case.join("corbel.toml")),
        secrets: Default::default(),
        fetched: match (read(case.join("fetched")), read(case.join("not-fetched"))) {
            (Some(document), _) => Fetched::Document(document),
            (None, Some(reason)) => Fetched::Failed(reason.trim().to_owned()),
            (None, None) => Fetched::NotYet,
        },
        authorized_keys: read(case.join("authorized_keys")),
        clients,
        warnings: Vec::new(),
    };
    let interfaces = interfaces(&read(case.join("interfaces")).unwrap_or_default());
    let plan = plan_settle(&sources, &interfaces);
    let document = effective_document(&sources, &interfaces);
    let installed = Sources {
        installed: true,
        document: Some(document.clone()),
        ..Sources::default()
    };
    // Whatever was said where: a node that has only this document is the same node.
    if let Ok(seed) = seed::parse(&document) {
        // What an installation writes can be changed afterwards.
        assert_eq!(check(&seed, &interfaces), [], "{}", case.display());
        let again = plan_settle(&installed, &interfaces);
        same_node(case, &plan, &again);
        assert_eq!(
            effective_document(&installed, &interfaces),
            document,
            "{}",
            case.display()
        );
    }
    let mut found: BTreeMap<_, _> = plan
        .files
        .iter()
        .map(|file| (file.path.trim_start_matches('/').to_owned(), file.content.clone()))
        .collect();
    assert_eq!(found.len(), plan.files.len(), "no file is planned twice");
    found.insert("plan".into(), plan.to_string());
    found.insert("addresses".into(), addresses(&plan.addresses));
    if let Some(hash) = &plan.admin_password {
        let secret = hash.expose();
        assert!(
            found.values().all(|text| !text.contains(secret)),
            "the hash is in no file and no listing"
        );
        assert!(!format!("{plan:?}").contains(secret));
    }
    // The empty flags and what is the same everywhere would only be noise in the cases.
    found.insert("document.toml".into(), document);
    found.retain(|path, text| !text.is_empty() && path != "etc/hostname" && path != "etc/hosts");
    found
}

/// What the health gate will look for; empty for what it looks for on a node of which nothing was said.
fn addresses(expected: &Expected) -> String {
    let Expected { fixed, automatic } = expected;
    let mut text = String::new();
    for address in fixed {
        text += &format!("{} {}\n", address.interface, address.address);
    }
    for address in automatic {
        let families = match (address.ipv4, address.ipv6) {
            (true, true) => "any",
            (true, false) => "IPv4",
            _ => "IPv6",
        };
        text += &format!("{} {families}\n", address.interface);
    }
    if text == "* any\n" { String::new() } else { text }
}

/// Files of networkd may be named by another mark of the same card and match it by that.
fn same_node(case: &Path, first: &SettlePlan, second: &SettlePlan) {
    let simple = |plan: &SettlePlan| -> Vec<(u32, String)> {
        let once = [AUTO_INSTALL_FLAG, CONFIG_URL_FILE];
        let all = plan.files.iter().filter(|file| !once.contains(&file.path.as_str()));
        let text = |content: &str| {
            let lines = content.lines().filter(|line| {
                !["Name=", "MACAddress=", "Kind=!", "Type="]
                    .iter()
                    .any(|start| line.starts_with(start))
            });
            // What waits for a server lies in memory on a node without a disk.
            lines
                .collect::<Vec<_>>()
                .join("\n")
                .replace("maxDiskSpace=\"8m\"", "maxDiskSpace=\"64m\"")
        };
        all.map(|file| (file.mode, text(&file.content))).collect()
    };
    assert_eq!(simple(first), simple(second), "{}", case.display());
    assert_eq!(first.admin_password, second.admin_password, "{}", case.display());
    assert_eq!(
        (&first.ssh, first.time_sync, &first.timezone),
        (&second.ssh, second.time_sync, &second.timezone),
        "{}",
        case.display()
    );
}

#[test]
fn every_case() {
    let cases = folders::cases("cases");
    assert!(cases.len() >= 25, "only {} cases", cases.len());
    folders::hold(cases, outcome);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn no_boot_panics_and_no_value_leaves_its_line(
        words in proptest::collection::vec(
            ("(BOOTIF|ip|ipv6|vlan|bond|gateway|netmask|network_layout|hostname|ntp|dns)=", "[a-z0-9:,./\\[\\]*-]{0,30}|bridged|link|dhcp|eno1|42|42:eno1|bond0:eno1,eno2|eno1:dhcp|192.0.2.5/24"),
            0..8,
        ),
        document in "(\\PC|\n){0,80}",
    ) {
        let command_line = words.iter().map(|(name, value)| format!("{name}{value} ")).collect();
        let sources = Sources { command_line, document: Some(format!("version = 1\n{document}")), ..Sources::default() };
        let seen = interfaces("eno1 52:54:00:00:00:01 carrier e1000e\neno2 52:54:00:00:00:02 none e1000e\n");
        for file in plan_settle(&sources, &seen).files {
            prop_assert!(!file.path.split('/').any(|part| part == "..") && !file.path.contains(char::is_whitespace));
            prop_assert!(file.path.starts_with("/etc/") || file.path.starts_with("/run/corbel/"));
            let known = ["Match", "Link", "Network", "NetDev", "VLAN", "Bond", "Bridge", "DHCPv4", "DHCPv6", "IPv6AcceptRA", "Time", "Route"];
            for header in file.content.lines().filter(|line| line.starts_with('[') && !line.starts_with("[[")) {
                prop_assert!(known.iter().any(|k| header == format!("[{k}]")), "{header}");
            }
        }
    }
}
