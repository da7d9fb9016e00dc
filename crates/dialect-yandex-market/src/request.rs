//! Parameters and bodies of requests, within bounds.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use http_kit::body::{BodyBounds, read_bounded};
use http_kit::json::{self, Field, Fields};
use http_kit::query::{Query, Repeated};
use serde_json::Value;

use crate::error::Error;

/// The longest JSON body, in bytes: 512 KB (contract §1).
const JSON_BYTES_MAX: u64 = 512 << 10;

/// The query string. Parameters that nobody asks for are ignored.
#[derive(Clone, Debug)]
pub(crate) struct Parameters(pub(crate) Query);

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(Query::parse(parts.uri.query(), Repeated::First)))
    }
}

impl Parameters {
    /// The chat's number, which is always in the query (contract §7).
    pub(crate) fn chat_id(&self) -> Result<i64, Error> {
        self.id("chatId")
    }

    /// The number `name`, at least 1.
    pub(crate) fn id(&self, name: &str) -> Result<i64, Error> {
        at_least_one(name, self.0.required_i64(name)?)
    }
}

/// The number that the path has in the place of `name`, at least 1.
pub(crate) async fn path_id(parts: &mut Parts, name: &str) -> Result<i64, Error> {
    let Ok(params) = RawPathParams::from_request_parts(parts, &()).await else {
        // What is not UTF-8 is no number, and cannot be repeated.
        return Err(Error::type_mismatch("\u{fffd}"));
    };
    let value = params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    id_of_text(name, value)
}

/// The number `text` of `name`, at least 1: decimal digits, as in the query.
pub(crate) fn id_of_text(name: &str, text: &str) -> Result<i64, Error> {
    // The parser would take a plus sign.
    let value = if text.starts_with('+') { None } else { text.parse().ok() };
    at_least_one(name, value.ok_or_else(|| Error::type_mismatch(text))?)
}

/// `value` of `name`, unless it is below 1, as no id is.
pub(crate) fn at_least_one(name: &str, value: i64) -> Result<i64, Error> {
    if value < 1 { Err(Error::too_small(name, 1, value)) } else { Ok(value) }
}

/// The JSON body of a request. Without a `Content-Type` it may be JSON all the same (contract §9 row 42).
pub(crate) async fn json_body(request: Request) -> Result<Value, Error> {
    require_json(request.headers())?;
    let bytes = read_bounded(request.into_body(), BodyBounds::of(JSON_BYTES_MAX)).await?;
    Ok(json::parse(&bytes)?)
}

/// The id that stands at `field` of a body, at least 1.
pub(crate) fn required_id(field: &Field<'_>) -> Result<i64, Error> {
    let value = field.required_i64()?;
    if value < 1 { Err(Error::too_small(&field.path(), 1, value)) } else { Ok(value) }
}

/// The members of `body`.
pub(crate) fn members(body: &Value) -> Result<Fields<'_>, Error> {
    if body.is_null() {
        return Err(Error::bad_request("Required request body is missing"));
    }
    Ok(Fields::of_body(body)?)
}

fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let content_type = String::from_utf8_lossy(content_type.as_bytes());
    if json::is_json(&content_type) {
        Ok(())
    } else {
        Err(Error::wrong_content_type(&content_type))
    }
}
