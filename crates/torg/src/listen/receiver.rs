//! The receiver itself.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use engine::clock::Clock;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use webhooks::Receive;

/// No push is as large as this.
const PUSH_BYTES_MAX: usize = 4 << 20;

/// Prints pushes and answers them as their format asks.
pub(super) struct Receiver {
    /// How the format answers.
    pub(super) receive: Receive,
    /// Tells the time of answers.
    pub(super) clock: Arc<dyn Clock>,
    /// Whether a push is printed as one line, for scripts.
    pub(super) one_line: bool,
    /// Shows a text to the person at the terminal.
    pub(super) print: Box<dyn Fn(&str) + Send + Sync>,
}

impl Receiver {
    /// Receives on every path, until `stop` is cancelled.
    pub(super) async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let routes = Router::new()
            .fallback(take)
            .layer(DefaultBodyLimit::max(PUSH_BYTES_MAX))
            .with_state(Arc::new(self));
        let serving = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
        if let Err(error) = serving.await {
            tracing::error!(%error, "the receiver ended early");
        }
    }
}

async fn take(State(receiver): State<Arc<Receiver>>, body: Bytes) -> Response {
    let now = receiver.clock.now();
    (receiver.print)(&shown(&body, receiver.one_line));
    let answer = (receiver.receive)(&body, now);
    let mut response = (answer.status, answer.body).into_response();
    if let Some(content_type) =
        answer.content_type.and_then(|text| HeaderValue::from_str(&text).ok())
    {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

/// A push, as a person or a script reads it. What is no JSON is shown as it came.
fn shown(body: &[u8], one_line: bool) -> String {
    let pretty = |value: Value| {
        if one_line { Ok(value.to_string()) } else { serde_json::to_string_pretty(&value) }
    };
    serde_json::from_slice(body)
        .and_then(pretty)
        .unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned())
}
