//! What stands before every method: credentials, scope, cabinet, limits, in this order (contract §9 row 38), and the
//! headers that tell how much is left (contract §4.4).

use axum::extract::{FromRequestParts as _, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::id::AccountId;
use engine::EngineError;
use engine::limits::Taken;
use http_kit::client_address::ClientAddress;

use crate::Face;
use crate::auth::{Cabinet, Identity, identify};
use crate::error::Error;
use crate::method::{Method, Need};
use crate::request::{id_of_text, path_id};
use crate::times::http_date;

/// What a cabinet may have in work at the same time has one counter for all methods.
const PARALLEL: &str = "yandex-market parallel";

/// Lets a request for `method` pass, or refuses it.
pub(crate) async fn admit(face: Face, method: Method, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let key_only = method.takes_api_key_only();
    let identity = match identity(&face, &mut parts, key_only).await {
        Ok(identity) => identity,
        Err(refusal) => return refusal.into_response(),
    };
    let account = identity.account();
    let cabinet = identity.allowed(method.need());
    if method.names_cabinet()
        && let Err(refusal) = require_own_path(&mut parts, account).await
    {
        return cabinet.err().unwrap_or(refusal).into_response();
    }

    // From here on the cabinet is known, and everything but a fault of the server is charged to it.
    let subject = account.to_string();
    let limits = face.engine.limits();
    let quota = method.quota(&face.settings.requests_per_hour);
    let take = async || limits.take(method.counter(), &subject, quota, face.engine.now()).await;
    let cabinet = match cabinet {
        Ok(cabinet) => cabinet,
        Err(refusal) => return with_count(refusal.into_response(), take().await),
    };
    let Some(_pass) = limits.enter(PARALLEL, &subject, face.settings.parallel_requests) else {
        let limit = format!("{} parallel requests", face.settings.parallel_requests);
        let left = limits.look(method.counter(), &subject, quota, face.engine.now()).await;
        return with_count(Error::limit_hit(&limit, account).into_response(), left);
    };
    let taken = match take().await {
        Ok(taken) => taken,
        Err(error) => return Error::from(error).into_response(),
    };
    if !taken.allowed {
        let limit =
            format!("{} requests per 1 hour for resource {}", quota.units, method.resource());
        return with_headers(Error::limit_hit(&limit, account).into_response(), taken);
    }

    let answer = match require_own_header(&parts.headers, account) {
        Ok(()) => {
            parts.extensions.insert(cabinet);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refusal) => refusal.into_response(),
    };
    let taken = if answer.status().is_server_error() {
        limits.give_back(method.counter(), &subject, quota, taken)
    } else {
        taken
    };
    with_headers(answer, taken)
}

/// Lets a request without a method's limits pass: the download of a file by somebody who has a credential.
pub(crate) async fn admit_download(face: &Face, parts: &mut Parts) -> Result<Cabinet, Error> {
    let identity = identity(face, parts, false).await?;
    let account = identity.account();
    let cabinet = identity.allowed(Need::Read)?;
    require_own_path(parts, account).await?;
    Ok(cabinet)
}

async fn identity(face: &Face, parts: &mut Parts, key_only: bool) -> Result<Identity, Error> {
    let Ok(address) = ClientAddress::from_request_parts(parts, &()).await;
    identify(&face.engine, &parts.headers, address, key_only).await
}

/// A foreign cabinet and one that does not exist look the same (contract §9 row 8).
async fn require_own_path(parts: &mut Parts, own: AccountId) -> Result<(), Error> {
    let named = path_id(parts, "businessId").await?;
    if named == own.get() { Ok(()) } else { Err(Error::access_denied()) }
}

/// `X-Business-Id` may be absent, and must not contradict (contract §2.1).
fn require_own_header(headers: &HeaderMap, own: AccountId) -> Result<(), Error> {
    const NAME: &str = "X-Business-Id";
    let Some(value) = headers.get(NAME) else { return Ok(()) };
    let named = id_of_text(NAME, &String::from_utf8_lossy(value.as_bytes()))?;
    if named == own.get() {
        Ok(())
    } else {
        Err(Error::bad_request(format!(
            "{NAME} must be equal to businessId (rejected value: {named})"
        )))
    }
}

/// An answer that leaves only if the request could be counted.
fn with_count(answer: Response, counted: Result<Taken, EngineError>) -> Response {
    match counted {
        Ok(taken) => with_headers(answer, taken),
        Err(error) => Error::from(error).into_response(),
    }
}

fn with_headers(mut answer: Response, taken: Taken) -> Response {
    if taken.limit == u32::MAX {
        return answer; // There is no limit to tell of.
    }
    let headers = answer.headers_mut();
    headers.insert("x-ratelimit-resource-limit", taken.limit.into());
    headers.insert("x-ratelimit-resource-remaining", taken.remaining.into());
    let until = http_date(taken.until).and_then(|date| HeaderValue::try_from(date).ok());
    if let Some(until) = until {
        headers.insert("x-ratelimit-resource-until", until);
    }
    answer
}
