//! The accept loop: connections that cannot be held open for nothing, and a stop that finishes what was accepted.
//!
//! It is our own because the framework's loop installs no timers: a client that sends half a head, or nothing, or never
//! reads its answer would hold its connection for ever.

mod lingering;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http_kit::client_address::PeerAddress;
use http_kit::connection::{OpenConnection, Stopping};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use lingering::{LingeringStream, TrackedBody, UnreadBody};

/// How long to rest when the system cannot accept (mostly: no file descriptors left); without it the loop would spin.
const REST_AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);

/// The read buffer of a connection, in bytes, which also bounds a request's head.
const CONNECTION_BUFFER_BYTES_MAX: usize = 64 << 10;

/// What clients may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionBounds {
    /// How many connections are served at once; further ones wait in the system's backlog.
    pub connections_max: usize,
    /// The time for a request's head; also how long a connection may stay idle between requests.
    pub header_time_max: Duration,
    /// How long the client may leave sent bytes unacknowledged, which is what happens when it does not read.
    pub stalled_time_max: Duration,
    /// How long running requests may take after the stop.
    pub shutdown_grace: Duration,
}

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Every request was answered.
    Complete,
    /// The grace period ended first.
    Cut {
        /// How many connections were still busy.
        connections: usize,
    },
}

/// Serves `routes` to whoever connects to `listener`, until `stop` is cancelled; then finishes what runs, within the
/// grace period. A connection that a protocol such as WebSocket has taken over counts like any other, see
/// [`OpenConnection`].
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    bounds: ConnectionBounds,
    stop: CancellationToken,
) -> Stopped {
    let connections = TaskTracker::new();
    let permits = Arc::new(Semaphore::new(bounds.connections_max));
    let cut = CancellationToken::new();

    while let Some(accepted) = stop.run_until_cancelled(accept(&listener, &permits)).await {
        match accepted {
            Ok((permit, stream, peer)) => {
                let open = OpenConnection::new(permit, connections.token(), cut.clone());
                let connection = Connection {
                    routes: routes.clone(),
                    bounds,
                    peer,
                    stop: stop.clone(),
                    open: open.clone(),
                };
                tokio::spawn(open.run(connection.run(stream)));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(REST_AFTER_ACCEPT_ERROR).await;
            }
        }
    }
    drop(listener);

    connections.close();
    if tokio::time::timeout(bounds.shutdown_grace, connections.wait()).await.is_ok() {
        return Stopped::Complete;
    }
    let busy = connections.len();
    cut.cancel();
    connections.wait().await;
    Stopped::Cut { connections: busy }
}

/// Accepts when there is room. The permit is that of the new connection.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    // The semaphore is never closed, so there always is a permit at last.
    let permit = Arc::clone(permits).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((permit, stream, peer))
}

struct Connection {
    routes: Router,
    bounds: ConnectionBounds,
    peer: SocketAddr,
    stop: CancellationToken,
    open: OpenConnection,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        if let Err(error) = prepare(&stream, self.bounds) {
            // The client is gone already, or the system lacks the option; the timers below hold anyway.
            tracing::debug!(%error, "cannot set the options of a connection");
        }

        let unread = UnreadBody::default();
        let stream = LingeringStream::new(stream, unread.clone());
        let service = service_fn(|request| self.answer(request, unread.clone()));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.bounds.header_time_max)
                .max_buf_size(CONNECTION_BUFFER_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
        );
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        unread: UnreadBody,
    ) -> Result<Response<Body>, Infallible> {
        let tracked = unread.clone();
        let mut request = request.map(|body| Body::new(TrackedBody::new(body, tracked)));
        request.extensions_mut().insert(PeerAddress(self.peer));
        request.extensions_mut().insert(Stopping(self.stop.clone()));
        request.extensions_mut().insert(self.open.clone());
        let mut answer = self.routes.clone().oneshot(request).await?;
        if unread.is_there() {
            // What still comes of the body cannot be told from a next request, so the connection ends here. A client
            // that is not told would lose the request that it sends next.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }
}

fn prepare(stream: &TcpStream, bounds: ConnectionBounds) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(bounds.stalled_time_max))?;
    #[cfg(not(target_os = "linux"))]
    let _ = bounds; // the system has no such option: there, only the cap on connections bounds clients that never read
    Ok(())
}

#[cfg(test)]
mod tests;
