//! Slow and many clients do not keep others from being served; stopping is orderly.

use std::time::{Duration, Instant};

use corbel_serve::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use crate::node::Sim;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_handshakes_stall_nobody_and_are_cut() {
    let sim = Sim::with(Limits {
        handshake: Duration::from_secs(2),
        ..Limits::default()
    })
    .await;
    let mut silent = vec![];
    for _ in 0..20 {
        silent.push(TcpStream::connect(sim.address).await.unwrap());
    }
    let started = Instant::now();
    assert_eq!(sim.ask_tls(None, "GET", "/v1/health", &[]).await.status, 200);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let mut byte = [0];
    for mut stream in silent {
        let end = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut byte))
            .await
            .unwrap();
        assert_eq!(end.unwrap_or(0), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_cap_clients_wait_until_slow_ones_are_cut() {
    let limits = Limits {
        connections: 2,
        handshake: Duration::from_secs(2),
        ..Limits::default()
    };
    let sim = Sim::with(limits).await;
    let _one = TcpStream::connect(sim.address).await.unwrap();
    let _two = TcpStream::connect(sim.address).await.unwrap();
    assert_eq!(sim.ask_tls(None, "GET", "/v1/health", &[]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_does_not_come_and_a_body_that_does_not_come_are_cut() {
    let limits = Limits {
        head: Duration::from_secs(1),
        body: Duration::from_secs(1),
        ..Limits::default()
    };
    let sim = Sim::with(limits).await;
    let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
    stream.write_all(b"GET /v1/health HTTP/1.1\r\nhost: ").await.unwrap();
    let mut answer = vec![];
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
    let head = "POST /v1/vms HTTP/1.1\r\nhost: n\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_and_never_reads_is_cut() {
    let limits = Limits {
        unread: Duration::from_secs(1),
        ..Limits::default()
    };
    let sim = Sim::with(limits).await;
    let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
    // More answers than the kernel's buffers hold.
    let ask = b"GET /v1/openapi.json HTTP/1.1\r\nhost: n\r\n\r\n".repeat(20);
    stream.write_all(&ask).await.unwrap();
    let cut = async {
        // Whoever writes to a connection that is closed is told so.
        while stream
            .write_all(b"GET /v1/health HTTP/1.1\r\nhost: n\r\n\r\n")
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), cut).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_ends_endless_answers_and_takes_the_socket_away() {
    let sim = Sim::start().await;
    let mut stream = UnixStream::connect(&sim.socket).await.unwrap();
    stream
        .write_all(b"GET /v1/events HTTP/1.1\r\nhost: n\r\n\r\n")
        .await
        .unwrap();
    let mut seen = vec![0; 4096];
    let n = stream.read(&mut seen).await.unwrap();
    assert!(n > 0);
    let socket = sim.socket.clone();
    let started = Instant::now();
    sim.stop().await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let mut rest = vec![];
    tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(!socket.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_does_not_take_the_socket_and_a_stale_one_is_replaced() {
    use corbel_serve::{NoPasswords, Options, Server};
    let sim = Sim::start().await;
    let options = |socket: &std::path::Path| Options {
        socket: Some(socket.to_owned()),
        listen: vec![],
        state_dir: sim.folder.path().to_owned(),
        access_file: sim.access_file(),
        tls_file: "tls.pem".into(),
        passwords: std::sync::Arc::new(NoPasswords),
        limits: Limits::default(),
    };
    let agent = || corbel_node_sim::agent(corbel_node_sim::hypervisor(0).unwrap(), Default::default());
    let error = Server::bind(agent(), options(&sim.socket)).expect_err("it is served");
    assert!(error.to_string().contains("served by another process"), "{error:#}");
    let stale = sim.folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    assert!(Server::bind(agent(), options(&stale)).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_idled_too_long_just_connects_again() {
    let limits = Limits {
        head: Duration::from_secs(1),
        ..Limits::default()
    };
    let sim = Sim::with(limits).await;
    let client = corbel_client::Client::local(&sim.socket);
    client.health().await.unwrap();
    // The pause is the subject here.
    tokio::time::sleep(Duration::from_secs(2)).await;
    client.health().await.unwrap();
    client.start_vm("build").await.unwrap();
}
