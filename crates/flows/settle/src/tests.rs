use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use corbel_model::network::Interface;
use corbel_model::{HostName, TimeZone};
use corbel_plan::settle::{KEYS_FILE, Need, SSH_FLAG};

use super::*;

const HASH: &str = "$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC";
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ada";
const SHADOW: &str = "root:*:20000:0:99999:7:::\nadmin:!:20000:0:99999:7:::\n";

fn put(root: &Path, path: &str, text: &str) {
    corbel_sys::write_atomic(&root.join(path.trim_start_matches('/')), text.as_bytes(), 0o644).expect("a fixture");
}

/// A root as the image leaves it, with one network card.
fn node() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    put(root.path(), "etc/shadow", SHADOW);
    fs::create_dir_all(root.path().join("sys/class/net/eno1/device")).expect("a folder");
    put(root.path(), "sys/class/net/eno1/type", "1\n");
    put(root.path(), "sys/class/net/eno1/address", "52:54:00:12:34:56\n");
    root
}

fn host(root: &Path, words: &str) -> Host {
    // Keys are there already, so that no test depends on ssh-keygen.
    for kind in ["ed25519", "ecdsa"] {
        put(root, &format!("etc/ssh/ssh_host_{kind}_key"), "a key\n");
    }
    Host::below(root).with_command_line(words)
}

/// Every file below the root with its mode, but for the fixtures.
fn tree(root: &Path) -> BTreeMap<String, (u32, String)> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, (u32, String)>) {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                let mode = fs::metadata(&path).expect("a file").permissions().mode() & 0o7777;
                let name = path.strip_prefix(root).expect("below").display().to_string();
                found.insert(format!("/{name}"), (mode, fs::read_to_string(&path).expect("text")));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found.retain(|path, _| !path.starts_with("/sys/"));
    found
}

#[test]
fn a_node_that_nobody_told_anything_has_dhcp_and_no_way_in() {
    let root = node();
    let report = settle(&host(root.path(), "quiet"));
    assert_eq!((report.hostname.as_str(), report.ssh), ("corbel-123456", false));
    assert_eq!(report.ssh_message, "SSH is off: neither a key nor a password was given");
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let tree = tree(root.path());
    assert_eq!(tree["/etc/shadow"].1, SHADOW);
    assert_eq!(tree["/etc/hostname"].1, "corbel-123456\n");
    assert!(
        tree["/etc/systemd/network/10-corbel-01-ethernet.network"]
            .1
            .contains("DHCP=yes")
    );
    assert!(!tree.contains_key(SSH_FLAG) && !tree.contains_key(KEYS_FILE));
    assert!(tree[REPORT_FILE].1.contains("\"ssh\": false"));
}

#[test]
fn password_and_key_let_admin_in_and_a_second_run_changes_nothing() {
    let root = node();
    let words = format!("hostname=node1 adminpw={HASH} \"corbel.sshkey={KEY}\"");
    let report = settle(&host(root.path(), &words));
    assert!(report.ssh && report.warnings.is_empty(), "{report:?}");
    let first = tree(root.path());
    let (mode, text) = &first["/etc/shadow"];
    assert_eq!(
        (*mode, text.as_str()),
        (0o640, SHADOW.replace("admin:!", &format!("admin:{HASH}")).as_str())
    );
    assert_eq!(first["/etc/corbel/access.toml"].0, 0o600);
    assert!(first[KEYS_FILE].1.ends_with(&format!("{KEY}\n")));
    let leaks = first
        .iter()
        .filter(|(_, (mode, text))| text.contains(HASH) && mode & 0o007 != 0);
    assert_eq!(leaks.count(), 0, "{first:?}");
    settle(&host(root.path(), &words));
    assert_eq!(tree(root.path()), first);
}

#[test]
fn another_boot_leaves_nothing_of_the_one_before() {
    let root = node();
    settle(&host(
        root.path(),
        &format!("BOOTIF=eno1 network_layout=bridged ntp=off \"corbel.sshkey={KEY}\""),
    ));
    assert!(tree(root.path()).contains_key("/etc/systemd/network/10-corbel-breno1.netdev"));
    settle(&host(root.path(), "quiet"));
    let after = tree(root.path());
    for gone in [
        SSH_FLAG,
        KEYS_FILE,
        "/run/corbel/time-sync-off",
        "/etc/systemd/network/10-corbel-breno1.netdev",
    ] {
        assert!(!after.contains_key(gone), "{gone}");
    }
}

