//! Uploads: all of it or nothing.

use std::time::Duration;

use corbel_serve::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::node::Sim;

async fn volumes(sim: &Sim) -> Vec<String> {
    let list = sim.get("/v1/volumes").await.json();
    let names = list["volumes"].as_array().unwrap().iter();
    names
        .map(|volume| volume["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Sends the head of an upload of a mebibyte, and `sent` bytes of it.
async fn begin(sim: &Sim, name: &str, sent: usize) -> UnixStream {
    let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
    let head = format!("PUT /v1/volumes/{name}/content HTTP/1.1\r\nhost: n\r\ncontent-length: 1048576\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![7; sent]).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_cut_leaves_nothing_and_can_be_repeated() {
    let sim = Sim::start().await;
    let before = volumes(&sim).await;
    for sent in [0, 1, 200_000] {
        let stream = begin(&sim, "cut.raw", sent).await;
        drop(stream);
    }
    // The name is free again at once or soon: a repeated upload of the same name succeeds.
    sim.until("the upload can be repeated", async || {
        let answer = sim
            .ask("PUT", "/v1/volumes/cut.raw/content", &[], vec![1; 300_000])
            .await;
        answer.status == 201
    })
    .await;
    sim.json("DELETE", "/v1/volumes/cut.raw", "").await;
    assert_eq!(volumes(&sim).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_stalls_is_given_up() {
    let sim = Sim::with(Limits {
        stall: Duration::from_millis(200),
        ..Limits::default()
    })
    .await;
    let mut stream = begin(&sim, "slow.raw", 1000).await;
    let mut answer = String::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("nothing was kept"), "{answer}");
    assert!(!volumes(&sim).await.contains(&"slow.raw".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_uploaded_is_refused_with_a_reason() {
    let sim = Sim::start().await;
    let ok = sim.ask("PUT", "/v1/volumes/one.raw/content", &[], vec![1; 5000]).await;
    assert_eq!((ok.status.as_u16(), ok.json()["capacity"].as_u64()), (201, Some(5000)));
    let again = sim.ask("PUT", "/v1/volumes/one.raw/content", &[], vec![1; 5000]).await;
    assert_eq!(again.status, 409, "{:?}", again.body);
    // Large enough that the refusal comes while the client still sends.
    let mut stream = begin(&sim, "one.raw", 1000).await;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 409");
    assert_eq!(
        sim.ask("PUT", "/v1/volumes/two.raw/content", &[("content-length", "0")], "")
            .await
            .status,
        400
    );
    assert_eq!(sim.ask("PUT", "/v1/volumes/a%20b/content", &[], "x").await.status, 400);
    let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
    let head = "PUT /v1/volumes/c.raw/content HTTP/1.1\r\nhost: n\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 411");
}
