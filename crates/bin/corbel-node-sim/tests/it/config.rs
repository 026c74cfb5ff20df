//! The configuration by the real client, two writers at once, and what nobody should send.

use std::time::Duration;

use corbel_client::{Client, ClientError};
use corbel_node_api::{ConfigChange, ConfigRequest, ConfigRollback, ErrorKind, Event};
use serde_json::json;

use futures_util::StreamExt as _;

use crate::node::Sim;

fn named(name: &str) -> ConfigRequest {
    ConfigRequest {
        document: format!(
            "version = 1\nhostname = \"{name}\"\n[[network.interface]]\nmatch = \"eno1\"\ndhcp4 = true\n"
        ),
        comment: Some(format!("call it {name}")),
        ..ConfigRequest::default()
    }
}

fn other_network() -> ConfigRequest {
    ConfigRequest {
        document:
            "version = 1\nhostname = \"sim\"\n[[network.interface]]\nmatch = \"eno2\"\naddresses = [\"192.0.2.9/24\"]\n"
                .into(),
        ..ConfigRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_read_changed_and_taken_back() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let config = client.config().await.unwrap();
    assert_eq!((config.generation, config.kept, config.pending), (1, true, None));
    assert!(config.document.contains("hostname = \"sim\""));
    let dry = ConfigRequest {
        dry_run: true,
        ..named("b")
    };
    let planned = client.apply_config(Some(1), &dry).await.unwrap();
    assert!(
        planned.plan.steps.iter().any(|step| step.text == "call the node b"),
        "{planned:?}"
    );
    assert_eq!((planned.generation, planned.plan.network), (1, false));
    let applied = client.apply_config(Some(1), &named("b")).await.unwrap();
    assert_eq!((applied.generation, applied.plan), (2, planned.plan));
    let history = client.config_history().await.unwrap();
    assert_eq!((history.len(), history[0].why.as_str()), (2, "call it b"));
    assert!(!history[0].by.is_empty() && history[0].saved_at.is_some());
    assert!(client.config_version(1).await.unwrap().document.contains("sim"));
    let back = client
        .rollback_config(Some(2), &ConfigRollback::default())
        .await
        .unwrap();
    assert_eq!(back.generation, 3);
    assert!(client.config().await.unwrap().document.contains("sim"));
    let schema = client.config_schema().await.unwrap();
    assert!(schema.contains("\"node.toml\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_writers_at_once_one_is_told_to_look_again() {
    let sim = Sim::installed().await;
    let (one, two) = (Client::local(&sim.socket), Client::local(&sim.socket));
    let (a, b) = (named("a"), named("b"));
    let (a, b) = tokio::join!(one.apply_config(Some(1), &a), two.apply_config(Some(1), &b));
    let refused: Vec<_> = [a, b].into_iter().filter_map(Result::err).collect();
    let [ClientError::Api(error)] = &refused[..] else {
        panic!("{refused:?}")
    };
    assert_eq!(error.kind, ErrorKind::Conflict);
    assert!(
        error.message.starts_with("generation 1 is not the newest any more"),
        "{}",
        error.message
    );
    assert_eq!(one.config().await.unwrap().generation, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_network_waits_for_its_confirmation() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let applied = client.apply_config(Some(1), &other_network()).await.unwrap();
    let pending = applied.pending.expect("it waits");
    assert!(
        applied.generation == 1 && (118..=120).contains(&pending.seconds_left),
        "{pending:?}"
    );
    assert!(client.config().await.unwrap().pending.is_some());
    let ClientError::Api(error) = client.apply_config(None, &named("c")).await.unwrap_err() else {
        panic!("not refused by the node")
    };
    assert_eq!(error.kind, ErrorKind::Conflict);
    let after = client.undo_config().await.unwrap();
    assert_eq!((after.generation, after.pending), (1, None));
    client.apply_config(Some(1), &other_network()).await.unwrap();
    let after = client.confirm_config().await.unwrap();
    assert_eq!((after.generation, after.pending), (2, None));
    assert!(after.document.contains("192.0.2.9"));
    // At once, for who says so.
    let request = ConfigRequest {
        confirm_seconds: Some(0),
        ..named("d")
    };
    let applied = client.apply_config(Some(2), &request).await.unwrap();
    assert!(applied.plan.network && applied.pending.is_none() && applied.generation == 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_has_its_key_and_its_status() {
    let sim = Sim::installed().await;
    let put = async |tag: Option<&str>, body: serde_json::Value| {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(tag.map(|tag| ("if-match", tag)));
        sim.ask("PUT", "/v1/config", &headers, body.to_string()).await
    };
    let good = json!({"document": "version = 1\n"});
    for (tag, status) in [
        (None, 428),
        (Some("\"9\""), 412),
        (Some("7"), 400),
        (Some("W/\"1\""), 400),
    ] {
        let answer = put(tag, good.clone()).await;
        assert_eq!(answer.status, status, "{tag:?}: {}", answer.sentence());
    }
    for (body, field) in [
        (json!({"document": "version = 1\nhostnam = 'x'\n"}), "hostnam"),
        (json!({"document": "version = 2\n"}), "version"),
        (json!({"document": "not toml"}), "document"),
        (
            json!({"document": "version = 1\n[[network.vlan]]\nid = 4\nparent = 'eno9'\n"}),
            "network.vlan[4].parent",
        ),
        (
            json!({"document": "version = 1\n", "confirm_seconds": 5}),
            "confirm_seconds",
        ),
        (json!({"document": "version = 1\n", "comment": "a\nb"}), "comment"),
        (json!({"documnt": ""}), "documnt"),
    ] {
        let answer = put(Some("*"), body.clone()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.sentence().len() > 10);
        assert_eq!(answer.json()["error"]["field"], field, "{body}");
    }
    // A secret that is wrong is not repeated.
    let body = json!({"document": "version = 1\n[admin]\npassword_hash = 'SECRETTEXT'\n"});
    let answer = put(Some("*"), body).await;
    assert!(answer.status == 400 && !answer.sentence().contains("SECRETTEXT"));
    let shown = sim.get("/v1/config").await;
    assert_eq!(shown.headers["etag"], "\"1\"", "nothing of it was done");
    for (path, status) in [("/v1/config/confirm", 409), ("/v1/config/undo", 409)] {
        assert_eq!(sim.ask("POST", path, &[], "").await.status, status, "{path}");
    }
    for path in ["/v1/config/history/7", "/v1/config/history/x", "/v1/config/history/-1"] {
        assert_eq!(sim.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hash_of_a_password_is_never_answered() {
    const HASH: &str = "$6$saltsalt$1qXgV2tY7Kk0n3oFjQ9m4bWcR8eZ5xLpD6sHvTuN2aMiEyGfC";
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let mut request = other_network();
    request.document += &format!("[admin]\npassword_hash = \"{HASH}\"\n");
    client.apply_config(Some(1), &request).await.unwrap();
    let waiting = sim.get("/v1/config").await;
    client.confirm_config().await.unwrap();
    let config = client.config().await.unwrap();
    assert!(config.password_set);
    let version = sim.get("/v1/config/history/2").await;
    for answer in [waiting, sim.get("/v1/config").await, version] {
        assert!(
            !String::from_utf8_lossy(&answer.body).contains("saltsalt"),
            "{answer:?}"
        );
    }
    // The document without it changes nothing of it.
    let request = ConfigRequest {
        document: config.document,
        ..ConfigRequest::default()
    };
    let applied = client.apply_config(Some(2), &request).await.unwrap();
    assert!(applied.plan.steps.is_empty(), "{applied:?}");
    assert!(client.config().await.unwrap().password_set);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_runs_from_its_medium_shows_and_does_not_keep() {
    let sim = Sim::start().await;
    let client = Client::local(&sim.socket);
    let config = client.config().await.unwrap();
    assert!(
        !config.kept && config.generation == 0 && config.notes.len() == 1,
        "{config:?}"
    );
    let ClientError::Api(error) = client.apply_config(None, &named("a")).await.unwrap_err() else {
        panic!("not refused by the node")
    };
    assert!(
        error.message.starts_with("this node runs from its medium"),
        "{}",
        error.message
    );
    assert!(client.config_history().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_of_a_user_is_made_a_hash_and_one_of_nobody_is_refused() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let with = |users: &str, passwords: &[(&str, &str)]| ConfigRequest {
        document: format!("version = 1\nhostname = \"sim\"\n{users}"),
        user_passwords: passwords
            .iter()
            .map(|(name, word)| ((*name).into(), (*word).into()))
            .collect(),
        confirm_seconds: Some(0),
        ..ConfigRequest::default()
    };
    const ADA: &str = "[[users]]\nname = \"ada\"\nrole = \"operator\"\n";
    let long = "x".repeat(512);
    for (passwords, field) in [
        ([("bob", "plum-Tr3e!")], "user_passwords"),
        ([("ada", "")], "user_passwords[ada]"),
        ([("ada", "a\0b")], "user_passwords[ada]"),
        ([("ada", &long)], "user_passwords[ada]"),
    ] {
        let ClientError::Api(error) = client.apply_config(Some(1), &with(ADA, &passwords)).await.unwrap_err() else {
            panic!("not refused by the node")
        };
        assert_eq!((error.kind, error.field.as_deref()), (ErrorKind::Invalid, Some(field)));
        assert!(!error.message.contains("plum"), "{}", error.message);
    }
    // Nobody can be her yet.
    let applied = client.apply_config(Some(1), &with(ADA, &[])).await.unwrap();
    let warned = |warnings: &[String], text: &str| warnings.iter().any(|warning| warning.contains(text));
    assert!(warned(&applied.plan.warnings, "nobody can be this user"), "{applied:?}");

    let applied = client
        .apply_config(Some(2), &with(ADA, &[("ada", "password")]))
        .await
        .unwrap();
    assert!(!warned(&applied.plan.warnings, "nobody can be"), "{applied:?}");
    assert!(warned(&applied.plan.warnings, "user_passwords[ada]: "), "{applied:?}");
    let config = client.config().await.unwrap();
    assert_eq!(config.user_passwords_set, ["ada"]);
    assert!(!config.document.contains("password"), "{}", config.document);
    // It stays as long as she does, and does not come back with the name.
    client.apply_config(Some(3), &with(ADA, &[])).await.unwrap();
    assert_eq!(client.config().await.unwrap().user_passwords_set, ["ada"]);
    client.apply_config(Some(4), &with("", &[])).await.unwrap();
    client.apply_config(Some(5), &with(ADA, &[])).await.unwrap();
    assert!(client.config().await.unwrap().user_passwords_set.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listens_hears_of_each_change() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let mut events = client.events().await.unwrap();
    client.apply_config(Some(1), &other_network()).await.unwrap();
    client.undo_config().await.unwrap();
    client.apply_config(Some(1), &other_network()).await.unwrap();
    client.confirm_config().await.unwrap();
    client.apply_config(Some(2), &named("b")).await.unwrap();
    client.undo_config().await.unwrap();
    client.apply_config(Some(2), &other_network()).await.unwrap();
    let dry = ConfigRequest {
        dry_run: true,
        ..named("c")
    };
    client.apply_config(None, &dry).await.unwrap();
    let expected = [
        (ConfigChange::Waits, 1, "socket"),
        (ConfigChange::Undone, 1, "socket"),
        (ConfigChange::Waits, 1, "socket"),
        (ConfigChange::Saved, 2, "socket"),
        (ConfigChange::Waits, 2, "socket"),
        (ConfigChange::Undone, 2, "socket"),
        (ConfigChange::Saved, 3, "socket"),
    ];
    let mut heard = Vec::new();
    while heard.len() < expected.len() {
        let event = tokio::time::timeout(Duration::from_secs(20), events.next()).await;
        if let Event::Config { change, generation, by } = event.unwrap().unwrap().unwrap() {
            heard.push((change, generation, by));
        }
    }
    let heard: Vec<_> = heard
        .iter()
        .map(|(change, generation, by)| (*change, *generation, by.as_str()))
        .collect();
    assert_eq!(heard, expected);
}