#[test]
fn a_broken_seed_is_told_and_the_node_boots() {
    let root = node();
    let seed = tempfile::tempdir().expect("a folder");
    put(
        seed.path(),
        "corbel.toml",
        "version = 1\nhostname = \"node1\"\nhostnam = \"x\"\n",
    );
    put(seed.path(), "Authorized_Keys", &format!("{KEY}\n"));
    put(seed.path(), "corbel.tml", "");
    put(seed.path(), "README.txt", "");
    let host = host(root.path(), "").with_seed(SeedPlace::Folder(seed.path().into()));
    let report = settle(&host);
    assert_eq!((report.hostname.as_str(), report.ssh), ("corbel-123456", true));
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(
        report.warnings[0].starts_with("seed file corbel.tml: is not used"),
        "{:?}",
        report.warnings
    );
    assert!(
        report.warnings[1].starts_with("corbel.toml: line 3, column 1 (hostnam): unknown field"),
        "{:?}",
        report.warnings
    );
    // Whoever installs is refused with the same place.
    assert!(tree(root.path())[SEED_FILE].1.contains("hostnam = "));
}

#[test]
fn a_node_without_admin_or_shadow_still_boots() {
    for shadow in [None, Some("root:*:::::::\n")] {
        let root = tempfile::tempdir().expect("a folder");
        if let Some(text) = shadow {
            put(root.path(), "etc/shadow", text);
        }
        let report = settle(&host(root.path(), &format!("hostname=a adminpw={HASH}")));
        assert_eq!(report.warnings.len(), 1, "{:?}", report.warnings);
        assert!(
            report.warnings[0].starts_with("password of admin: /etc/shadow "),
            "{:?}",
            report.warnings
        );
        assert!(root.path().join("etc/hostname").exists());
    }
}

/// A machine on which nothing works.
struct Broken;

impl Facilities for Broken {
    fn command_line(&self) -> Result<String, FacilityError> {
        Err("no command line".into())
    }
    fn seed(&self) -> Result<BTreeMap<String, Vec<u8>>, FacilityError> {
        Err("no seed".into())
    }
    fn interfaces(&self, _: Need) -> Result<Vec<Interface>, FacilityError> {
        Err("no interfaces".into())
    }
    fn read(&self, _: &str) -> Result<Option<Vec<u8>>, FacilityError> {
        Err("not readable".into())
    }
    fn write(&self, path: &str, _: &[u8], _: u32) -> Result<(), FacilityError> {
        Err(format!("{path} is not writable").into())
    }
    fn tell(&self, path: &str, _: &str) -> Result<(), FacilityError> {
        Err(format!("{path} takes nothing").into())
    }
    fn remove(&self, _: &str) -> Result<(), FacilityError> {
        Err("not removable".into())
    }
    fn paths_from(&self, _: &str) -> Result<Vec<String>, FacilityError> {
        Err("not listable".into())
    }
    fn set_hostname(&self, _: &HostName) -> Result<(), FacilityError> {
        Err("not permitted".into())
    }
    fn set_timezone(&self, _: Option<&TimeZone>) -> Result<(), FacilityError> {
        Ok(())
    }
    fn installed(&self) -> bool {
        false
    }
    fn state_report(&self) -> Result<Option<StateReport>, FacilityError> {
        Err("no report".into())
    }
    fn document(&self) -> Result<Option<crate::store::Current>, FacilityError> {
        Err("no document".into())
    }
    fn make_host_keys(&self, _: bool) -> Result<(), FacilityError> {
        Err("no keys".into())
    }
}

#[test]
fn nothing_ends_a_boot_and_everything_is_told() {
    let report = settle(&Broken);
    assert_eq!(report.hostname, "corbel");
    for expected in [
        "no command line",
        "no seed",
        "no interfaces",
        "not listable",
        "/etc/hostname is not writable",
        REPORT_FILE,
    ] {
        assert!(
            report.warnings.iter().any(|warning| warning.contains(expected)),
            "{expected}: {:?}",
            report.warnings
        );
    }
}

