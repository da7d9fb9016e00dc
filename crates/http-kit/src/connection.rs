//! The connection that a request came on, for answers that outlive the exchange: streams that never end by themselves,
//! and protocols that take a connection over, such as WebSocket.
//!
//! Whoever accepts connections puts both into the extensions of every request.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Cancelled when the server begins to stop. Answers that never end by themselves watch it.
#[derive(Clone, Debug)]
pub struct Stopping(pub CancellationToken);

/// A connection that the server has open: it takes one of the places that there are, and the stop waits for it. Both
/// end with the last clone.
///
/// The task of an upgraded connection runs inside [`Self::run`]; otherwise nobody would count it, and the stop would
/// not know of it.
#[derive(Clone, Debug)]
pub struct OpenConnection(Arc<Held>);

#[derive(Debug)]
struct Held {
    cut: CancellationToken,
    _permit: OwnedSemaphorePermit,
    _tracked: TaskTrackerToken,
}

impl OpenConnection {
    /// A connection with its place and its mark in the list of those that the stop waits for, until `cut` is cancelled.
    pub fn new(
        permit: OwnedSemaphorePermit,
        tracked: TaskTrackerToken,
        cut: CancellationToken,
    ) -> Self {
        Self(Arc::new(Held { cut, _permit: permit, _tracked: tracked }))
    }

    /// Runs `work` to its end and keeps the connection's place that long. None when the stop's grace period ended
    /// first: then `work` was dropped where it stood.
    ///
    /// `work` is put on the heap, since there may be many idle connections: a future that takes another one over keeps
    /// room for it several times.
    pub fn run<T>(self, work: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
        let work = Box::pin(work);
        async move { self.0.cut.run_until_cancelled(work).await }
    }
}
