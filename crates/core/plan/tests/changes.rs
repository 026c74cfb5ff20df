//! Add a folder below `change-cases/`, get a test: a document that a node has and one that it shall have, and what must come out below
//! `expected/`: the plan as text and JSON, the way back, the files that change and, with one of them, all of the network; or `refused` with every problem.
//!
//! Files of a case: `desired.toml`, and if wanted `current.toml` (a node of which nothing was said), `interfaces` (lines of NAME MAC),
//! `machine` (a line each of cpus, memory, governors, pages, set-aside) and `cmdline`. `UPDATE_CASES=1` rewrites `expected/`; read the difference before it is committed.

mod folders;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use corbel_model::network::Interface;
use corbel_model::secret::Secrets;
use corbel_model::seed;
use corbel_plan::config::{
    Machine, NodeState, Step, check, check_machine, check_secrets, is_unreachable, machine_warnings, mode_of,
    plan_change,
};
use corbel_plan::settle::{
    ACCESS_FILE, COLLECTD_FILE, DUMP_KEY_FILE, FILES, NETWORK_PREFIX, PREFIXES, STORAGE_ACCESS_FILE, Sources, TLS_FILE,
    plan_settle,
};
use proptest::prelude::*;

const INTERFACES: &str = "eno1 52:54:00:00:00:01\neno2 52:54:00:00:00:02\neno3 52:54:00:00:00:03\n";

fn interfaces(text: &str) -> Vec<Interface> {
    let line = |line: &str| {
        let (name, mac) = line.split_once(' ').expect("a name and a MAC");
        Interface {
            name: name.parse().expect("a name"),
            mac: Some(mac.parse().expect("a MAC")),
            carrier: true,
            physical: true,
            driver: None,
        }
    };
    text.lines().map(line).collect()
}

/// The machine that a case has; of one without, nothing is known.
fn machine(text: &str) -> Machine {
    let mut machine = Machine::default();
    for line in text.lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        let words = value.split_whitespace();
        match name {
            "cpus" => machine.cpus = Some(value.parse().expect("a list")),
            "memory" => machine.memory = Some(value.parse().expect("a size")),
            "governors" => machine.governors = Some(words.map(str::to_owned).collect()),
            "set-aside" => machine.dump_memory = Some(value.parse().expect("a size")),
            "pages" => machine.page_sizes = Some(words.map(|word| word.parse().expect("a size")).collect()),
            other => panic!("a machine has no {other}"),
        }
    }
    machine
}

fn outcome(case: &Path) -> BTreeMap<String, String> {
    let read = |name: &str| fs::read_to_string(case.join(name)).ok();
    let interfaces = interfaces(&read("interfaces").unwrap_or(INTERFACES.into()));
    let desired = read("desired.toml").expect("every case has a desired.toml");
    let mut found = BTreeMap::new();
    let refused = match seed::parse(&desired) {
        Err(error) => vec![error.to_string()],
        Ok(seed) => {
            if is_unreachable(&seed.network) {
                found.insert("unreachable".to_owned(), String::new());
            }
            let machine = machine(&read("machine").unwrap_or_default());
            let problems = [
                check(&seed, &interfaces),
                check_machine(&seed, &machine),
                check_secrets(&seed),
            ]
            .concat();
            problems.iter().map(ToString::to_string).collect()
        }
    };
    if !refused.is_empty() {
        found.insert("refused".into(), refused.join("\n") + "\n");
        return found;
    }
    let state = |document: String| {
        let sources = Sources {
            installed: true,
            command_line: read("cmdline").unwrap_or_default(),
            document: Some(document),
            ..Sources::default()
        };
        let plan = plan_settle(&sources, &interfaces);
        for file in &plan.files {
            assert_eq!(file.mode, mode_of(&file.path), "{}", file.path);
            let known =
                FILES.contains(&file.path.as_str()) || PREFIXES.iter().any(|start| file.path.starts_with(start));
            assert!(known, "{} would never be taken away", file.path);
        }
        NodeState::wanted(&plan)
    };
    let (from, to) = (
        state(read("current.toml").unwrap_or("version = 1\n".into())),
        state(desired),
    );
    let mut change = plan_change(&from, &to);
    if let Ok(seed) = seed::parse(&read("desired.toml").unwrap_or_default()) {
        let machine = machine(&read("machine").unwrap_or_default());
        change.warnings.extend(machine_warnings(&seed, &machine));
    }
    assert!(plan_change(&to, &to).steps.is_empty(), "what is there is left alone");
    let revert = plan_change(&to, &from);
    for step in &change.steps {
        assert_eq!(serde_json::to_value(step).expect("JSON")["do"], step.kind());
    }
    let json = serde_json::to_string_pretty(&change).expect("JSON");
    let Secrets {
        admin_password,
        collectd_password,
        iscsi_passwords,
        dump_key,
        tls_key,
        user_passwords,
    } = seed::take_secrets(&read("desired.toml").unwrap_or_default())
        .expect("read")
        .1;
    let secrets = [
        admin_password.as_ref().map(|hash| hash.expose()),
        collectd_password.as_ref().map(|password| password.expose()),
        dump_key.as_ref().map(|key| key.expose()),
        tls_key.as_ref().map(|key| key.expose()),
    ];
    let of_targets = iscsi_passwords.values().map(|password| password.expose());
    let of_users = user_passwords.values().map(|hash| hash.expose());
    for secret in secrets.into_iter().flatten().chain(of_targets).chain(of_users) {
        assert!(!format!("{json}{change}{to:?}").contains(secret), "{}", case.display());
        let holders: Vec<_> = to.files.iter().filter(|(_, text)| text.contains(secret)).collect();
        assert!(
            holders.iter().all(
                |(path, _)| [ACCESS_FILE, COLLECTD_FILE, STORAGE_ACCESS_FILE, DUMP_KEY_FILE, TLS_FILE]
                    .contains(&path.as_str())
            ),
            "{}",
            case.display()
        );
    }
    found.insert("plan".into(), change.to_string());
    found.insert("plan.json".into(), json + "\n");
    found.insert("revert".into(), revert.to_string());
    let networks = change.steps.contains(&Step::ReloadNetwork);
    let shown = |path: &String, text: &str| match path.starts_with(NETWORK_PREFIX) {
        true => networks,
        false => !text.is_empty() && from.files.get(path).is_none_or(|before| before != text),
    };
    for (path, text) in to.files.iter().filter(|(path, text)| shown(path, text)) {
        found.insert(path.trim_start_matches('/').to_owned(), text.clone());
    }
    found
}

