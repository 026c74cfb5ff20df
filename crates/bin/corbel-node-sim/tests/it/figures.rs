//! `/metrics`: for whom, in which format, and what is said when there is nothing to tell.

use corbel_client::Client;
use corbel_node_api::ConfigRequest;

use crate::node::{Answer, Sim};

fn kind(answer: &Answer) -> &str {
    answer.headers["content-type"].to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_reads_figures_in_the_format_that_it_accepts() {
    let sim = Sim::start().await;
    let stranger = sim.ask_tls(None, "GET", "/metrics", &[]).await;
    assert_eq!(stranger.status, 401);
    let viewer = ("authorization", "Bearer viewer");
    let plain = sim.ask_tls(None, "GET", "/metrics", &[viewer]).await;
    assert_eq!(
        (plain.status.as_u16(), kind(&plain)),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    let text = String::from_utf8(plain.body.to_vec()).unwrap();
    assert!(text.contains("# TYPE corbel_cpu_seconds_total counter\n"), "{text}");
    // As Prometheus asks.
    let accept = (
        "accept",
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
    );
    let open = sim.ask_tls(None, "GET", "/metrics", &[viewer, accept]).await;
    assert_eq!(
        kind(&open),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = Client::local(&sim.socket).figures().await.unwrap();
    assert_eq!(text.as_bytes(), &open.body[..]);
    assert!(
        text.contains("# TYPE corbel_cpu_seconds counter\n") && text.ends_with("\n# EOF\n"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_collects_nothing_says_so() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let set = async |lines: &str| {
        let request = ConfigRequest {
            document: format!("version = 1\n[[network.interface]]\nmatch = \"eno1\"\ndhcp4 = true\n{lines}"),
            ..ConfigRequest::default()
        };
        client.apply_config(None, &request).await.unwrap()
    };
    set("[monitoring.collectd]\nenabled = false\n").await;
    let off = sim.get("/metrics").await;
    assert_eq!(off.status, 503);
    assert_eq!(
        off.sentence(),
        "no figures are collected on this node: monitoring.collectd.enabled is false"
    );
    set("").await;
    assert_eq!(sim.get("/metrics").await.status, 200);
}
