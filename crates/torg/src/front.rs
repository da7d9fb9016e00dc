//! One listener, several faces: which request belongs to whom.
//!
//! The wire APIs of the marketplaces do not collide, and real clients can often change only the host. So every face
//! answers its own paths at the root; every path under its prefix, where unknown ones are refused in its own words too;
//! and everything on its host name, if it has one.

use std::str::FromStr as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http_kit::request_id::identify_requests;
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{StatusCode, Uri, header};
use tower::ServiceExt as _;

use crate::operations;

/// One wire API behind the listener.
#[derive(Clone)]
pub struct Face {
    /// Its name in logs.
    pub name: &'static str,
    /// Its routes, with a fallback in its own words.
    pub routes: Router,
    /// Whether a path at the root is its.
    pub owns: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    /// Where all of it can be found, `/ozon`; the prefix is taken off before `routes` see the path. None where the root
    /// is enough.
    pub prefix: Option<&'static str>,
    /// The host name on which it answers everything, lower case and without a port.
    pub host: Option<String>,
}

/// Puts `faces` behind one router, with what the operator's machinery asks ([`crate::operations`]).
///
/// Requests of the faces get an id and a span, see [`http_kit::request_id`]. A face's host name comes first, then the
/// prefixes, then the first face that owns the path. What is nobody's is a 404 with a problem document (RFC 9457).
pub fn front(faces: Vec<Face>, operations: Router) -> Router {
    let identified =
        |face: Face| Face { routes: identify_requests(face.routes, face.name), ..face };
    let front = Front { faces: faces.into_iter().map(identified).collect(), operations };
    Router::new().fallback(dispatch).with_state(Arc::new(front))
}

struct Front {
    faces: Vec<Face>,
    operations: Router,
}

async fn dispatch(State(front): State<Arc<Front>>, mut request: Request) -> Response {
    if let Some(face) = front.bound_to_host(&request) {
        return hand_over(face, request).await;
    }
    if operations::owns(request.uri().path()) {
        return answer(&front.operations, request).await;
    }
    for face in &front.faces {
        if let Some(uri) = face.prefix.and_then(|prefix| without_prefix(request.uri(), prefix)) {
            *request.uri_mut() = uri;
            return hand_over(face, request).await;
        }
    }
    match front.faces.iter().find(|face| (face.owns)(request.uri().path())) {
        Some(face) => hand_over(face, request).await,
        None => nobody_s_path(),
    }
}

impl Front {
    fn bound_to_host(&self, request: &Request) -> Option<&Face> {
        let host = host(request)?;
        self.faces.iter().find(|face| {
            face.host.as_deref().is_some_and(|bound| bound.eq_ignore_ascii_case(&host))
        })
    }
}

/// The host name that the client wants, without the port.
fn host(request: &Request) -> Option<String> {
    if let Some(host) = request.uri().host() {
        return Some(host.to_owned());
    }
    let authority = request.headers().get(header::HOST)?.to_str().ok()?;
    Some(Authority::from_str(authority).ok()?.host().to_owned())
}

/// `uri` as seen below `prefix`; `None` when it is not there. `/ozonetc` is not below `/ozon`.
fn without_prefix(uri: &Uri, prefix: &str) -> Option<Uri> {
    let below = uri.path().strip_prefix(prefix)?;
    if !below.is_empty() && !below.starts_with('/') {
        return None;
    }
    let path = if below.is_empty() { "/" } else { below };
    let path_and_query = match uri.query() {
        Some(query) => PathAndQuery::from_str(&format!("{path}?{query}")),
        None => PathAndQuery::from_str(path),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query.ok()?);
    Uri::from_parts(parts).ok()
}

async fn hand_over(face: &Face, request: Request) -> Response {
    answer(&face.routes, request).await
}

async fn answer(routes: &Router, request: Request) -> Response {
    match routes.clone().oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

fn nobody_s_path() -> Response {
    const PROBLEM: &str = r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"no API of this server has this path"}"#;
    (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "application/problem+json")], PROBLEM)
        .into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;

    use super::*;

    fn toy(
        name: &'static str,
        prefix: &'static str,
        owns: fn(&str) -> bool,
        host: Option<&str>,
    ) -> Face {
        let routes = Router::new()
            .route("/v1/{name}", get(async move |uri: Uri| format!("{name} {uri}")))
            .fallback(async move |uri: Uri| {
                (StatusCode::NOT_FOUND, format!("{name} does not know {}", uri.path()))
            });
        Face {
            name,
            routes,
            owns: Arc::new(owns),
            prefix: Some(prefix),
            host: host.map(str::to_owned),
        }
    }

    fn operations() -> Router {
        Router::new().fallback(async || "operations")
    }

    /// What a front with two faces says to a request for `uri`.
    async fn ask(host: &str, uri: &str) -> (u16, String) {
        let faces = vec![
            toy("first", "/first", |path| path == "/v1/one", Some("first.example")),
            toy("second", "/second", |path| path.starts_with("/v1/"), None),
        ];
        let request = Request::get(uri).header(header::HOST, host).body(Body::empty()).unwrap();
        let answer = front(faces, operations()).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), 1000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_path_at_the_root_goes_to_the_first_face_that_owns_it() {
        assert_eq!(ask("x", "/v1/one?a=1").await, (200, "first /v1/one?a=1".into()));
        assert_eq!(ask("x", "/v1/two").await, (200, "second /v1/two".into()));
    }

    #[tokio::test]
    async fn below_a_prefix_unknown_paths_are_answered_in_the_face_s_words() {
        assert_eq!(ask("x", "/second/v1/one?a=%20").await, (200, "second /v1/one?a=%20".into()));
        assert_eq!(ask("x", "/first/nothing").await, (404, "first does not know /nothing".into()));
        assert_eq!(ask("x", "/first").await, (404, "first does not know /".into()));
        assert_eq!(ask("x", "/first/healthz").await, (404, "first does not know /healthz".into()));
    }

    #[tokio::test]
    async fn a_bound_host_belongs_to_its_face_wholly() {
        assert_eq!(ask("first.example", "/v1/two").await, (200, "first /v1/two".into()));
        assert_eq!(
            ask("FIRST.example:8080", "/second/v1/one").await.1,
            "first does not know /second/v1/one"
        );
        assert_eq!(
            ask("x", "http://first.example/healthz").await.1,
            "first does not know /healthz"
        );
    }

    #[tokio::test]
    async fn every_answer_of_a_face_has_a_request_id() {
        for uri in ["/first/v1/one", "/first/nothing"] {
            let faces = vec![toy("first", "/first", |_| false, None)];
            let request =
                Request::get(uri).header("x-request-id", "r-1").body(Body::empty()).unwrap();
            let answer = front(faces, operations()).oneshot(request).await.unwrap();
            assert_eq!(answer.headers()["x-request-id"], "r-1");
        }
    }

    #[tokio::test]
    async fn what_is_nobody_s_is_a_problem_document() {
        let faces = vec![toy("first", "/first", |_| false, None)];
        for uri in ["/", "/firstly", "/v1/one"] {
            let request = Request::get(uri).body(Body::empty()).unwrap();
            let answer = front(faces.clone(), operations()).oneshot(request).await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND);
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
            let body = to_bytes(answer.into_body(), 1000).await.unwrap();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem["status"], 404);
        }
    }

    #[tokio::test]
    async fn the_operator_s_paths_are_no_face_s() {
        assert_eq!(ask("x", "/healthz").await, (200, "operations".into()));
        assert_eq!(ask("x", "/metrics?a=1").await, (200, "operations".into()));
    }
}
