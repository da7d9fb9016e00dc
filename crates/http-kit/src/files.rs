//! The address behind signed links to files.

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::id::{AccountId, AttachmentId};
use engine::files::StoredFile;
use engine::links::LinkClaims;
use engine::{Engine, EngineError};
use http::{HeaderValue, StatusCode, header};

use crate::file_response;
use crate::panic::answer_panics;
use crate::query::{Query, Repeated};

/// `GET /files/{id}?account=…&expires=…&signature=…`: what [`Engine::link`] points to. It needs no key, since the
/// address is one. Any other address, an expired one too, is a plain 404.
pub fn router(engine: &Engine) -> Router {
    let routes = Router::new()
        .route("/files/{id}", get(by_link))
        .fallback(async || not_found())
        .with_state(engine.clone());
    answer_panics(routes, internal)
}

/// Whether `path` is that of a signed link.
pub fn owns(path: &str) -> bool {
    path.starts_with("/files/")
}

async fn by_link(
    State(engine): State<Engine>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::parse(query.as_deref(), Repeated::First);
    let link = id.ok().and_then(|Path(id)| read_link(&id, &query));
    let Some((id, claims)) = link else { return not_found() };
    match engine.file_by_link(id, &claims).await {
        Ok(StoredFile { attachment, bytes }) => {
            let mut answer =
                file_response(&attachment.file.name, &attachment.file.media_type, bytes);
            // The address is a credential, and is not told to other sites.
            let headers = answer.headers_mut();
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            answer
        }
        Err(EngineError::NotFound(_) | EngineError::Refused(_)) => not_found(),
        Err(EngineError::Overloaded | EngineError::Unavailable) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], "try again later\n")
                .into_response()
        }
        Err(EngineError::OutcomeUnknown | EngineError::Internal) => internal(),
    }
}

fn read_link(id: &str, query: &Query) -> Option<(AttachmentId, LinkClaims)> {
    let claims = LinkClaims {
        account: AccountId::new(query.required_i64("account").ok()?)?,
        expires: query.required_i64("expires").ok()?,
        signature: query.required_text("signature").ok()?.to_owned(),
    };
    Some((AttachmentId::new(id.parse().ok()?)?, claims))
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found\n").into_response()
}

fn internal() -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_whole_or_none() {
        let read = |id: &str, query: &str| {
            read_link(id, &Query::parse(Some(query), Repeated::First)).is_some()
        };
        assert!(read("7", "account=1&expires=2&signature=ab"));
        for (id, query) in [
            ("0", "account=1&expires=2&signature=ab"),
            ("x", "account=1&expires=2&signature=ab"),
            ("7", "account=0&expires=2&signature=ab"),
            ("7", "account=1&expires=x&signature=ab"),
            ("7", "account=1&expires=2"),
        ] {
            assert!(!read(id, query), "{id}?{query}");
        }
    }
}
