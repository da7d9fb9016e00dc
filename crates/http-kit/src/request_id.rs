//! Request ids and the log line of a request.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument as _;

/// The header that carries a request's id, in both directions.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// The id of a request: the client's own, if it sent a usable one, else one made here. An extension of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

/// Gives each request to `routes` an id, which is repeated on the answer, and a span and a log line of the face called
/// `face`.
///
/// The span holds the template of the route, never the URI: links and queries can carry credentials.
pub fn identify_requests<S>(routes: Router<S>, face: &'static str) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    routes.layer(from_fn(move |request: Request, next: Next| identify(face, request, next)))
}

async fn identify(face: &'static str, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str);
    let span = tracing::info_span!("request", face, method = %request.method(), route, request_id = id.as_str());
    request.extensions_mut().insert(id.clone());

    let began_at = Instant::now();
    let mut answer = next.run(request).instrument(span.clone()).await;
    let elapsed_ms = u64::try_from(began_at.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        tracing::debug!(status = answer.status().as_u16(), elapsed_ms, "answered a request");
    });

    answer.headers_mut().insert(X_REQUEST_ID, id.0);
    answer
}

impl RequestId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    fn of(headers: &HeaderMap) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(given) if is_usable(given) => Self(given.clone()),
            Some(_) | None => Self::new(),
        }
    }

    /// An id that no other request of this process has, and hardly one of another process.
    fn new() -> Self {
        static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("process"));
        static REQUESTS: AtomicU64 = AtomicU64::new(1);
        let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
        let text = format!("{:016x}-{number}", *PROCESS);
        Self(HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("unknown")))
    }
}

/// Printable ASCII without spaces: an id must not be able to forge a log line.
fn is_usable(given: &HeaderValue) -> bool {
    let bytes = given.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= REQUEST_ID_BYTES_MAX
        && bytes.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use axum::Extension;
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    /// Sends a request with the id `given` and answers what the handler saw and what the answer carries.
    async fn ids(given: Option<&[u8]>) -> (String, String) {
        async fn show(Extension(id): Extension<RequestId>) -> String {
            id.as_str().to_owned()
        }
        let routes = identify_requests(Router::new().route("/", get(show)), "test");
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        if let Some(given) = given {
            request.headers_mut().insert(X_REQUEST_ID, HeaderValue::from_bytes(given).unwrap());
        }
        let answer = routes.oneshot(request).await.unwrap();
        let carried = answer.headers()[X_REQUEST_ID].to_str().unwrap().to_owned();
        let seen = to_bytes(answer.into_body(), 1000).await.unwrap();
        (String::from_utf8(seen.to_vec()).unwrap(), carried)
    }

    #[tokio::test]
    async fn a_usable_id_is_kept() {
        assert_eq!(ids(Some(b"req-7/a:b")).await, ("req-7/a:b".into(), "req-7/a:b".into()));
    }

    #[tokio::test]
    async fn a_missing_or_unusable_id_is_made() {
        let (seen, carried) = ids(None).await;
        assert_eq!(seen, carried);
        assert_ne!(ids(None).await.0, seen);
        for unusable in [&b""[..], b"two words", "имя".as_bytes(), &[b'x'; 129]] {
            let (seen, carried) = ids(Some(unusable)).await;
            assert_eq!(seen, carried);
            assert_ne!(seen.as_bytes(), unusable);
        }
    }

    #[tokio::test]
    async fn an_answer_to_an_unknown_path_has_an_id_too() {
        let routes = identify_requests(Router::new(), "test");
        let answer =
            routes.oneshot(Request::get("/nothing").body(Body::empty()).unwrap()).await.unwrap();
        assert!(answer.headers().contains_key(X_REQUEST_ID));
    }
}
