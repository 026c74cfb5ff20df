//! The transports and their ends: pins, deadlines, connections that are used again, uploads that are called off.

use std::sync::Arc;
use std::time::Duration;

use corbel_node_api::ErrorKind;
use futures_util::StreamExt;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;

use crate::{Client, ClientError, Credentials, Fingerprint, RemoteHost, ServerTrust, fetch_fingerprint};

const PATIENCE: Duration = Duration::from_secs(20);
const HEALTHY: &str = r#"{"status":"ok"}"#;

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads the head of a request; empty at the end of the connection.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).expect("a head is text")
}

/// Answers each request of a connection with the same bytes, and returns the heads.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: String, times: usize) -> Vec<String> {
    let mut heads = Vec::new();
    for _ in 0..times {
        heads.push(head(&mut stream).await);
        stream.write_all(answer.as_bytes()).await.expect("written");
    }
    heads
}

struct TlsServer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    certified: CertifiedKey<KeyPair>,
}

impl TlsServer {
    async fn new() -> Self {
        let certified = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("they belong together");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("bound");
        Self {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certified,
        }
    }

    fn host(&self, name: &str) -> RemoteHost {
        RemoteHost {
            host: name.into(),
            port: self.listener.local_addr().expect("bound").port(),
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_der(self.certified.cert.der())
    }

    /// One connection, answered `times` times; a refused handshake ends it.
    async fn once(&self, times: usize) -> Vec<String> {
        let (tcp, _) = self.listener.accept().await.expect("accepted");
        match self.acceptor.accept(tcp).await {
            Ok(stream) => serve(stream, ok(HEALTHY), times).await,
            Err(_) => Vec::new(),
        }
    }
}

#[tokio::test]
async fn a_pin_lets_in_only_its_certificate() {
    let server = TlsServer::new().await;
    // The certificate names localhost only; a pin does not care.
    let host = server.host("127.0.0.1");
    let (fetched, _) = tokio::join!(fetch_fingerprint(&host, PATIENCE), server.once(0));
    assert_eq!(fetched.expect("shown"), server.fingerprint());

    let client = Client::remote(host.clone(), ServerTrust::Pinned(server.fingerprint())).expect("made");
    let client = client
        .with_credentials(&Credentials::Bearer("secret".into()))
        .expect("a token");
    assert!(!format!("{client:?}").contains("secret"));
    let asking = async { (client.health().await, client.health().await) };
    let (answers, heads) = tokio::join!(asking, server.once(2));
    answers.0.expect("healthy");
    answers.1.expect("healthy, on the same connection");
    assert!(
        heads
            .iter()
            .all(|head| head.contains("authorization: Bearer secret\r\n")),
        "{heads:?}"
    );

    let wrong = Fingerprint::of_der(b"wrong");
    let client = Client::remote(host, ServerTrust::Pinned(wrong)).expect("made");
    let (refused, heads) = tokio::join!(client.health(), server.once(1));
    match refused.expect_err("refused") {
        ClientError::FingerprintMismatch { expected, actual, .. } => {
            assert_eq!((expected, actual), (wrong, server.fingerprint()));
        }
        other => panic!("{other:?}"),
    }
    assert!(heads.is_empty(), "nothing was sent to a stranger");
}

#[tokio::test]
async fn an_authority_lets_in_the_names_that_it_signed() {
    let server = TlsServer::new().await;
    let pem = server.certified.cert.pem().into_bytes();
    let good = Client::remote(server.host("localhost"), ServerTrust::Authority(pem.clone())).expect("made");
    let (answer, _) = tokio::join!(good.health(), server.once(1));
    answer.expect("healthy");
    let other_name = Client::remote(server.host("127.0.0.1"), ServerTrust::Authority(pem)).expect("made");
    let (answer, heads) = tokio::join!(other_name.health(), server.once(1));
    assert!(
        matches!(answer, Err(ClientError::Handshake { .. })) && heads.is_empty(),
        "{answer:?}"
    );
    for unusable in [
        &b""[..],
        b"no PEM",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let made = Client::remote(server.host("localhost"), ServerTrust::Authority(unusable.into()));
        assert!(matches!(made, Err(ClientError::Credential { .. })), "{made:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("bound");
    let host = RemoteHost {
        host: "127.0.0.1".into(),
        port: listener.local_addr().expect("bound").port(),
    };
    let short = Duration::from_millis(50);
    let client = Client::remote(host.clone(), ServerTrust::Pinned(Fingerprint::of_der(b""))).expect("made");
    let client = client.with_limits(short, PATIENCE);
    assert!(matches!(
        client.health().await,
        Err(ClientError::ConnectDeadline { .. })
    ));
    assert!(matches!(
        fetch_fingerprint(&host, short).await,
        Err(ClientError::ConnectDeadline { .. })
    ));
    drop(listener);
    assert!(matches!(client.health().await, Err(ClientError::Unreachable { .. })));

    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("api.sock");
    let _listener = UnixListener::bind(&socket).expect("bound");
    let client = Client::local(&socket).with_limits(PATIENCE, short);
    assert!(matches!(client.health().await, Err(ClientError::Deadline { .. })));
    assert!(matches!(client.events().await, Err(ClientError::Deadline { .. })));
    assert!(matches!(client.console("web").await, Err(ClientError::Deadline { .. })));
    assert!(matches!(
        Client::local(folder.path().join("none")).health().await,
        Err(ClientError::Unreachable { .. })
    ));
}

#[tokio::test]
async fn a_connection_that_the_node_closed_is_made_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("api.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    let server = async {
        for _ in 0..3 {
            let (stream, _) = listener.accept().await.expect("accepted");
            serve(stream, ok(HEALTHY), 1).await;
        }
    };
    let client = Client::local(&socket);
    let asking = async {
        for _ in 0..3 {
            client.health().await.expect("healthy");
        }
    };
    tokio::join!(server, asking);
}

#[tokio::test]
async fn an_upload_that_is_dropped_closes_the_connection() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("api.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    let client = Client::local(&socket);
    let (mut gives, source) = tokio::io::duplex(64);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let upload = async {
        let report = move |progress: crate::UploadProgress| tell.send(progress.sent).expect("the test listens");
        let upload = client.upload_volume("v", 1000, source, report);
        tokio::pin!(upload);
        gives.write_all(b"half").await.expect("taken");
        loop {
            tokio::select! {
                result = &mut upload => panic!("{result:?}"),
                sent = told.recv() => if sent == Some(4) { return },
            }
        }
    };
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("accepted");
        let head = head(&mut stream).await;
        assert!(
            head.starts_with("PUT /v1/volumes/v/content HTTP/1.1\r\n") && head.contains("content-length: 1000\r\n")
        );
        let mut body = Vec::new();
        stream.read_to_end(&mut body).await.expect("ended");
        body
    };
    let ((), body) = tokio::time::timeout(PATIENCE, async { tokio::join!(upload, server) })
        .await
        .expect("soon");
    assert!(body.len() <= 4);
}

#[tokio::test]
async fn a_source_that_ends_early_is_the_uploads_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("api.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    let client = Client::local(&socket);
    let server = async {
        let (mut stream, _) = listener.accept().await.expect("accepted");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.expect("ended");
    };
    let (result, ()) = tokio::join!(client.upload_volume("v", 10, &b"short"[..], |_| {}), server);
    match result.expect_err("ended early") {
        ClientError::Source { source } => assert!(source.to_string().contains("ended 5 bytes before"), "{source}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn events_end_in_order_or_in_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("api.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    let client = Client::local(&socket);
    let first = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let event = "1d\r\ndata: {\"type\":\"tomorrow's\"}\n\n\r\n";
    for (end, orderly) in [("0\r\n\r\n", true), ("5\r\nda", false)] {
        let server = async {
            let (stream, _) = listener.accept().await.expect("accepted");
            serve(stream, format!("{first}{event}{end}"), 1).await;
        };
        let listening = async {
            let mut events = client.events().await.expect("a stream");
            let first = events.next().await.expect("an event").expect("of a newer node");
            assert_eq!(first, corbel_node_api::Event::Unknown);
            match events.next().await {
                None => assert!(orderly),
                Some(Err(ClientError::Broken { .. })) => assert!(!orderly),
                other => panic!("{other:?}"),
            }
            assert!(events.next().await.is_none());
        };
        tokio::join!(server, listening);
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_kind_and_names_its_field_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let socket = folder.path().join("api.sock");
    let listener = UnixListener::bind(&socket).expect("bound");
    let client = Client::local(&socket);
    for (message, shown) in [
        ("is 0", "disks[0].size: is 0"),
        ("disks[0].size: is 0", "disks[0].size: is 0"),
    ] {
        let body = format!(r#"{{"error":{{"kind":"invalid","field":"disks[0].size","message":"{message}"}}}}"#);
        let answer = ok(&body).replace("200 OK", "400 Bad Request");
        let server = async {
            let (stream, _) = listener.accept().await.expect("accepted");
            serve(stream, answer, 1).await;
        };
        let (result, ()) = tokio::join!(client.vm("web"), server);
        let error = result.expect_err("refused");
        assert_eq!(error.api().map(|api| api.kind), Some(ErrorKind::Invalid));
        assert_eq!(error.to_string(), shown);
    }
}

#[test]
fn secrets_that_fit_no_header_are_refused() {
    for token in ["a\nb", "a\0"] {
        let made = Client::local("/s").with_credentials(&Credentials::Bearer(token.into()));
        assert!(matches!(made, Err(ClientError::Credential { .. })), "{made:?}");
    }
}
