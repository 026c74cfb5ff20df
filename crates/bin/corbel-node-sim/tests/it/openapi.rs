//! The OpenAPI document against the running sim: what it promises is there, and answers are as it describes them.

use corbel_node_api::{Body, Operation, ROUTES};
use serde_json::{Value, json};

use crate::node::{Answer, Sim};
use crate::schema;

fn document() -> Value {
    serde_json::to_value(corbel_node_api::openapi()).unwrap()
}

/// The answer fits what the document says about its status.
fn conforms(document: &Value, operation: &Value, answer: &Answer) -> Result<(), String> {
    let status = answer.status.as_str();
    let Some(described) = operation["responses"].get(status) else {
        return Err(format!("the status {status} is not documented: {:?}", answer.body));
    };
    let kind = answer
        .headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default();
    let Some(content) = described.get("content") else {
        return if answer.body.is_empty() {
            Ok(())
        } else {
            Err(format!("a body is not documented: {:?}", answer.body))
        };
    };
    let schema = content.get(kind).map(|content| &content["schema"]);
    let schema = schema.ok_or_else(|| format!("the content type {kind:?} is not documented"))?;
    let value = match kind {
        "application/json" => answer.json(),
        "text/event-stream" => {
            let text = std::str::from_utf8(&answer.body).map_err(|error| error.to_string())?;
            let data = text
                .lines()
                .find_map(|line| line.strip_prefix("data: "))
                .unwrap_or_default();
            serde_json::from_str(data).map_err(|error| format!("{error}: {text}"))?
        }
        _ => Value::String(String::from_utf8_lossy(&answer.body).into_owned()),
    };
    schema::check(document, schema, &value)
}

