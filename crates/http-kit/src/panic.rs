//! A panic in a handler becomes an answer of the face, and a log line; the connection and its neighbours live on.

use std::any::Any;

use axum::Router;
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;

/// Wraps `routes` so that a panic is answered by `answer`, the face's words for "internal error".
///
/// The panic's text goes to the log only: it can hold anything.
pub fn answer_panics<S>(routes: Router<S>, answer: fn() -> Response) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    routes.layer(CatchPanicLayer::custom(move |panic: Box<dyn Any + Send>| {
        let message = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("(no text)");
        tracing::error!(panic = message, "a handler panicked");
        answer()
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::response::IntoResponse as _;
    use axum::routing::get;
    use http::{Request, StatusCode};
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn the_face_words_its_own_answer() {
        async fn broken() -> &'static str {
            panic!("secret")
        }
        let routes = Router::new().route("/", get(broken));
        let routes = answer_panics(routes, || {
            (StatusCode::INTERNAL_SERVER_ERROR, r#"{"code":13}"#).into_response()
        });
        let answer = routes.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(to_bytes(answer.into_body(), 100).await.unwrap(), r#"{"code":13}"#);
    }
}
