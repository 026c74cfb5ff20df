//! Input that nobody should send: always a 4xx, always JSON with one sentence, never the daemon's end.

use std::sync::OnceLock;

use corbel_node_api::{Body, Operation, ROUTES};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::node::{Answer, Sim};

fn refused(what: &str, answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status.as_u16(), status, "{what}: {:?}", answer.body);
    answer.sentence()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn specs_that_cannot_be_are_refused_by_field() {
    let sim = Sim::start().await;
    let deep = format!("{}{}", r#"{"name":"#, "[".repeat(200_000));
    let many: Vec<Value> = (0..30)
        .map(|i| json!({"volume": format!("v{i}"), "size": 1 << 20}))
        .collect();
    let cases: Vec<(String, u16, &str)> = vec![
        (String::new(), 400, "body: is not valid JSON"),
        ("\u{0}".into(), 400, "body: "),
        ("[]".into(), 400, "body: is not a JSON object"),
        (deep, 400, "name: "),
        (json!({"memory": 1 << 30}).to_string(), 400, "name: is missing"),
        (
            json!({"name": "x", "memory": "1 GiB", "colour": 1}).to_string(),
            400,
            "colour: unknown field",
        ),
        (
            json!({"name": "x\n", "memory": "1 GiB"}).to_string(),
            400,
            "name: VM name",
        ),
        (json!({"name": "x", "memory": 1e300}).to_string(), 400, "memory: "),
        (
            json!({"name": "x", "memory": "99999999999 TiB"}).to_string(),
            400,
            "memory: ",
        ),
        (
            json!({"name": "x", "memory": "1 GiB", "disks": many}).to_string(),
            400,
            "disks: ",
        ),
        (
            json!({"name": "x", "memory": "1 GiB", "disks": [{"volume": "no-such"}]}).to_string(),
            400,
            "disks[0].volume: no-such does not exist",
        ),
        (
            json!({"name": "web", "memory": "1 GiB"}).to_string(),
            409,
            "VM web exists already",
        ),
        (
            json!({"name": "x", "memory": "1 GiB", "networks": [{"nat": "no-such"}]}).to_string(),
            400,
            "networks[0].nat",
        ),
    ];
    for (body, status, start) in cases {
        let answer = sim.json("POST", "/v1/vms", &body).await;
        let shown: String = body.chars().take(60).collect();
        let sentence = refused(&shown, &answer, status);
        assert!(sentence.starts_with(start), "{shown}: {sentence}");
        assert!(sentence.len() < 400, "{sentence}");
    }
    for xml in [
        "",
        "<",
        "<domain/>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><domain>&b;</domain>",
        "\0",
        "hello",
    ] {
        let answer = sim
            .ask("POST", "/v1/vms", &[("content-type", "application/xml")], xml)
            .await;
        refused(xml, &answer, 400);
    }
    let answer = sim
        .ask(
            "POST",
            "/v1/vms",
            &[("content-type", "application/xml")],
            vec![0xff, 0xfe],
        )
        .await;
    refused("no UTF-8", &answer, 400);
    assert_eq!(
        sim.get("/v1/vms").await.json()["vms"].as_array().unwrap().len(),
        3,
        "nothing was left behind"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_the_wrong_shape_are_refused() {
    let sim = Sim::start().await;
    let json = [("content-type", "application/json")];
    let big = format!(
        r#"{{"name":"x","memory":"1 GiB","cloud_init":{{"user_data":"{}"}}}}"#,
        "a".repeat(1 << 20)
    );
    refused("too large", &sim.json("POST", "/v1/vms", &big).await, 413);
    /// Method, path, headers, body, and the status of the refusal.
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, u16);
    let cases: &[Case<'_>] = &[
        ("GET", "/", &[], "", 404),
        ("GET", "/v1", &[], "", 404),
        ("GET", "/v1/vms/", &[], "", 404),
        ("GET", "/v1/vms/../../etc/passwd", &[], "", 404),
        ("GET", "/v1/vms/%2e%2e%2fetc", &[], "", 404),
        ("GET", "/v1/vms/%00", &[], "", 400),
        ("GET", "/v1/vms/%ff", &[], "", 400),
        ("GET", "/v1/vms/a%0ab", &[], "", 400),
        ("PATCH", "/v1/vms", &[], "", 405),
        ("DELETE", "/v1/health", &[], "", 405),
        ("BREW", "/v1/health", &[], "", 405),
        ("POST", "/v1/vms", &[], "{}", 415),
        ("POST", "/v1/vms", &[("content-type", "text/plain")], "{}", 415),
        (
            "POST",
            "/v1/volumes",
            &[("content-type", "application/xml")],
            "<a/>",
            415,
        ),
        ("PUT", "/v1/vms/web/autostart", &json, r#"{"autostart":"yes"}"#, 400),
        ("PUT", "/v1/vms/web/autostart", &json, "{}", 400),
        ("POST", "/v1/volumes", &json, r#"{"name":"v","size":0}"#, 400),
        ("POST", "/v1/volumes", &json, r#"{"name":"../v","size":1}"#, 400),
        ("DELETE", "/v1/vms/build?volumes=maybe", &[], "", 400),
        ("DELETE", "/v1/vms/build?force=true", &[], "", 400),
        ("GET", "/v1/vms/web/console", &[], "", 426),
        ("POST", "/v1/vms/no-such/start", &[], "", 404),
        ("POST", "/v1/vms/web/start", &[], "", 409),
        ("DELETE", "/v1/vms/web", &[], "", 409),
        ("DELETE", "/v1/volumes/web.qcow2", &[], "", 409),
    ];
    for (method, path, headers, body, status) in cases {
        let answer = sim.ask(method, path, headers, (*body).to_owned()).await;
        refused(&format!("{method} {path}"), &answer, *status);
    }
    let long = format!("/v1/vms/{}", "a".repeat(3000));
    refused("a long name", &sim.get(&long).await, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_no_http_are_answered_or_cut() {
    let sim = Sim::start().await;
    let large_head = format!("GET /v1/health HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(1_000_000));
    let cases: Vec<Vec<u8>> = vec![
        b"\x16\x03\x01\x02\x00".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /v1/health HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /v1/health HTTP/1.1\r\nhost: a\r\nx\x00y: 1\r\n\r\n".to_vec(),
        b"POST /v1/vms HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello".to_vec(),
        b"POST /v1/vms HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /v1/vms HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n\r\nzz\r\n".to_vec(),
        large_head.into_bytes(),
    ];
    for bytes in cases {
        let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
        // The server may hang up while we still send.
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = vec![];
        let _ = tokio::time::timeout(std::time::Duration::from_secs(15), stream.read_to_end(&mut answer))
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&answer);
        assert!(
            answer.is_empty() || text.starts_with("HTTP/1.1 4"),
            "{:?}: {text}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(80)])
        );
    }
    assert_eq!(sim.get("/v1/health").await.status, 200);
}

/// One sim for all cases of the property.
fn shared() -> &'static (tokio::runtime::Runtime, Sim) {
    static SHARED: OnceLock<(tokio::runtime::Runtime, Sim)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let sim = runtime.block_on(Sim::start());
        (runtime, sim)
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        Just("name"),
        Just("memory"),
        Just("cpus"),
        Just("disks"),
        Just("volume"),
        Just("size"),
        Just("networks"),
        Just("nat"),
        Just("autostart"),
        Just("cloud_init"),
        Just("direct_boot"),
        Just("format"),
    ]
    .prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("1 GiB")),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_sent_makes_a_5xx(
        route in prop::sample::select(ROUTES),
        name in prop_oneof!["[a-z]{1,6}", any::<String>(), Just("web".to_owned())],
        kind in prop_oneof![Just("application/json"), Just("application/xml"), Just("text/plain"), Just("a/b;c")],
        body in prop_oneof![
            any_json().prop_map(|json| json.to_string().into_bytes()),
            prop::collection::vec(any::<u8>(), 0..300),
        ],
    ) {
        let (runtime, sim) = shared();
        // A real machine in the path, but not one that a lucky case may start, stop or delete.
        let name = if route.method.as_str() == "GET" || name != "web" { name } else { "no-such".to_owned() };
        let path = route.operation.path(&name);
        let answer = runtime.block_on(sim.ask(route.method.as_str(), &path, &[("content-type", kind)], body));
        let status = answer.status.as_u16();
        prop_assert!(status < 500, "{path}: {:?}", answer.body);
        if status >= 400 {
            answer.sentence();
        } else {
            let reads = matches!(route.request, Body::Empty | Body::Bytes);
            let lucky = matches!(route.operation, Operation::CreateVm | Operation::CreateVolume);
            prop_assert!(reads || lucky || status < 300, "{path}");
        }
    }
}
