//! What is tried from the node over the API: echoes within their bounds, lamps, and what is said of storage.

use corbel_client::{Client, ClientError};
use corbel_node_api::{ConfigRequest, ErrorKind, IdentifyRequest, PingRequest};

use crate::node::Sim;

fn kind(error: ClientError) -> (ErrorKind, String) {
    match error {
        ClientError::Api(error) => (error.kind, error.message),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn echoes_are_bounded_and_told_one_by_one() {
    let sim = Sim::start().await;
    let client = Client::local(&sim.socket);
    let ask = |host: &str, count| PingRequest {
        host: host.into(),
        count,
    };
    let echoes = client.ping(&ask("192.0.2.1", 2)).await.unwrap().echoes;
    assert!(
        echoes.len() == 2 && echoes.iter().all(|echo| echo.microseconds.is_some()),
        "{echoes:?}"
    );
    let silent = client.ping(&ask("2001:db8::2", 1)).await.unwrap().echoes;
    assert!(
        silent[0]
            .problem
            .as_deref()
            .is_some_and(|why| why.contains("no answer")),
        "{silent:?}"
    );
    for (host, count, field) in [
        ("a b", 1, "host"),
        ("", 1, "host"),
        ("-c9", 1, "host"),
        ("a", 0, "count"),
        ("a", 21, "count"),
    ] {
        let (kind, message) = kind(client.ping(&ask(host, count)).await.unwrap_err());
        assert!(
            kind == ErrorKind::Invalid && message.starts_with(field),
            "{host} {count}: {message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lamps_blink_where_there_are_some() {
    let sim = Sim::start().await;
    let client = Client::local(&sim.socket);
    let ask = IdentifyRequest { seconds: 1 };
    client.identify_link("eno1", &ask).await.unwrap();
    assert_eq!(
        kind(client.identify_link("eno2", &ask).await.unwrap_err()).0,
        ErrorKind::Conflict
    );
    assert_eq!(
        kind(client.identify_link("eno9", &ask).await.unwrap_err()).0,
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(client.identify_link("../eno1", &ask).await.unwrap_err()).0,
        ErrorKind::Invalid
    );
    let long = IdentifyRequest { seconds: 21 };
    assert_eq!(
        kind(client.identify_link("eno1", &long).await.unwrap_err()).0,
        ErrorKind::Invalid
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_set_and_its_password_is_never_shown() {
    let sim = Sim::installed().await;
    let client = Client::local(&sim.socket);
    let document = "version = 1\n[[network.interface]]\nmatch = \"eno1\"\ndhcp4 = true\n[[storage_access.iscsi.target]]\n\
        name = \"iqn.2004-10.org.example:disks\"\nportals = [\"192.0.2.5\"]\nchap_user = \"node1\"\n";
    let with = |more: &str| ConfigRequest {
        document: format!("{document}{more}"),
        confirm_seconds: Some(0),
        ..ConfigRequest::default()
    };
    let (_, message) = kind(client.apply_config(None, &with("")).await.unwrap_err());
    assert!(message.contains("chap_password: is not set"), "{message}");
    client
        .apply_config(None, &with("chap_password = \"twelve-signs\"\n"))
        .await
        .unwrap();
    let config = client.config().await.unwrap();
    assert!(config.document.contains("node1") && !format!("{config:?}").contains("twelve-signs"));
    // What is shown can be given back.
    client.apply_config(None, &with("")).await.unwrap();
    assert!(!client.multipath().await.unwrap().devices.is_empty());
    assert!(client.iscsi().await.unwrap().initiator.is_some());
    assert!(client.iommu().await.unwrap().enabled);
    assert_eq!(client.plugins().await.unwrap().plugins, []);
}
