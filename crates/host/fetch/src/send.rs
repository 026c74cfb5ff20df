//! Sending a file to a URL by HTTP PUT (RFC 9110, section 9.3.4).

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use corbel_sys::Cancel;
use http::{HeaderValue, Method, Request, Response, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedSender;

use crate::url::{Url, UrlError};
use crate::{FetchError, block, cancelled, connect, tls};

/// Bytes that are handed over at a time.
const PIECE: usize = 64 << 10;

/// Whether this is a URL that [`send`] could send to.
///
/// # Errors
/// What is wrong with it, without credentials.
pub fn check(url: &str) -> Result<(), UrlError> {
    url.parse::<Url>().map(drop)
}

/// Sends `bytes` to `url`, which takes at most `deadline`. `report` is told the bytes so far. Redirections are not followed: what is sent is
/// meant for that server.
///
/// # Errors
/// See [`FetchError`]; the server may then hold a part.
pub fn send(
    url: &str,
    bytes: &Bytes,
    deadline: Duration,
    report: &mut dyn FnMut(u64),
    cancel: &Cancel,
) -> Result<(), FetchError> {
    let url: Url = url.parse()?;
    block(&url.host, async {
        let (told, mut moved) = tokio::sync::mpsc::unbounded_channel();
        let mut work = std::pin::pin!(tokio::time::timeout(deadline, put(&url, bytes.clone(), told)));
        let mut stop = std::pin::pin!(cancelled(cancel));
        loop {
            tokio::select! {
                Some(done) = moved.recv() => report(done),
                outcome = &mut work => break outcome.unwrap_or_else(|_| Err(FetchError::Slow {
                    host: url.host.clone(),
                    limit: deadline,
                })),
                () = &mut stop => break Err(FetchError::Cancelled),
            }
        }
    })
}

async fn put(url: &Url, bytes: Bytes, told: UnboundedSender<u64>) -> Result<(), FetchError> {
    let stream = connect(url).await?;
    let response = match url.secure {
        true => exchange(url, tls(url, stream).await?, bytes, told).await?,
        false => exchange(url, stream, bytes, told).await?,
    };
    let status = response.status();
    match status.is_success() {
        true => Ok(()),
        false => Err(FetchError::Status {
            host: url.host.clone(),
            status: status.as_u16(),
        }),
    }
}

async fn exchange<S>(
    url: &Url,
    stream: S,
    bytes: Bytes,
    told: UnboundedSender<u64>,
) -> Result<Response<Incoming>, FetchError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: hyper::Error| FetchError::Broken {
        host: url.host.clone(),
        source: error.into(),
    };
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(broken)?;
    // Its error is also the sender's or the body's.
    tokio::spawn(async move { drop(connection.await) });
    let mut request = Request::new(Pieces {
        rest: bytes,
        done: 0,
        told,
    });
    *request.method_mut() = Method::PUT;
    *request.uri_mut() = url.path.parse().map_err(|_| UrlError(url.path.clone()))?;
    let host = HeaderValue::try_from(url.authority()).map_err(|_| UrlError(url.authority()))?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, host);
    headers.insert(header::USER_AGENT, HeaderValue::from_static("corbel"));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    sender.send_request(request).await.map_err(broken)
}

/// A body that tells how much of it was taken.
struct Pieces {
    rest: Bytes,
    done: u64,
    told: UnboundedSender<u64>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        self.done += piece.len() as u64;
        // Without a listener the work has ended, and this with it.
        let _ = self.told.send(self.done);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    /// Exact, so that the request carries a Content-Length.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
