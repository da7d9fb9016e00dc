//! Request bodies, read whole and within bounds.

mod room;

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use room::Room;

/// How much of a body is taken, and how long the client may take to send it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyBounds {
    /// The longest body that is accepted, inclusive.
    pub bytes_max: u64,
    /// The time for the whole body, from the first look at it.
    pub read_time_max: Duration,
    /// How many bytes of an over-long body are still taken and thrown away. Many clients write the whole request before
    /// they read a byte of the answer, and would meet a reset connection instead of it.
    pub drain_bytes_max: u64,
    /// The time for throwing away.
    pub drain_time_max: Duration,
}

impl BodyBounds {
    /// The usual bounds round a body of at most `bytes_max` bytes: half a minute to send it; of a longer one 32 MiB or
    /// two seconds more, whichever ends first.
    pub const fn of(bytes_max: u64) -> Self {
        Self {
            bytes_max,
            read_time_max: Duration::from_secs(30),
            drain_bytes_max: 32 << 20,
            drain_time_max: Duration::from_secs(2),
        }
    }
}

/// Why a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyProblem {
    /// The body is longer than accepted.
    #[error("the body has {passed_bytes} bytes or more, the limit is {limit_bytes}")]
    TooLarge {
        /// The longest body that is accepted.
        limit_bytes: u64,
        /// The length that the client declared or, without one, how much had arrived when reading stopped.
        passed_bytes: u64,
    },
    /// The client did not send the body in time, or too many large bodies were being received.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection broke or the transfer coding is wrong; there is hardly anybody left to answer.
    #[error("the body ended early or its framing is broken")]
    Broken,
}

/// Reads `body` whole, never holding more than `bounds.bytes_max` bytes of it.
///
/// All bodies of the process together hold at most 512 MiB beyond 64 KiB each. One for which there is no room waits, as
/// long as its time lasts.
pub async fn read_bounded(mut body: Body, bounds: BodyBounds) -> Result<Bytes, BodyProblem> {
    let declared_bytes = body.size_hint().exact();
    if let Some(declared_bytes) = declared_bytes.filter(|length| *length > bounds.bytes_max) {
        // What cannot be drained is not begun: a client that waits for "100 Continue" then sends nothing at all.
        if declared_bytes <= bounds.bytes_max.saturating_add(bounds.drain_bytes_max) {
            drain(&mut body, bounds, 0).await;
        }
        return Err(BodyProblem::TooLarge {
            limit_bytes: bounds.bytes_max,
            passed_bytes: declared_bytes,
        });
    }

    let deadline = Instant::now() + bounds.read_time_max;
    let mut taken = Taken::default();
    let mut passed_bytes = 0;
    loop {
        match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(BodyProblem::TooSlow),
            Ok(None) => return Ok(taken.into_bytes()),
            Ok(Some(Err(_))) => return Err(BodyProblem::Broken),
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue }; // trailers
                passed_bytes += data.len() as u64;
                if passed_bytes > bounds.bytes_max {
                    drop(taken);
                    let passed_bytes = drain(&mut body, bounds, passed_bytes).await;
                    return Err(BodyProblem::TooLarge {
                        limit_bytes: bounds.bytes_max,
                        passed_bytes,
                    });
                }
                if timeout_at(deadline, taken.push(data)).await.is_err() {
                    return Err(BodyProblem::TooSlow);
                }
            }
        }
    }
}

/// Takes and forgets what still comes, within the bounds. Answers how many bytes the body has shown in all.
async fn drain(body: &mut Body, bounds: BodyBounds, already_passed_bytes: u64) -> u64 {
    let deadline = Instant::now() + bounds.drain_time_max;
    let stop_at = bounds.bytes_max.saturating_add(bounds.drain_bytes_max);
    let mut passed_bytes = already_passed_bytes;
    while passed_bytes <= stop_at {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                passed_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Ok(None | Some(Err(_))) | Err(_) => break,
        }
    }
    passed_bytes
}

/// The pieces of a body so far. A body of one piece, the usual case, is never copied.
#[derive(Default)]
struct Taken {
    first: Bytes,
    joined: BytesMut,
    room: Room,
}

impl Taken {
    async fn push(&mut self, piece: Bytes) {
        self.room.reserve(self.first.len().max(self.joined.len()) + piece.len()).await;
        if self.first.is_empty() && self.joined.is_empty() {
            self.first = piece;
            return;
        }
        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first);
        }
        self.joined.extend_from_slice(&piece);
    }

    fn into_bytes(self) -> Bytes {
        self.room.hold(if self.joined.is_empty() { self.first } else { self.joined.freeze() })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::{StreamExt as _, stream};

    use super::*;

    const LIMIT_BYTES: u64 = 1000;

    fn bounds() -> BodyBounds {
        BodyBounds {
            bytes_max: LIMIT_BYTES,
            read_time_max: Duration::from_secs(5),
            drain_bytes_max: 5000,
            drain_time_max: Duration::from_secs(1),
        }
    }

    /// A body without a declared length: `pieces` times 100 bytes; counts how many pieces were taken.
    fn pieces(pieces: u64) -> (Body, Arc<AtomicU64>) {
        let taken = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&taken);
        let stream = stream::iter(0..pieces).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 100]))
        });
        (Body::from_stream(stream), taken)
    }

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_read_in_one_or_many_pieces() {
        let whole = read_bounded(Body::from(vec![b'x'; 1000]), bounds()).await;
        assert_eq!(whole.unwrap().len(), 1000);
        let joined = read_bounded(pieces(10).0, bounds()).await;
        assert_eq!(joined.unwrap(), vec![b'x'; 1000]);
        assert_eq!(read_bounded(Body::empty(), bounds()).await, Ok(Bytes::new()));
    }

    #[tokio::test]
    async fn an_over_long_body_is_drained_to_its_end_and_named_with_its_length() {
        let (body, taken) = pieces(30);
        let problem = read_bounded(body, bounds()).await;
        assert_eq!(
            problem,
            Err(BodyProblem::TooLarge { limit_bytes: LIMIT_BYTES, passed_bytes: 3000 })
        );
        assert_eq!(taken.load(Ordering::Relaxed), 30);

        let problem = read_bounded(Body::from(vec![0; 1001]), bounds()).await;
        assert_eq!(
            problem,
            Err(BodyProblem::TooLarge { limit_bytes: LIMIT_BYTES, passed_bytes: 1001 })
        );
    }

    #[tokio::test]
    async fn an_endless_body_costs_bounded_work() {
        let (body, taken) = pieces(u64::MAX);
        let problem = read_bounded(body, bounds()).await;
        assert_eq!(
            problem,
            Err(BodyProblem::TooLarge { limit_bytes: LIMIT_BYTES, passed_bytes: 6100 })
        );
        assert_eq!(taken.load(Ordering::Relaxed), 61);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_sending_is_given_up() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(read_bounded(silent, bounds()).await, Err(BodyProblem::TooSlow));

        let long_then_silent = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![0; 2000]))])
            .chain(stream::pending());
        let problem = read_bounded(Body::from_stream(long_then_silent), bounds()).await;
        assert_eq!(
            problem,
            Err(BodyProblem::TooLarge { limit_bytes: LIMIT_BYTES, passed_bytes: 2000 })
        );
    }

    #[tokio::test]
    async fn a_broken_transfer_is_told_apart() {
        let broken =
            stream::iter([Ok(Bytes::from_static(b"abc")), Err(std::io::Error::other("reset"))]);
        assert_eq!(
            read_bounded(Body::from_stream(broken), bounds()).await,
            Err(BodyProblem::Broken)
        );
    }
}
