//! Long work by the real client: install, upgrade, roll back, cancel, fail; and what nobody should send to these routes.

use std::time::Duration;

use corbel_agent::Restart;
use corbel_client::Client;
use corbel_node_api::{
    BootSource, DiskMatch, DiskTarget, ErrorKind, InstallRequest, OperationInfo, OperationState, ProgressEvent,
    RebootRequest, RollbackRequest, SlotState, UninstallRequest, UpgradeFlags, UpgradeRequest,
};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use crate::node::Sim;

async fn to_the_end(client: &Client) -> (Vec<ProgressEvent>, OperationInfo) {
    let mut stream = client.operation_events().await.unwrap();
    let mut events = vec![];
    let all = async {
        while let Some(event) = stream.next().await {
            events.push(event.unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
    (events, client.operation().await.unwrap().unwrap())
}

async fn versions(client: &Client) -> Vec<(SlotState, Option<String>, bool)> {
    let list = client.slots().await.unwrap();
    let slots = list.slots.into_iter();
    slots.map(|slot| (slot.state, slot.version, slot.running)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_node_is_installed() {
    let sim = Sim::start().await;
    let client = Client::local(&sim.socket);
    assert_eq!(client.node().await.unwrap().boot.source, BootSource::Cd);
    assert!(client.slots().await.unwrap().slots.is_empty());
    assert_eq!(client.operation().await.unwrap(), None);
    let disks = client.disks().await.unwrap();
    assert_eq!(disks[0].target, DiskTarget::Usable);
    assert!(
        disks
            .iter()
            .any(|disk| disk.live_medium && disk.target == DiskTarget::Refused)
    );
    let mut request = InstallRequest {
        boot: DiskMatch::path("/dev/sdb"),
        admin_password: Some("correct horse".to_owned()),
        hostname: Some("node-1".to_owned()),
        dry_run: true,
        ..InstallRequest::default()
    };
    let planned = client.install(&request).await.unwrap();
    assert!(planned.plan.erases[0].contains("customers"), "{planned:?}");
    assert_eq!(planned.operation, None);
    assert_eq!(client.operation().await.unwrap(), None, "a dry run begins nothing");
    request.dry_run = false;
    assert!(client.install(&request).await.unwrap().operation.unwrap().is_running());
    let (events, end) = to_the_end(&client).await;
    assert!(matches!(events.last(), Some(ProgressEvent::End { ok: true, .. })));
    assert_eq!(end.state, OperationState::Done);
    let document = sim.system.installed_document().unwrap();
    assert!(document.contains("node-1") && document.contains("$6$"), "{document}");
    assert!(!document.contains("correct horse"));
    // A disk that carries Corbel now is not installed to again unasked.
    let refused = client.install(&request).await.unwrap_err();
    assert_eq!(refused.api().unwrap().kind, ErrorKind::Conflict);
    let planned = client.uninstall(&UninstallRequest::default()).await.unwrap();
    assert!(planned.plan.erases[0].contains("/dev/sdb"));
    assert_eq!(to_the_end(&client).await.1.state, OperationState::Done);
    assert!(
        client
            .disks()
            .await
            .unwrap()
            .iter()
            .all(|disk| disk.installed.is_none())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installed_node_is_upgraded_and_rolled_back() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    assert_eq!(client.node().await.unwrap().boot.source, BootSource::Installed);
    let old = || Some("0.1.0".to_owned());
    let new = || Some("0.2.0".to_owned());
    let flags = UpgradeFlags {
        reboot: true,
        ..UpgradeFlags::default()
    };
    let image = b"release 0.2.0\n".as_slice();
    client
        .upload_upgrade(flags, image.len() as u64, image, |_| {})
        .await
        .unwrap();
    let (_, end) = to_the_end(&client).await;
    assert_eq!(end.state, OperationState::Done, "{end:?}");
    let steps: Vec<_> = end.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps, ["receive", "write", "verify", "machines", "restart"]);
    assert_eq!(end.steps_total, Some(5));
    assert_eq!(sim.system.restarts(), [Restart::Firmware]);
    assert_eq!(
        versions(&client).await,
        [(SlotState::Spare, old(), false), (SlotState::Good, new(), true)]
    );
    client.rollback(RollbackRequest::default()).await.unwrap();
    to_the_end(&client).await;
    client
        .reboot(RebootRequest {
            fast: true,
            deadline_seconds: None,
        })
        .await
        .unwrap();
    to_the_end(&client).await;
    assert_eq!(sim.system.restarts()[1], Restart::Fast);
    assert_eq!(
        versions(&client).await,
        [(SlotState::Good, old(), true), (SlotState::Spare, new(), false)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_work_is_refused_and_the_first_can_be_cancelled() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    sim.system.hold(true);
    let medium = UpgradeRequest {
        medium: true,
        ..UpgradeRequest::default()
    };
    client.upgrade(&medium).await.unwrap();
    let refused = client.rollback(RollbackRequest::default()).await.unwrap_err();
    let refused = refused.api().unwrap();
    assert_eq!(refused.kind, ErrorKind::Conflict);
    assert!(
        refused.message.contains("busy with another long work (Upgrade)"),
        "{refused}"
    );
    let image = b"release 0.3.0\n".as_slice();
    let refused = client.upload_upgrade(UpgradeFlags::default(), 14, image, |_| {}).await;
    assert_eq!(refused.unwrap_err().api().unwrap().kind, ErrorKind::Conflict);
    client.cancel_operation().await.unwrap();
    assert_eq!(to_the_end(&client).await.1.state, OperationState::Cancelled);
    let idle = client.cancel_operation().await.unwrap_err();
    assert_eq!(idle.api().unwrap().kind, ErrorKind::Conflict);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_that_fails_says_why() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    sim.system.fail_next("input/output error");
    let request = UpgradeRequest {
        url: Some("https://images.example.net/corbel-0.2.0.iso".to_owned()),
        reboot: true,
        ..UpgradeRequest::default()
    };
    client.upgrade(&request).await.unwrap();
    let (events, end) = to_the_end(&client).await;
    let why = "writing to /dev/sda failed: input/output error";
    assert_eq!((end.state, end.message.as_deref()), (OperationState::Failed, Some(why)));
    assert!(
        matches!(events.last(), Some(ProgressEvent::End { ok: false, message: Some(said), .. }) if said == why),
        "{events:?}"
    );
    assert!(sim.system.restarts().is_empty());
    let garbage = b"not an image at all".as_slice();
    let size = garbage.len() as u64;
    client
        .upload_upgrade(UpgradeFlags::default(), size, garbage, |_| {})
        .await
        .unwrap();
    let end = to_the_end(&client).await.1;
    assert_eq!(
        end.message.as_deref(),
        Some("this is no image of Corbel, or it is damaged")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_cut_gives_its_place_back() {
    let sim = Sim::installed().await;
    let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
    let head = "PUT /v1/upgrade HTTP/1.1\r\nhost: n\r\ncontent-length: 1048576\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[7; 1000]).await.unwrap();
    sim.until("the node receives", async || {
        sim.get("/v1/operation").await.json()["operation"]["state"] == "running"
    })
    .await;
    drop(stream);
    sim.until("it has given up", async || {
        sim.get("/v1/operation").await.json()["operation"]["state"] == "failed"
    })
    .await;
    let answer = sim.ask("PUT", "/v1/upgrade", &[], "release 0.2.0\n").await;
    assert_eq!(answer.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_cannot_be_are_refused_by_field() {
    let sim = Sim::installed().await;
    let long = "x".repeat(300);
    let cases = [
        (
            "/v1/install",
            json!({"boot": {"path": "sda"}}),
            400,
            "boot.path: is not a device",
        ),
        (
            "/v1/install",
            json!({"boot": {"path": "/dev/sdd"}}),
            400,
            "boot: /dev/sdd cannot be used",
        ),
        (
            "/v1/install",
            json!({"boot": {"path": "/dev/nope"}}),
            400,
            "boot: /dev/nope is not there",
        ),
        ("/v1/install", json!({"boot": "/dev/sda"}), 400, "boot: "),
        ("/v1/install", json!({"disk": 1}), 400, "disk: unknown field"),
        ("/v1/install", json!({"hostname": "a b"}), 400, "hostname: "),
        (
            "/v1/install",
            json!({"admin_password": ""}),
            400,
            "admin_password: is empty",
        ),
        (
            "/v1/install",
            json!({"admin_password": long}),
            400,
            "admin_password: is longer",
        ),
        (
            "/v1/install",
            json!({"admin_password_hash": "$1$x$y"}),
            400,
            "admin_password_hash: ",
        ),
        (
            "/v1/install",
            json!({"admin_password_hash": "x", "admin_password": "y"}),
            400,
            "admin_password: give this or",
        ),
        (
            "/v1/install",
            json!({"document": "version = 9"}),
            400,
            "document: line 1",
        ),
        ("/v1/install", json!({"sizes": {"root": -1}}), 400, "sizes.root: "),
        (
            "/v1/install",
            json!({"boot": {"path": "/dev/sda"}}),
            409,
            "/dev/sda carries Corbel already",
        ),
        ("/v1/upgrade", json!({}), 400, "url: give exactly one"),
        (
            "/v1/upgrade",
            json!({"url": "x", "medium": true}),
            400,
            "url: give exactly one",
        ),
        (
            "/v1/upgrade",
            json!({"url": "file:///etc/shadow"}),
            400,
            "url: is not one to fetch from",
        ),
        (
            "/v1/upgrade",
            json!({"url": "http://a b"}),
            400,
            "url: is not one to fetch from",
        ),
        (
            "/v1/upgrade",
            json!({"url": "https://a/b", "boot": {}}),
            400,
            "boot: belongs to",
        ),
        ("/v1/upgrade", json!({"medium": true, "fast": true}), 400, "fast: "),
        ("/v1/rollback", json!({"reboot": "yes"}), 400, "reboot: "),
        (
            "/v1/reboot",
            json!({"deadline_seconds": 4000}),
            400,
            "deadline_seconds: ",
        ),
        ("/v1/poweroff", json!({"fast": true}), 400, "fast: unknown field"),
    ];
    for (path, body, status, start) in cases {
        let answer = sim.json("POST", path, &body.to_string()).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {:?}", answer.body);
        let sentence = answer.sentence();
        assert!(sentence.starts_with(start), "{path} {body}: {sentence}");
    }
    for (query, start) in [
        ("?forse=true", "unknown query \"forse\""),
        ("?force=yes", "force: give true or false"),
        ("?reboot", "reboot: give true or false"),
        ("?fast=true", "fast: says how to reboot"),
    ] {
        let answer = sim.ask("PUT", &format!("/v1/upgrade{query}"), &[], "x").await;
        assert_eq!(answer.status, 400, "{query}");
        let sentence = answer.sentence();
        assert!(sentence.starts_with(start), "{query}: {sentence}");
    }
    let answer = sim.ask("PUT", "/v1/upgrade", &[], "").await;
    assert!([400, 411].contains(&answer.status.as_u16()), "{}", answer.sentence());
    let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
    let head = format!(
        "PUT /v1/upgrade HTTP/1.1\r\nhost: n\r\ncontent-length: {}\r\n\r\n",
        100_u64 << 30
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer)
        .await
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 507");
    let untouched = sim.get("/v1/disks").await.json();
    assert_eq!(untouched["disks"].as_array().unwrap().len(), 4);
    assert!(sim.system.restarts().is_empty(), "nothing of it was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_failed_is_told_from_an_empty_slot_and_damaged_records_are_said() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    assert_eq!(versions(&client).await[1].0, SlotState::Empty);
    sim.system.set_failed(Some(corbel_agent::FailedVersion {
        version: "0.2.0".to_owned(),
        reason: "its network did not come up".to_owned(),
    }));
    sim.system.set_problems(&["corbel/grubenv is not there"]);
    let list = client.slots().await.unwrap();
    assert_eq!(list.slots[1].state, SlotState::Failed);
    assert_eq!(list.problems, ["corbel/grubenv is not there"]);
    client.rollback(RollbackRequest::default()).await.unwrap();
    let (_, end) = to_the_end(&client).await;
    let message = end.message.unwrap_or_default();
    assert!(
        message.contains("version 0.2.0, which failed on this node"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_of_the_installed_node_is_said_before_anything_begins() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    sim.system.set_password("right");
    let ask = |password: Option<&str>| UpgradeRequest {
        medium: true,
        current_password: password.map(str::to_owned),
        ..UpgradeRequest::default()
    };
    for given in [None, Some("wrong")] {
        let refused = client.upgrade(&ask(given)).await.unwrap_err();
        let refused = refused.api().unwrap();
        assert_eq!(refused.field.as_deref(), Some("current_password"), "{refused}");
    }
    assert!(client.operation().await.unwrap().is_none());
    client.upgrade(&ask(Some("right"))).await.unwrap();
    assert_eq!(to_the_end(&client).await.1.state, OperationState::Done);
}