#[test]
fn every_case() {
    let cases = folders::cases("change-cases");
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    let refused = cases
        .iter()
        .filter(|case| case.join("expected/refused").exists())
        .count();
    assert!(
        refused >= 10 || std::env::var_os("UPDATE_CASES").is_some(),
        "only {refused} refused ones"
    );
    folders::hold(cases, outcome);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn no_document_panics_and_what_is_undone_is_as_before(
        from in proptest::collection::vec(table(), 0..4),
        to in proptest::collection::vec(table(), 0..4),
    ) {
        let interfaces = interfaces(INTERFACES);
        let state = |tables: &[String]| {
            let document = format!("version = 1\n{}", tables.concat());
            if let Ok(seed) = seed::parse(&document) {
                let _ = check(&seed, &interfaces);
            }
            let sources = Sources { installed: true, document: Some(document), ..Sources::default() };
            NodeState::wanted(&plan_settle(&sources, &interfaces))
        };
        let (from, to) = (state(&from), state(&to));
        let done = carried_out(&from, &to);
        prop_assert_eq!(&done, &to.files);
        prop_assert_eq!(carried_out(&to, &from), from.files);
    }
}

/// The files after the steps, as an executor writes them.
fn carried_out(from: &NodeState, to: &NodeState) -> BTreeMap<String, String> {
    let mut files = from.files.clone();
    for step in plan_change(from, to).steps {
        match step {
            Step::Write { path } => {
                files.insert(path.clone(), to.files.get(&path).cloned().unwrap_or_default());
            }
            Step::Remove { path } => {
                files.remove(&path);
            }
            _ => {}
        }
    }
    files
}

/// A table of a network that may make sense.
fn table() -> impl Strategy<Value = String> {
    let name = || "eno[12*]|bond[01]|br[01]|bond0\\.7|eno1\\.7|52:54:00:00:00:01|\\*";
    prop_oneof![
        (name(), "dhcp4 = true|slaac = true|addresses = \\[\"192.0.2.[0-9]/24\"\\]|mtu = 9000|bridge = \"br0\"|link_local = false")
            .prop_map(|(name, line)| format!("[[network.interface]]\nmatch = \"{name}\"\n{line}\n")),
        (name(), name(), "802.3ad|balance-rr|active-backup")
            .prop_map(|(a, b, mode)| format!("[[network.bond]]\nname = \"bond0\"\nmembers = [\"{a}\", \"{b}\"]\noptions = {{ mode = \"{mode}\" }}\n")),
        (name()).prop_map(|parent| format!("[[network.vlan]]\nid = 7\nparent = \"{parent}\"\n")),
        ("br[01]", name()).prop_map(|(name, port)| format!("[[network.bridge]]\nname = \"{name}\"\nports = [\"{port}\"]\n")),
    ]
}
