//! A sim for one test, and a plain HTTP client that shows exactly what was answered.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use corbel_agent::fake::FakeSystem;
use corbel_serve::{Limits, Options, PasswordCheck, PasswordError, Server};
use corbel_virt::fake::Fake;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

pub(crate) const PASSWORD: &str = "correct horse";

#[derive(Debug)]
struct OnePassword;

impl PasswordCheck for OnePassword {
    fn check(&self, user: &str, password: &str) -> Result<bool, PasswordError> {
        Ok(user == "admin" && password == PASSWORD)
    }
}

/// A running sim; it ends when dropped.
pub(crate) struct Sim {
    pub(crate) fake: Arc<Fake>,
    pub(crate) system: Arc<FakeSystem>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) socket: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) fingerprint: String,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The one sentence of a refusal.
    pub(crate) fn sentence(&self) -> String {
        let json = self.json();
        let text = json["error"]["message"]
            .as_str()
            .unwrap_or_else(|| panic!("{json}"))
            .to_owned();
        assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
        text
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Sim {
    pub(crate) async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::of(limits, FakeSystem::default()).await
    }

    /// A node that is installed.
    pub(crate) async fn installed() -> Self {
        Self::of(Limits::default(), FakeSystem::installed(Duration::ZERO)).await
    }

    async fn of(limits: Limits, system: FakeSystem) -> Self {
        let system = Arc::new(system);
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("api.sock");
        let access_file = folder.path().join("access.toml");
        let tokens: String = ["viewer", "operator", "admin"]
            .map(|role| {
                let hash = hex(&Sha256::digest(role));
                format!("[[token]]\nname = \"{role}-token\"\nsha256 = \"{hash}\"\nrole = \"{role}\"\n")
            })
            .concat();
        write(&access_file, &tokens);
        let fake = corbel_node_sim::hypervisor(0).unwrap();
        let options = Options {
            socket: Some(socket.clone()),
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            state_dir: folder.path().to_owned(),
            access_file,
            tls_file: folder.path().join("tls.pem"),
            passwords: Arc::new(OnePassword),
            limits,
        };
        let agent = corbel_node_sim::agent(Arc::clone(&fake), Arc::clone(&system));
        let server = Server::bind(agent, options).unwrap();
        let address = server.addresses()[0];
        let fingerprint = server.fingerprint().unwrap().to_owned();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            server
                .run(async {
                    let _ = stopped.await;
                })
                .await
                .unwrap();
        });
        let sim = Self {
            fake,
            system,
            folder,
            socket,
            address,
            fingerprint,
            stop: Some(stop),
            task,
        };
        sim.until("it is healthy", async || {
            sim.get("/v1/health").await.json()["status"] == "ok"
        })
        .await;
        sim
    }

    pub(crate) fn tls_file(&self) -> PathBuf {
        self.folder.path().join("tls.pem")
    }

    /// The fingerprint of the certificate that clients are shown now.
    pub(crate) async fn shown_fingerprint(&self) -> String {
        let host = self.address.to_string().parse().unwrap();
        let shown = corbel_client::fetch_fingerprint(&host, Duration::from_secs(10)).await;
        shown.unwrap().to_string()
    }

    /// Stops it as a signal would, and waits for the end.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(Duration::from_secs(8), &mut self.task)
            .await
            .expect("it stops in time")
            .unwrap();
    }

    /// Waits for a condition, at most ten seconds.
    pub(crate) async fn until(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let limit = tokio::time::Instant::now() + Duration::from_secs(10);
        while !condition().await {
            assert!(tokio::time::Instant::now() < limit, "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    pub(crate) async fn json(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask(method, path, &[("content-type", "application/json")], body.to_owned())
            .await
    }

    /// By the socket.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let stream = UnixStream::connect(&self.socket).await.unwrap();
        exchange(stream, method, path, headers, body.into()).await
    }

    /// By TLS, with a client certificate if there is one.
    pub(crate) async fn ask_tls(
        &self,
        certificate: Option<&ClientCertificate>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let stream = self.connect_tls(certificate).await.unwrap();
        exchange(stream, method, path, headers, Bytes::new()).await
    }

    pub(crate) async fn connect_tls(
        &self,
        certificate: Option<&ClientCertificate>,
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.folder.path().join("tls/cert.pem")).unwrap())
            .unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots);
        let config = match certificate {
            Some(own) => config
                .with_client_auth_cert(vec![own.der.clone()], own.key.clone_key())
                .unwrap(),
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    pub(crate) fn access_file(&self) -> PathBuf {
        self.folder.path().join("access.toml")
    }
}

pub(crate) fn write(path: &Path, text: &str) {
    std::fs::File::create(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
}

/// A client's own certificate.
pub(crate) struct ClientCertificate {
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
    pem: String,
}

impl ClientCertificate {
    pub(crate) fn make() -> Self {
        let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        Self {
            der: made.cert.der().clone(),
            key: PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into()),
            pem: format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem()),
        }
    }

    /// Certificate and key.
    pub(crate) fn pem(&self) -> String {
        self.pem.clone()
    }

    pub(crate) fn fingerprint(&self) -> String {
        format!("sha256:{}", hex(&Sha256::digest(&self.der)))
    }
}

/// One request and its whole answer; of endless answers only the first frame.
pub(crate) async fn exchange<S>(stream: S, method: &str, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let limit = Duration::from_secs(20);
    let sent = sender.send_request(request.body(Full::new(body)).unwrap());
    let response = tokio::time::timeout(limit, sent)
        .await
        .expect("an answer in time")
        .unwrap();
    let (parts, mut body) = response.into_parts();
    let endless = parts
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == "text/event-stream");
    let read = async {
        if endless {
            let frame = body.frame().await.unwrap().unwrap();
            frame.into_data().unwrap()
        } else if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            Bytes::new()
        } else {
            body.collect().await.unwrap().to_bytes()
        }
    };
    let body = tokio::time::timeout(limit, read).await.expect("a body in time");
    connection.abort();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}
