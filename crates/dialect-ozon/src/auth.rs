//! Who asks: `Client-Id` and `Api-Key`, the key's role, the rate limit. The order of the checks is the contract's
//! (Ozon contract §11.3).

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::SignedDuration;
use domain::chat::ActingAs;
use domain::id::AccountId;
use engine::EngineError;
use engine::access::{Caller, KeyCheck, ValidKey};
use engine::limits::{Quota, Taken};
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_kit::client_address::ClientAddress;

use crate::error::Error;
use crate::standing::Standing;
use crate::{AUDIENCE, Face};

const CLIENT_ID: HeaderName = HeaderName::from_static("client-id");
const API_KEY: HeaderName = HeaderName::from_static("api-key");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");

/// The seller behind a request that was let in.
#[derive(Clone, Debug)]
pub(crate) struct Seller {
    pub(crate) caller: Caller,
    pub(crate) standing: Standing,
}

/// What a key must be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRole {
    Reads,
    Writes,
}

/// Where some of the routes are entered.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) face: Face,
    pub(crate) role: KeyRole,
}

/// A middleware that lets sellers in. Once the seller is known, every answer says what is left of the rate limit.
pub(crate) async fn admit(
    State(door): State<Door>,
    ClientAddress(address): ClientAddress,
    mut request: Request,
    next: Next,
) -> Response {
    let engine = &door.face.engine;
    let key = match Credentials::of(request.headers()) {
        Ok(Credentials { client_id: Some(account), api_key }) => {
            engine.check_key_of(account, AUDIENCE, &api_key, Some(address)).await
        }
        // No account has a number like this, so no key belongs to it.
        Ok(Credentials { client_id: None, .. }) => Ok(KeyCheck::Unknown),
        Err(error) => return error.into_response(),
    };
    let key = match key.map_err(key_failed).and_then(valid) {
        Ok(key) => key,
        Err(error) => return error.into_response(),
    };
    let Some(caller) = key.caller(ActingAs::Seller) else {
        return Error::wrong_key().into_response();
    };

    let quota = Quota {
        units: door.face.settings.requests_per_second,
        window: SignedDuration::from_secs(1),
    };
    let now = engine.now();
    let subject = caller.account().to_string();
    let taken = match engine.limits().take(AUDIENCE, &subject, quota, now).await {
        Ok(taken) => taken,
        Err(error) => return Error::from(error).into_response(),
    };
    let standing = Standing::of(key.account.as_ref());
    let mut response = match may_enter(&key, door.role, standing, taken) {
        Ok(()) => {
            request.extensions_mut().insert(Seller { caller, standing });
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    if quota.units != 0 {
        describe(taken, taken.retry_after_seconds(now), response.headers_mut());
    }
    response
}

/// The key's role and the seller's offer come before the rate (Ozon contract §11.3).
fn may_enter(key: &ValidKey, role: KeyRole, standing: Standing, taken: Taken) -> Result<(), Error> {
    let has_role = match role {
        KeyRole::Reads => key.key.can_read,
        KeyRole::Writes => key.key.can_write,
    };
    // The lists of this wire span all shops of a seller, so a key that is bound to some of them has no role here.
    if !has_role || key.key.shops.is_some() {
        return Err(Error::role_missing());
    }
    standing.require_offer()?;
    if taken.allowed { Ok(()) } else { Err(Error::too_many_requests()) }
}

fn valid(check: KeyCheck) -> Result<Box<ValidKey>, Error> {
    match check {
        KeyCheck::Unknown => Err(Error::wrong_key()),
        KeyCheck::Revoked | KeyCheck::Expired | KeyCheck::AccountInactive(_) => {
            Err(Error::key_deactivated())
        }
        KeyCheck::AddressNotAllowed => Err(Error::address_not_allowed()),
        KeyCheck::Valid(key) => Ok(key),
    }
}

/// A key whose account is not known is no key.
fn key_failed(error: EngineError) -> Error {
    match error {
        EngineError::NotFound(_) => Error::wrong_key(),
        EngineError::Refused(_)
        | EngineError::Overloaded
        | EngineError::Unavailable
        | EngineError::OutcomeUnknown
        | EngineError::Internal => error.into(),
    }
}

/// The headers of Ozon contract §4.
fn describe(taken: Taken, retry_after_seconds: i64, headers: &mut HeaderMap) {
    headers.insert(RATE_LIMIT, HeaderValue::from(taken.limit));
    headers.insert(RATE_REMAINING, HeaderValue::from(taken.remaining));
    if !taken.allowed {
        headers.insert(RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    }
}

/// What the client says of itself. `Authorization` has no meaning here: clients add a meaningless one beside the key
/// (Ozon contract §2).
struct Credentials {
    /// None for a number that is larger than any account's.
    client_id: Option<AccountId>,
    api_key: String,
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let (Some(client_id), Some(api_key)) =
            (given(headers, &CLIENT_ID), given(headers, &API_KEY))
        else {
            return Err(Error::credentials_missing());
        };
        let is_positive = client_id.bytes().all(|byte| byte.is_ascii_digit())
            && client_id.bytes().any(|byte| byte != b'0');
        if !is_positive {
            return Err(Error::client_id_malformed());
        }
        Ok(Self { client_id: client_id.parse().ok().and_then(AccountId::new), api_key })
    }
}

/// A header that is there and not empty. What is not UTF-8 is kept unusable: no key and no number looks like it.
fn given(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.as_bytes();
    (!value.is_empty()).then(|| String::from_utf8_lossy(value).into_owned())
}

impl<S: Sync> FromRequestParts<S> for Seller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        parts.extensions.get().cloned().ok_or_else(Error::internal)
    }
}
