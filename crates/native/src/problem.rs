//! What went wrong, as RFC 9457 problem details.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::response::{Response as ResponseDocument, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

/// A problem by RFC 9457. `type` is stable and made for programs; `title` and `detail` are made for people. Further
/// members hold the facts of the case, such as `limit` or `closed_at`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// A relative reference that names the kind of problem.
    #[serde(rename = "type", serialize_with = "reference")]
    #[schema(value_type = String, example = "/problems/window-closed")]
    slug: &'static str,
    /// What kind of problem it is.
    title: &'static str,
    /// The status of the answer.
    #[serde(serialize_with = "status_code")]
    #[schema(value_type = u16, example = 409)]
    status: StatusCode,
    /// What happened this time, and what to do.
    detail: String,
    /// What is wrong with the members of a body or the parameters of a query.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// The facts of the case.
    #[serde(flatten)]
    #[schema(ignore)]
    facts: Map<String, Value>,
    /// When the same request may succeed, in seconds.
    #[serde(skip)]
    retry_after_seconds: Option<u32>,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where it stands: `items[0].quantity`.
    pub(crate) path: String,
    /// What is wrong with it.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        slug: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            slug,
            title,
            status,
            detail: detail.into(),
            errors: Vec::new(),
            facts: Map::new(),
            retry_after_seconds: None,
        }
    }

    /// One member of a body, or one parameter, is not what was asked for.
    pub(crate) fn invalid(path: impl Into<String>, message: impl Into<String>) -> Self {
        let error = FieldError { path: path.into(), message: message.into() };
        let detail = if error.path.is_empty() {
            format!("The request {}", error.message)
        } else {
            format!("'{}': {}", error.path, error.message)
        };
        let problem = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "validation",
            "The request is not valid",
            detail,
        );
        Self { errors: vec![error], ..problem }
    }

    /// Adds a fact of the case.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.facts.insert(name.to_owned(), json!(value));
        self
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: i64) -> Self {
        self.retry_after_seconds = u32::try_from(seconds).ok();
        self
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the fault is the server's, so that the request may succeed later as it is.
    pub(crate) fn is_of_the_server(&self) -> bool {
        self.status.is_server_error()
    }

    pub(crate) fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    /// A path that nothing stands behind.
    pub(crate) fn no_such_path() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-path",
            "There is nothing at this path",
            "See /api/v1/openapi.json for what there is.",
        )
    }

    /// A path that does not know the method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The path does not know this method",
            "The header Allow names the methods that it knows.",
        )
    }

    /// A fault of the server.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "The server's log tells more under the x-request-id of this answer. Repeat a message only with the same Idempotency-Key.",
        )
    }
}

fn reference<S: serde::Serializer>(slug: &&str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("/problems/{slug}"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn status_code<S: serde::Serializer>(
    status: &StatusCode,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<ResponseDocument>> {
        let schema = Ref::from_schema_name(Problem::name());
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let response = ResponseBuilder::new()
            .description("A problem (RFC 9457)")
            .content("application/problem+json", content)
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}