#[test]
fn an_installation_finds_everything_that_was_said_in_two_files() {
    let root = node();
    let seed = tempfile::tempdir().expect("a folder");
    put(
        seed.path(),
        "words",
        "# mine\ninstall storage_init=/dev/vda\nhostname=seed\n",
    );
    put(seed.path(), "authorized_keys", &format!("{KEY}\n"));
    let host = host(
        root.path(),
        &format!("BOOTIF=eno1 ip=dhcp hostname=node1 adminpw={HASH}"),
    );
    settle(&host.with_seed(SeedPlace::Folder(seed.path().into())));
    let files = tree(root.path());
    let (mode, text) = &files[SEED_FILE];
    let document = corbel_model::seed::parse(text).expect("a document");
    assert_eq!((*mode, document.hostname.expect("given").as_str()), (0o600, "node1"));
    assert_eq!(document.admin_password.expect("given").expose(), HASH);
    assert_eq!(document.ssh_keys.len(), 1);
    assert_eq!(document.network.interfaces[0].matches.to_string(), "52:54:00:12:34:56");
    let words = format!(
        "install\nstorage_init=/dev/vda\nhostname=seed\nBOOTIF=eno1\nip=dhcp\nhostname=node1\nadminpw={HASH}\n"
    );
    assert_eq!(files[WORDS_FILE], (0o600, words));
    assert!(files.contains_key(corbel_plan::settle::AUTO_INSTALL_FLAG));
}

#[test]
fn an_installed_node_reads_its_own_document_and_keeps_its_keys() {
    let root = node();
    put(root.path(), INSTALLED_FLAG, "");
    put(
        root.path(),
        STATE_FILE,
        r#"{"config":true,"log":true,"data":["/data"],"warnings":["/data2: x"]}"#,
    );
    let own = format!("version = 1\nhostname = \"own\"\n[admin]\nssh_keys = [\"{KEY}\"]\n");
    let ledger = corbel_sys::ledger::Ledger::new(root.path().join("config"), "node", "toml");
    ledger.save("version = 1\nhostname = \"older\"\n").expect("saved");
    ledger.save(&own).expect("saved");
    // A stick that somebody forgot.
    let seed = tempfile::tempdir().expect("a folder");
    put(seed.path(), "corbel.toml", "version = 1\nhostname = \"seed\"\n");
    for kind in ["ed25519", "ecdsa"] {
        put(root.path(), &format!("config/ssh/ssh_host_{kind}_key"), "kept\n");
        put(
            root.path(),
            &format!("config/ssh/ssh_host_{kind}_key.pub"),
            "kept pub\n",
        );
    }
    let host = Host::below(root.path())
        .with_command_line("corbel.slot=a")
        .with_seed(SeedPlace::Folder(seed.path().into()));
    let report = settle(&host);
    assert_eq!((report.hostname.as_str(), report.ssh), ("own", true));
    assert_eq!(report.warnings, ["disk: /data2: x"]);
    let files = tree(root.path());
    assert_eq!(files["/etc/ssh/ssh_host_ed25519_key"], (0o600, "kept\n".to_owned()));
    assert_eq!(files["/etc/ssh/ssh_host_ecdsa_key.pub"].1, "kept pub\n");
    assert!(!files.contains_key(SEED_FILE) && !files.contains_key(WORDS_FILE));
    // Words still win: who stands at the machine may have to get past a wrong document.
    let report = settle(&host.with_command_line("corbel.slot=a hostname=word"));
    assert_eq!(report.hostname, "word");
}

#[test]
fn an_installed_node_without_its_document_boots_with_defaults_and_says_why() {
    let root = node();
    put(root.path(), INSTALLED_FLAG, "");
    put(
        root.path(),
        "config/node.a.toml",
        "# corbel generation=1 sha256=00\nversion = 1\n",
    );
    let report = settle(&host(root.path(), "corbel.slot=a"));
    assert_eq!(report.hostname, "corbel-123456");
    assert_eq!(report.warnings[0], "disk: nobody said what was mounted");
    assert!(
        report.warnings[1].starts_with("node.toml: neither copy of node in ")
            && report.warnings[1].ends_with("the node boots with its defaults"),
        "{:?}",
        report.warnings
    );
}
