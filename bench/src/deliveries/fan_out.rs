//! The least that a server of this stack can do to have what somebody sends written to many streams: a channel in memory
//! for each account. It knows nobody, stores nothing and decides nothing.
//!
//! Its requests and answers look like those of Torg's own API, so that the clients are the same. What is sent is the event
//! itself, as it is written to the streams.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::sync::broadcast;

use crate::child::run_plain;

/// The argument by which this program is that server.
pub(crate) const PLAIN_FAN_OUT: &str = "plain-fan-out";
/// So many events wait for a stream before it loses some. Whoever sends waits for all streams, so that this is plenty.
const WAITING_MAX: usize = 64;
/// What a stream is told first.
const READY: &str = "event: stream.ready\ndata: {}\n\n";

/// The channels, by the key of the account.
#[derive(Clone, Default)]
struct Channels(Arc<Mutex<HashMap<String, broadcast::Sender<Bytes>>>>);

impl Channels {
    fn channel(&self, key: &str) -> broadcast::Sender<Bytes> {
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = channels.entry(key.to_owned());
        channel.or_insert_with(|| broadcast::Sender::new(WAITING_MAX)).clone()
    }
}

/// The request by which `event` is written to the streams of the account with this key.
pub(crate) fn publish(key: &str, event: &[u8]) -> Vec<u8> {
    let length = event.len();
    let head = format!(
        "POST /api/v1/chats/{key}/messages HTTP/1.1\r\nHost: bench\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), event].concat()
}

/// Runs as that server until standard input ends.
pub(crate) async fn run() -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/api/v1/events/stream", get(follow))
        .route("/api/v1/chats/{key}/messages", post(send))
        .with_state(Channels::default());
    run_plain(routes).await
}

async fn send(
    State(channels): State<Channels>,
    Path(key): Path<String>,
    event: Bytes,
) -> (StatusCode, &'static str) {
    // Without streams there is nobody to tell.
    let _ = channels.channel(&key).send(event);
    (StatusCode::CREATED, "{}")
}

async fn follow(State(channels): State<Channels>, headers: HeaderMap) -> Response {
    let credential = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = credential.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let following = (Some(Bytes::from_static(READY.as_bytes())), channels.channel(key).subscribe());
    let chunks = futures_util::stream::unfold(following, async |(first, mut events)| {
        let chunk = match first {
            Some(first) => first,
            None => events.recv().await.ok()?,
        };
        Some((Ok::<_, Infallible>(chunk), (None, events)))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}
