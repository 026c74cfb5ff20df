//! Support bundles by the API: each place where a node has a secret holds a word of its own, and none of them is in a bundle.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use corbel_agent::bundle::{Origin, PART_LIMIT, PARTS};
use corbel_agent::security::Facts;
use corbel_agent::{Destination, SupportSystem as _};
use corbel_client::Client;
use corbel_node_api::{BundleRequest, ErrorKind, OperationInfo, OperationKind, OperationState, SecurityGrade};
use corbel_sys::{Cancel, write_atomic};
use corbel_virt::Hypervisor as _;
use futures_util::StreamExt as _;

use crate::node::Sim;

pub(crate) const BUNDLE: &str = "corbel-support-sim-20261126T181530Z.tar.xz";

async fn to_the_end(client: &Client) -> OperationInfo {
    let mut events = client.operation_events().await.unwrap();
    let all = async { while events.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap();
    client.operation().await.unwrap().unwrap()
}

/// Paths below the machine's folder, with what stands there.
const PLACES: [(&str, &str); 12] = [
    (
        "proc/cmdline",
        "quiet adminpw=$6$salt$CANARY01 rootpw=CANARY02 ip=dhcp\n",
    ),
    (
        "run/corbel/settle.json",
        "{\"warnings\": [], \"note\": {\"password\": \"CANARY03\"}}\n",
    ),
    (
        "run/corbel/boot.json",
        "{\"source\": \"installed\", \"url\": \"https://me:CANARY04@host/x\"}\n",
    ),
    (
        "programs/journalctl_--boot_--no-pager_--lines=30000_--output=short-iso-precise",
        "a: Authorization: Basic CANARY05==\na: token=CANARY06\na: seen CANARY07 in passing\n",
    ),
    (
        "programs/journalctl_--dmesg_--no-pager_--lines=20000_--output=short-iso-precise",
        "k: -----BEGIN PRIVATE KEY-----\nk: CANARY08\nk: -----END PRIVATE KEY-----\n",
    ),
    (
        "programs/systemctl_show_--state=failed_--no-pager_*",
        "iscsiadm --password CANARY09\n",
    ),
    ("config/boot/trial.a.toml", "chap_password = \"CANARY10\"\n"),
    ("run/corbel/kernel-dump.json", "{\"ssh_key\": \"CANARY11\"}\n"),
    ("etc/systemd/network/10-a.network", "Password \"CANARY12\"\n"),
    (
        "var/log/libvirt/qemu/web.log",
        "-object {\"qom-type\":\"secret\",\"id\":\"a\",\"data\":\"CANARY13\"}\n#cloud-config\npassword: CANARY14\n",
    ),
    ("var/log/libvirt/qemu/db.log", "ssh_private_key: |\n  CANARY15\nnext\n"),
    ("programs/nft_list_ruleset", "# CANARY16 is known\n"),
];
const COUNT: usize = 18;

/// The last two are in machines, by the hypervisor.
fn canary(number: usize) -> String {
    format!("CANARY{number:02}")
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

fn fill(sim: &Sim, root: &Path) {
    for (path, text) in PLACES {
        write_atomic(&root.join(path), text.as_bytes(), 0o600).unwrap();
    }
    let known = [7, 16].map(canary).to_vec();
    sim.system.set_root(root.to_owned(), known);
    let xml = "<domain type='kvm'><name>vnc</name><memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os><devices>\
               <graphics type='vnc' passwd='CANARY17'/></devices><description>password=CANARY18</description></domain>";
    // A hypervisor that gives passwords away is the worst that can be.
    sim.fake.define_xml(xml).unwrap();
}

/// All of what the machine gives, as it is.
fn raw(sim: &Sim) -> Vec<u8> {
    let mut all = Vec::new();
    for part in PARTS {
        let pieces = sim
            .system
            .part(part.origin, PART_LIMIT, &Cancel::new())
            .unwrap_or_default();
        assert!(pieces.len() <= 1 || matches!(part.origin, Origin::Folder(..)));
        all.extend(pieces.into_iter().flat_map(|piece| piece.bytes));
    }
    all.extend(sim.fake.vm_xml("vnc").unwrap().into_bytes());
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_has_what_helps_and_no_secret() {
    let sim = Sim::installed().await;
    let root = tempfile::tempdir().unwrap();
    fill(&sim, root.path());
    let raw = raw(&sim);
    for number in 1..=COUNT {
        assert!(
            holds(&raw, &canary(number)),
            "without redaction {} would leave",
            canary(number)
        );
    }
    let client = Client::local(&sim.socket);
    let begun = client.make_support_bundle(&BundleRequest::default()).await.unwrap();
    assert_eq!(begun.kind, OperationKind::SupportBundle);
    let end = to_the_end(&client).await;
    assert_eq!(end.state, OperationState::Done, "{end:?}");
    let steps: Vec<_> = end.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["gather", "deliver"]);

    let list = client.support_bundles().await.unwrap();
    let bundle = &list.bundles[0];
    let message = end.message.unwrap();
    assert!(
        message.contains(&bundle.name) && message.contains(&format!("{} bytes", bundle.bytes)),
        "{message}"
    );
    let bytes = client.support_bundle(&bundle.name).await.unwrap();
    assert_eq!(bytes.len() as u64, bundle.bytes);
    let mut whole = Vec::new();
    liblzma::read::XzDecoder::new(&bytes[..])
        .read_to_end(&mut whole)
        .unwrap();
    for number in 1..=COUNT {
        assert!(!holds(&whole, &canary(number)), "{} is in the bundle", canary(number));
    }
    let mut tar = tar::Archive::new(&whole[..]);
    let names: Vec<String> = tar
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned())
        .collect();
    for part in [
        "manifest.json",
        "config/node.toml",
        "state/settle.json",
        "logs/journal.txt",
        "machines/vnc.xml",
        "machines/qemu/web.log",
    ] {
        assert!(
            names.iter().any(|name| name.ends_with(&format!("/{part}"))),
            "{part}: {names:?}"
        );
    }
    assert!(
        holds(&whole, "ip=dhcp") && holds(&whole, "hostname = "),
        "what is no secret stays"
    );

    client.remove_support_bundle(&bundle.name).await.unwrap();
    let gone = client.support_bundle(&bundle.name).await.unwrap_err();
    assert_eq!(gone.api().unwrap().kind, ErrorKind::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_goes_to_a_disk_or_a_server_and_can_be_stopped() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let request = |disk: Option<&str>, url: Option<&str>| BundleRequest {
        disk: disk.map(str::to_owned),
        url: url.map(str::to_owned),
    };
    let disks = client.support_bundles().await.unwrap().disks;
    client
        .make_support_bundle(&request(Some(&disks[0].device), None))
        .await
        .unwrap();
    let end = to_the_end(&client).await;
    assert!(end.message.unwrap().ends_with("is in /dev/sde1 (STICK)"));
    client
        .make_support_bundle(&request(None, Some("https://u:p@host/x")))
        .await
        .unwrap();
    assert_eq!(to_the_end(&client).await.state, OperationState::Done);
    let went: Vec<_> = sim.system.delivered().into_iter().map(|(to, _)| to).collect();
    assert_eq!(went[0], Destination::Disk("/dev/sde1".to_owned()));
    assert_eq!(format!("{:?}", went[1]), "Url(hidden)");

    for (bad, field) in [
        (request(Some("/dev/sde1"), Some("http://x")), "url"),
        (request(Some("sde1"), None), "disk"),
        (request(None, Some("ftp://x:secretword@y")), "url"),
    ] {
        let error = client.make_support_bundle(&bad).await.unwrap_err();
        let error = error.api().unwrap();
        assert_eq!((error.kind, error.field.as_deref()), (ErrorKind::Invalid, Some(field)));
        assert!(!error.message.contains("secretword"), "{}", error.message);
    }
    let error = client
        .make_support_bundle(&request(Some("/dev/sda1"), None))
        .await
        .unwrap_err();
    assert_eq!(error.api().unwrap().kind, ErrorKind::NotFound);

    sim.system.hold(true);
    client.make_support_bundle(&BundleRequest::default()).await.unwrap();
    let busy = client.make_support_bundle(&BundleRequest::default()).await.unwrap_err();
    assert_eq!(busy.api().unwrap().kind, ErrorKind::Conflict);
    client.cancel_operation().await.unwrap();
    assert_eq!(to_the_end(&client).await.state, OperationState::Cancelled);
    assert!(client.support_bundles().await.unwrap().bundles.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_says_how_well_it_is_protected() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let grade = async |id: &str| {
        let level = client.security().await.unwrap();
        let found = level.findings.into_iter().find(|finding| finding.id == id).unwrap();
        (found.state, found.grade)
    };
    assert_eq!(grade("secure-boot").await, ("off".to_owned(), SecurityGrade::Weak));
    sim.system.set_protection(Facts {
        secure_boot: Some(true),
        ..Facts::default()
    });
    assert_eq!(grade("secure-boot").await, ("on".to_owned(), SecurityGrade::Good));
    assert_eq!(grade("tpm").await.1, SecurityGrade::Weak);
    assert_eq!(grade("lockdown").await.1, SecurityGrade::NotKnown);
    assert_eq!(grade("ssh").await, ("off".to_owned(), SecurityGrade::Good));
    let (state, grade) = grade("certificate").await;
    assert!(
        state.starts_with("made by the node, until 20") && grade == SecurityGrade::Weak,
        "{state}"
    );
}
