//! Fetching from a URL and sending to one by HTTP/1.1, with TLS or without: an image for an upgrade, or the address that is told of an installation's
//! end. Blocks; stops when it is cancelled or when nothing comes any more. What is fetched is judged by its signature, so a
//! server need not be trusted; with `https` it is checked against the system's authorities all the same.

mod send;
mod url;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use corbel_sys::Cancel;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use send::{check, send};
use url::Url;
pub use url::UrlError;

/// The authorities that the image trusts, as Debian's package ca-certificates has them.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Without a byte for so long, a server is taken for dead.
const STALL: Duration = Duration::from_secs(60);
/// How often a cancelled fetch notices it.
const LOOK: Duration = Duration::from_millis(200);
/// Mirrors redirect once or twice.
const REDIRECTS: usize = 5;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Url(#[from] UrlError),
    #[error("{host} cannot be reached")]
    Unreachable { host: String, source: std::io::Error },
    #[error("{host} did not agree on a secure connection")]
    Handshake { host: String, source: std::io::Error },
    #[error("{host} answered with status {status}")]
    Status { host: String, status: u16 },
    #[error("{host} redirects in a circle")]
    Circle { host: String },
    #[error("the connection to {host} broke")]
    Broken {
        host: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("nothing came from {host} for {} s", STALL.as_secs())]
    Stalled { host: String },
    #[error("{host} did not take all of it within {} s", limit.as_secs())]
    Slow { host: String, limit: Duration },
    #[error("{host} offers {bytes} bytes, more than the {limit} that there is room for")]
    TooLarge { host: String, bytes: u64, limit: u64 },
    #[error("what was fetched cannot be written")]
    Write { source: std::io::Error },
    #[error("stopped as asked")]
    Cancelled,
    #[error("the authorities in {AUTHORITIES} cannot be used")]
    Authorities {
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Fetches `url` into `out`, at most `limit` bytes. `report` is told the bytes so far and, when the server says it, of how many.
///
/// # Errors
/// See [`FetchError`]; `out` may then hold a part.
pub fn fetch(
    url: &str,
    limit: u64,
    out: &mut dyn Write,
    report: &mut dyn FnMut(u64, Option<u64>),
    cancel: &Cancel,
) -> Result<u64, FetchError> {
    let url: Url = url.parse()?;
    let host = url.host.clone();
    block(&host, async {
        tokio::select! {
            outcome = follow(url, limit, out, report) => outcome,
            () = cancelled(cancel) => Err(FetchError::Cancelled),
        }
    })
}

/// Waits for talk with a host.
fn block<T>(host: &str, talk: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| FetchError::Unreachable {
            host: host.to_owned(),
            source,
        })?;
    let outcome = runtime.block_on(talk);
    // A name server that does not answer must not hold us.
    runtime.shutdown_background();
    outcome
}

async fn cancelled(cancel: &Cancel) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(LOOK).await;
    }
}

async fn follow(
    mut url: Url,
    limit: u64,
    out: &mut dyn Write,
    report: &mut dyn FnMut(u64, Option<u64>),
) -> Result<u64, FetchError> {
    for _ in 0..=REDIRECTS {
        let response = patient(&url.host, ask(&url)).await?;
        let status = response.status();
        if status == StatusCode::OK || status == StatusCode::NO_CONTENT {
            return receive(&url.host, response, limit, out, report).await;
        }
        let location = response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok());
        match location {
            Some(location) if status.is_redirection() => url = url.join(location)?,
            _ => {
                return Err(FetchError::Status {
                    host: url.host,
                    status: status.as_u16(),
                });
            }
        }
    }
    Err(FetchError::Circle { host: url.host })
}

async fn patient<T>(host: &str, work: impl Future<Output = Result<T, FetchError>>) -> Result<T, FetchError> {
    tokio::time::timeout(STALL, work)
        .await
        .unwrap_or_else(|_| Err(FetchError::Stalled { host: host.to_owned() }))
}

async fn ask(url: &Url) -> Result<Response<Incoming>, FetchError> {
    let stream = connect(url).await?;
    match url.secure {
        true => exchange(url, tls(url, stream).await?).await,
        false => exchange(url, stream).await,
    }
}

async fn connect(url: &Url) -> Result<TcpStream, FetchError> {
    let stream = TcpStream::connect((url.host.as_str(), url.port)).await;
    stream.map_err(|source| FetchError::Unreachable {
        host: url.host.clone(),
        source,
    })
}

async fn tls(url: &Url, stream: TcpStream) -> Result<TlsStream<TcpStream>, FetchError> {
    let host = || url.host.clone();
    let name = ServerName::try_from(host()).map_err(|error| FetchError::Handshake {
        host: host(),
        source: std::io::Error::other(error),
    })?;
    TlsConnector::from(trust(Path::new(AUTHORITIES))?)
        .connect(name, stream)
        .await
        .map_err(|source| FetchError::Handshake { host: host(), source })
}

fn trust(file: &Path) -> Result<Arc<rustls::ClientConfig>, FetchError> {
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| FetchError::Authorities { source };
    let pem = corbel_sys::read_limited(file, 16 << 20).map_err(|error| unusable(error.into()))?;
    let mut roots = rustls::RootCertStore::empty();
    let all: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
    roots.add_parsable_certificates(all);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

async fn exchange<S>(url: &Url, stream: S) -> Result<Response<Incoming>, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| FetchError::Broken {
        host: url.host.clone(),
        source: error.into(),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Its error is also the sender's or the body's.
    tokio::spawn(async move { drop(connection.await) });
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = url.path.parse().map_err(|_| UrlError(url.path.clone()))?;
    let host = HeaderValue::try_from(url.authority()).map_err(|_| UrlError(url.authority()))?;
    request.headers_mut().insert(header::HOST, host);
    request
        .headers_mut()
        .insert(header::USER_AGENT, HeaderValue::from_static("corbel"));
    sender.send_request(request).await.map_err(broken)
}

async fn receive(
    host: &str,
    response: Response<Incoming>,
    limit: u64,
    out: &mut dyn Write,
    report: &mut dyn FnMut(u64, Option<u64>),
) -> Result<u64, FetchError> {
    let length = response.headers().get(header::CONTENT_LENGTH);
    let total = length.and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    let too_large = |bytes| FetchError::TooLarge {
        host: host.to_owned(),
        bytes,
        limit,
    };
    if let Some(bytes) = total.filter(|total| *total > limit) {
        return Err(too_large(bytes));
    }
    let (mut body, mut done) = (response.into_body(), 0_u64);
    loop {
        let frame = patient(host, async { Ok(body.frame().await) }).await?;
        let Some(frame) = frame else {
            return Ok(done);
        };
        let frame = frame.map_err(|error| FetchError::Broken {
            host: host.to_owned(),
            source: error.into(),
        })?;
        if let Ok(data) = frame.into_data() {
            done += data.len() as u64;
            if done > limit {
                return Err(too_large(done));
            }
            out.write_all(&data).map_err(|source| FetchError::Write { source })?;
            report(done, total);
        }
    }
}

#[cfg(test)]
mod tests;