/// A request that can succeed on the demo machines. `build` is off, `web` runs.
fn good_request(operation: Operation) -> (String, Vec<(&'static str, &'static str)>, String) {
    let json = vec![("content-type", "application/json")];
    let (name, body) = match operation {
        Operation::CreateVm => (
            "",
            json!({"name": "new", "memory": "64 MiB", "networks": [{"nat": "default"}]}).to_string(),
        ),
        Operation::AutostartVm => ("web", json!({"autostart": false}).to_string()),
        Operation::Ping => ("", json!({"host": "192.0.2.1"}).to_string()),
        Operation::IdentifyLink => ("eno1", json!({"seconds": 1}).to_string()),
        Operation::UseKeyboard => ("", json!({"layout": "de-latin1"}).to_string()),
        Operation::CheckPassword => ("", json!({"password": crate::node::PASSWORD}).to_string()),
        Operation::Persist | Operation::Unpersist | Operation::PersistedDifference => ("/etc/motd", String::new()),
        Operation::CreateVolume => ("", json!({"name": "new.qcow2", "size": "1 GiB"}).to_string()),
        Operation::UploadVolume => ("up.raw", "x".repeat(1 << 20)),
        Operation::DeleteVolume => ("spare.qcow2", String::new()),
        Operation::Install => ("", json!({"boot": {"path": "/dev/sdb"}}).to_string()),
        Operation::Uninstall => ("", json!({"dry_run": true}).to_string()),
        Operation::Upgrade => ("", json!({"medium": true}).to_string()),
        Operation::UploadUpgrade => ("", "release 0.2.0\n".to_owned()),
        Operation::ApplyConfig => ("", json!({"document": "version = 1\n"}).to_string()),
        Operation::RollbackConfig => ("", json!({"generation": 1}).to_string()),
        Operation::ConfigVersion => ("1", String::new()),
        Operation::Rollback | Operation::Reboot | Operation::Poweroff => ("", "{}".to_owned()),
        Operation::MakeBundle => ("", "{}".to_owned()),
        Operation::ReadBundle | Operation::RemoveBundle => (crate::support::BUNDLE, String::new()),
        Operation::DeleteVm | Operation::StartVm => ("build", String::new()),
        _ => ("web", String::new()),
    };
    let headers = match operation {
        Operation::VmConsole => vec![
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
        Operation::ApplyConfig | Operation::RollbackConfig => [json, vec![("if-match", "*")]].concat(),
        _ if body.is_empty() => vec![],
        _ => json,
    };
    (operation.path(name), headers, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_succeeds_as_documented() {
    let document = document();
    for route in ROUTES {
        let sim = Sim::installed().await;
        match route.operation {
            Operation::OperationEvents => drop(sim.json("POST", "/v1/rollback", "{}").await),
            Operation::ReadBundle | Operation::RemoveBundle => sim.system.put_bundle(crate::support::BUNDLE, b"x"),
            Operation::Unpersist | Operation::PersistedDifference => {
                let kept = sim.ask("PUT", &Operation::Persist.path("/etc/motd"), &[], "").await;
                assert_eq!(kept.status, 200);
            }
            Operation::CancelOperation => {
                sim.system.hold(true);
                let begun = sim.json("POST", "/v1/upgrade", r#"{"medium":true}"#).await;
                assert_eq!(begun.status, 202);
            }
            Operation::ConfirmConfig | Operation::UndoConfig => {
                let (path, headers, body) = good_request(Operation::ApplyConfig);
                assert_eq!(sim.ask("PUT", &path, &headers, body).await.status, 200);
            }
            _ => {}
        }
        let spare = sim
            .json("POST", "/v1/volumes", r#"{"name":"spare.qcow2","size":1048576}"#)
            .await;
        assert_eq!(spare.status, 201);
        let (path, headers, body) = good_request(route.operation);
        let answer = sim.ask(route.method.as_str(), &path, &headers, body).await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status.as_u16(), route.status, "{:?}: {said}", route.operation);
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        conforms(&document, operation, &answer).unwrap_or_else(|problem| panic!("{:?}: {problem}", route.operation));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_path_exists_and_refuses_as_documented() {
    let sim = Sim::start().await;
    let served = sim.get("/v1/openapi.json").await.json();
    assert_eq!(
        served,
        document(),
        "the document that is served is the one of the types"
    );
    let mut count = 0;
    for (path, operations) in served["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            count += 1;
            let method = method.to_ascii_uppercase();
            let answer = sim.ask(&method, &path.replace("{name}", "no-such"), &[], "").await;
            assert_ne!(answer.status, 405, "{method} {path}");
            if answer.status == 404 {
                let sentence = answer.sentence();
                let missing = ["does not exist", "is not persisted"];
                assert!(
                    missing.iter().any(|words| sentence.contains(words)),
                    "{method} {path}: {sentence}"
                );
            }
            conforms(&served, operation, &answer).unwrap_or_else(|problem| panic!("{method} {path}: {problem}"));
            // Without any credentials, by TLS.
            let stranger = sim
                .ask_tls(None, &method, &path.replace("{name}", "no-such"), &[])
                .await;
            conforms(&served, operation, &stranger).unwrap_or_else(|problem| panic!("{method} {path}: {problem}"));
            // With the hypervisor away.
            sim.fake.set_unavailable(Some("it was killed"));
            let away = sim.ask(&method, &path.replace("{name}", "no-such"), &[], "").await;
            conforms(&served, operation, &away).unwrap_or_else(|problem| panic!("{method} {path}: {problem}"));
            sim.fake.set_unavailable(None);
        }
    }
    assert_eq!(
        count,
        ROUTES.len(),
        "every route of the table is documented, and nothing else"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_document_work() {
    let sim = Sim::installed().await;
    let document = document();
    let (mut tried, schemas) = (0, document["components"]["schemas"].as_object().unwrap());
    for (name, schema) in schemas {
        let mut examples = schema["examples"].as_array().cloned().unwrap_or_default();
        examples.extend(schema.get("example").cloned());
        for example in examples {
            schema::check(&document, schema, &example).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            let route = ROUTES
                .iter()
                .find(|route| matches!(route.request, Body::Json(wanted) | Body::JsonOrXml(wanted) if wanted == name));
            if let Some(route) = route {
                tried += 1;
                // One long work at a time: that of the last example has to end.
                sim.until("it is idle", async || {
                    let work = sim.get("/v1/operation").await.json();
                    !["running", "cancelling"].contains(&work["operation"]["state"].as_str().unwrap_or_default())
                })
                .await;
                // The demo has a machine `web`, as the example does.
                sim.json("POST", "/v1/vms/web/force-off", "").await;
                sim.json("DELETE", "/v1/vms/web?volumes=true", "").await;
                sim.json("POST", "/v1/vms/db/force-off", "").await;
                sim.json("DELETE", "/v1/vms/db?volumes=true", "").await;
                sim.json(
                    "POST",
                    "/v1/volumes",
                    r#"{"name":"db.raw","size":1048576,"format":"raw"}"#,
                )
                .await;
                // Of the routes with a name, only interfaces are asked about here.
                let path = route.path.replace("{name}", "eno1");
                let answer = sim.json(route.method.as_str(), &path, &example.to_string()).await;
                assert_eq!(answer.status.as_u16(), route.status, "{name}: {:?}", answer.body);
            }
        }
    }
    assert!(tried >= 3, "{tried}");
}
