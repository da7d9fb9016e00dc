//! A close that lets the client read its answer.
//!
//! Closing a socket while bytes of the client are still arriving resets the connection, and the reset can overtake the
//! answer. So when a request was answered before its body was read, the server ends its own direction only, and for a
//! while takes and forgets what still comes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long a closing connection is listened to.
const LINGER_TIME_MAX: Duration = Duration::from_secs(5);

/// How many bytes are forgotten at most. No more than a buffer of them is ever held.
const LINGER_BYTES_MAX: u64 = 2 << 30;

const FORGETTING_BUFFER_BYTES: usize = 16 << 10;

/// Whether the connection's latest request has a body that was not read to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct UnreadBody(Arc<AtomicBool>);

impl UnreadBody {
    pub(super) fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request body that notes when its end was seen.
pub(super) struct TrackedBody {
    body: Incoming,
    unread: UnreadBody,
}

/// A connection whose shutdown lingers when a body is unread.
pub(super) struct LingeringStream {
    stream: TcpStream,
    unread: UnreadBody,
    closing: Closing,
}

enum Closing {
    NotYet,
    Lingering { until: Pin<Box<Sleep>>, forgotten_bytes: u64 },
    Done,
}

impl TrackedBody {
    pub(super) fn new(body: Incoming, unread: UnreadBody) -> Self {
        unread.0.store(!body.is_end_stream(), Ordering::Relaxed);
        Self { body, unread }
    }
}

impl Body for TrackedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.unread.0.store(false, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl LingeringStream {
    pub(super) fn new(stream: TcpStream, unread: UnreadBody) -> Self {
        Self { stream, unread, closing: Closing::NotYet }
    }

    /// Takes and forgets until the client ends, or until it is enough.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Closing::Lingering { until, forgotten_bytes } = &mut self.closing else {
            return Poll::Ready(());
        };
        loop {
            if *forgotten_bytes > LINGER_BYTES_MAX || until.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut space = [0; FORGETTING_BUFFER_BYTES];
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    *forgotten_bytes += buffer.filled().len() as u64;
                }
                Ok(()) | Err(_) => return Poll::Ready(()),
            }
        }
    }
}

impl AsyncRead for LingeringStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for LingeringStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.closing, Closing::NotYet) {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.closing = if self.unread.is_there() {
                Closing::Lingering { until: Box::pin(sleep(LINGER_TIME_MAX)), forgotten_bytes: 0 }
            } else {
                Closing::Done
            };
        }
        ready!(self.poll_linger(context));
        self.closing = Closing::Done;
        Poll::Ready(Ok(()))
    }
}
