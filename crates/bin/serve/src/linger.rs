//! A request body that is read on for a moment after its handler has lost interest.
//!
//! Closing a connection while the client still sends makes the system throw our answer away (RFC 9112, 9.6), and the
//! client sees a broken connection instead of the reason. So what is left of a refused body is read and forgotten.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody};
use bytes::Bytes;
use futures_util::StreamExt as _;
use hyper::body::{Frame, Incoming, SizeHint};

/// Long enough for an answer to cross the network and be read.
const LINGER: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Lingering {
    /// `None` from the end on.
    inner: Option<Body>,
    /// A client that waits for `100 Continue` sends nothing until the body is first asked for.
    flows: bool,
}

/// The request with such a body.
pub(crate) fn linger(request: hyper::Request<Incoming>) -> axum::extract::Request {
    let waits = request.headers().contains_key(http::header::EXPECT);
    request.map(|body| {
        Body::new(Lingering {
            inner: Some(Body::new(body)),
            flows: !waits,
        })
    })
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.flows = true;
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(inner).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.inner = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(body) = self.inner.take().filter(|body| self.flows && !body.is_end_stream()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(LINGER, forget(body.into_data_stream())));
        }
    }
}

async fn forget(mut rest: BodyDataStream) {
    while let Some(Ok(_)) = rest.next().await {}
}
