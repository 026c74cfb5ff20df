//! The typed client drives the sim through a machine's whole life, by socket and by TLS.

use std::time::Duration;

use corbel_client::{Client, Credentials, RemoteHost, ServerTrust};
use corbel_node_api::{Event, HealthStatus, VmChange, VmSpec, VmState, VolumeSpec, parse_request};
use futures_util::StreamExt as _;

use crate::node::Sim;

fn spec(json: &str) -> VmSpec {
    parse_request(json.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_lives_and_dies() {
    let sim = Sim::start().await;
    let client = Client::local(&sim.socket);
    let mut events = client.events().await.unwrap();
    let first = events.next().await.map(Result::unwrap);
    assert!(
        matches!(&first, Some(Event::Hello { vms, .. }) if vms.len() == 3),
        "{first:?}"
    );

    let wanted = spec(
        r#"{"name":"life","memory":"128 MiB","disks":[{"volume":"life.qcow2","size":"1 GiB"}],"networks":[{"nat":"default"}]}"#,
    );
    let made = client.create_vm(&wanted).await.unwrap();
    assert_eq!((made.state, made.memory), (VmState::Off, 128 << 20));
    client.start_vm("life").await.unwrap();
    assert_eq!(client.vm("life").await.unwrap().state, VmState::Running);
    client.vm_stats("life").await.unwrap();
    client.set_autostart("life", true).await.unwrap();
    assert!(client.vm("life").await.unwrap().autostart);
    client.reboot_vm("life").await.unwrap();

    let mut console = client.console("life").await.unwrap();
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains("login:") {
        shown.extend(console.output.next().await.unwrap().expect("the console goes on"));
    }
    console.input.send("hello\r").await.unwrap();
    while !String::from_utf8_lossy(&shown).contains("hello") {
        shown.extend(console.output.next().await.unwrap().expect("the console echoes"));
    }
    assert!(client.console("life").await.is_err(), "a second client is told so");
    client.force_off_vm("life").await.unwrap();
    while console.output.next().await.unwrap().is_some() {}

    let xml = client.vm_xml("life").await.unwrap();
    client.delete_vm("life", true).await.unwrap();
    assert!(
        !client
            .volumes()
            .await
            .unwrap()
            .iter()
            .any(|volume| volume.name == "life.qcow2")
    );
    assert!(xml.contains("life"));

    let mut changes = vec![];
    while changes.last() != Some(&VmChange::Undefined) {
        match tokio::time::timeout(Duration::from_secs(5), events.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
        {
            Event::Vm { name, change, .. } if name == "life" => changes.push(change),
            _ => {}
        }
    }
    assert!(
        changes.contains(&VmChange::Defined) && changes.contains(&VmChange::Started),
        "{changes:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_afar_with_a_pinned_fingerprint_and_a_token() {
    let sim = Sim::start().await;
    let remote = RemoteHost {
        host: sim.address.ip().to_string(),
        port: sim.address.port(),
    };
    let trust = ServerTrust::Pinned(sim.fingerprint.parse().unwrap());
    let client = Client::remote(remote.clone(), trust).unwrap();
    let client = client
        .with_credentials(&Credentials::Bearer("admin".to_owned()))
        .unwrap();
    let node = client.node().await.unwrap();
    assert_eq!(node.certificate_fingerprint.as_deref(), Some(sim.fingerprint.as_str()));
    let volume = VolumeSpec {
        name: "far.qcow2".to_owned(),
        ..parse_request(br#"{"name":"x","size":"1 GiB"}"#).unwrap()
    };
    client.create_volume(&volume).await.unwrap();
    client.delete_volume("far.qcow2").await.unwrap();
    assert!(!client.networks().await.unwrap().is_empty());
    let wrong = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    assert!(
        Client::remote(remote, ServerTrust::Pinned(wrong))
            .unwrap()
            .health()
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hypervisor_that_is_away_shows_and_comes_back() {
    let sim = Sim::start().await;
    let client = Client::local(&sim.socket);
    let mut events = client.events().await.unwrap();
    events.next().await.unwrap().unwrap();
    sim.fake.set_unavailable(Some("it was killed"));
    sim.until("it is degraded", async || {
        client.health().await.unwrap().status == HealthStatus::Degraded
    })
    .await;
    let health = client.health().await.unwrap();
    assert!(health.reason.unwrap().contains("it was killed"));
    let refused = client.vms().await.expect_err("it is away");
    assert!(refused.to_string().contains("it was killed"), "{refused}");
    let node = client.node().await.unwrap();
    assert_eq!(node.vms.defined, 3, "what was last seen");
    sim.fake.set_unavailable(None);
    sim.until("it is ready again", async || {
        client.health().await.unwrap().status == HealthStatus::Ok
    })
    .await;
    assert_eq!(client.vms().await.unwrap().len(), 3);
    // That it is ready may be told once more to who has just come.
    let mut seen = vec![HealthStatus::Ok];
    while seen.len() < 3 {
        if let Event::Health { health } = tokio::time::timeout(Duration::from_secs(5), events.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
        {
            seen.push(health.status);
            seen.dedup();
        }
    }
    assert_eq!(seen, [HealthStatus::Ok, HealthStatus::Degraded, HealthStatus::Ok]);
}
