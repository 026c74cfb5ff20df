//! A node whose every secret place holds a word of its own, and a bundle of it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use corbel_plan::support::{Manifest, PARTS, TAKEN_OUT, redact};
use corbel_settle::fake::FakeNode;
use corbel_sys::{Cancel, write_atomic};
use corbel_virt::fake::Fake;
use tokio::runtime::Handle;

use crate::fake::{FakeFacilities, FakeSystem};
use crate::{Agent, Settings};

/// The files of a bundle and what is in them.
fn unpack(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut tar = tar::Archive::new(liblzma::read::XzDecoder::new(bytes));
    let entries = tar.entries().expect("a tar");
    let file = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry: tar::Entry<'_, liblzma::read::XzDecoder<&[u8]>> = entry.expect("an entry");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("a file");
        (path, bytes)
    };
    entries.map(file).collect()
}

fn put(root: &Path, path: &str, text: &str) {
    write_atomic(&root.join(path), text.as_bytes(), 0o600).expect("written");
}

/// Two places of a machine with a secret each.
fn machine(root: &Path) -> Arc<FakeSystem> {
    put(root, "proc/cmdline", "quiet adminpw=$6$salt$CanaryHash1 ip=dhcp\n");
    put(
        root,
        "var/log/libvirt/qemu/web.log",
        "-object secret,id=a,data=CanaryData2\nbare CanaryKnown3 here\n",
    );
    let system = FakeSystem::installed(std::time::Duration::ZERO);
    system.set_root(root.to_owned(), vec!["CanaryKnown3".to_owned()]);
    Arc::new(system)
}

async fn bundle(redacts: bool) -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let system = machine(folder.path());
    let mut facilities = FakeFacilities::default();
    facilities.node = FakeNode::installed("version = 1\nhostname = \"sim\"\n").ok();
    let engine = facilities.node.clone().map(corbel_settle::engine::Engine::new);
    let hypervisor = Arc::new(Fake::with_vms(2));
    let agent = Agent::with_engine(
        hypervisor,
        Arc::new(facilities),
        system,
        Settings::node("1.2.3"),
        engine,
    );
    let runtime = Handle::current();
    let made = tokio::task::spawn_blocking(move || {
        let known = agent.known_secrets();
        let clean = |text: &str| if redacts { redact(text, &known) } else { text.to_owned() };
        agent.bundle(&runtime, &Cancel::new(), &mut |_| {}, clean)
    });
    let (name, bytes) = made.await.expect("no panic").expect("a bundle");
    assert!(name.starts_with("corbel-support-corbel-sim-"), "{name}");
    unpack(&bytes)
}

const CANARIES: [&str; 3] = ["CanaryHash1", "CanaryData2", "CanaryKnown3"];

fn holds(files: &[(String, Vec<u8>)], word: &str) -> bool {
    let word = word.as_bytes();
    files.iter().any(|(name, bytes)| {
        name.as_bytes()
            .windows(word.len())
            .chain(bytes.windows(word.len()))
            .any(|w| w == word)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_leaves_the_node_and_without_redaction_each_would() {
    let (clean, raw) = (bundle(true).await, bundle(false).await);
    for canary in CANARIES {
        assert!(holds(&raw, canary), "{canary} was never there");
        assert!(!holds(&clean, canary), "{canary} is in the bundle");
    }
    assert!(holds(&clean, TAKEN_OUT));
    assert!(holds(&clean, "ip=dhcp"), "what is beside a secret stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_manifest_says_what_is_there_and_why_the_rest_is_not() {
    let files = bundle(true).await;
    let (name, text) = files.last().expect("files");
    assert!(name.ends_with("/manifest.json"), "{name}");
    let manifest: Manifest = serde_json::from_slice(text).expect("a manifest");
    assert_eq!((manifest.version, manifest.corbel.as_str()), (1, "1.2.3"));
    assert_eq!(manifest.parts.len() + 1, files.len());
    for (part, (path, bytes)) in manifest.parts.iter().zip(&files) {
        assert!(path.ends_with(&part.name), "{path} {}", part.name);
        assert_eq!(part.bytes, bytes.len() as u64);
    }
    let has = |name: &str| manifest.parts.iter().any(|part| part.name == name);
    for name in [
        "config/node.toml",
        "config/history.txt",
        "hardware/cmdline",
        "machines/qemu/web.log",
    ] {
        assert!(has(name), "{name}: {manifest:#?}");
    }
    assert!(manifest.parts.iter().filter(|part| part.name.ends_with(".xml")).count() == 2);
    // The folder of this machine has two files: all other parts have failed, and the bundle has not.
    assert_eq!(manifest.missing.len(), PARTS.len() - 2);
    assert!(
        manifest
            .missing
            .iter()
            .all(|missing| missing.reason.contains("cannot be read"))
    );
}
