//! Filling a volume: the body is read from any source piece by piece, so that its size does not matter.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadProgress {
    /// Bytes handed to the connection.
    pub sent: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Bytes read and sent at a time.
const CHUNK: usize = 128 << 10;

/// A body of exactly `total` bytes of `source`.
pub(crate) struct UploadBody<R, F> {
    source: R,
    report: F,
    buffer: BytesMut,
    progress: UploadProgress,
    /// The same count for whoever watches that it grows.
    moved: Arc<AtomicU64>,
}

impl<R, F> UploadBody<R, F> {
    pub(crate) fn new(source: R, total: u64, report: F, moved: Arc<AtomicU64>) -> Self {
        Self {
            source,
            report,
            buffer: BytesMut::new(),
            progress: UploadProgress { sent: 0, total },
            moved,
        }
    }
}

impl<R, F> Body for UploadBody<R, F>
where
    R: AsyncRead + Unpin,
    F: FnMut(UploadProgress) + Unpin,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let left = this.progress.total - this.progress.sent;
        if left == 0 {
            return Poll::Ready(None);
        }
        // The connection owns what was handed out before, so each piece has memory of its own.
        let want = left.min(CHUNK as u64) as usize;
        this.buffer.resize(want, 0);
        let mut piece = ReadBuf::new(&mut this.buffer);
        ready!(Pin::new(&mut this.source).poll_read(cx, &mut piece))?;
        let read = piece.filled().len();
        if read == 0 {
            let problem = format!(
                "the data ended {left} bytes before the announced size of {}",
                this.progress.total
            );
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem))));
        }
        this.progress.sent += read as u64;
        this.moved.store(this.progress.sent, Ordering::Relaxed);
        (this.report)(this.progress);
        Poll::Ready(Some(Ok(Frame::data(this.buffer.split_to(read).freeze()))))
    }

    fn is_end_stream(&self) -> bool {
        self.progress.sent == self.progress.total
    }

    /// Exact, so that the request carries a Content-Length.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.progress.total - self.progress.sent)
    }
}
