//! The gate through which every request comes: whose key it has, and whether there is quota left.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::account::Account;
use domain::chat::ActingAs;
use engine::access::{Caller, Host, KeyCheck, ValidKey};
use engine::limits::Taken;
use engine::store::ApiKey;
use engine::{Engine, EngineError};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_kit::client_address::ClientAddress;
use http_kit::is_at_or_below;

use crate::auth::require_read;
use crate::problem::Problem;
use crate::{AUDIENCE, Api, HOST_AUDIENCE};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The longest key that is looked at, in bytes.
const KEY_BYTES_MAX: usize = 512;

/// Who asks, as far as the key tells. An extension of every request behind the gate.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// An account.
    Account(Box<AccountIdentity>),
    /// The marketplace's backend.
    Host { host: Host, key: Box<ApiKey> },
    /// Nobody who may do anything; the problem says why.
    Refused(Box<Problem>),
}

/// An account whose key was checked.
#[derive(Clone, Debug)]
pub(crate) struct AccountIdentity {
    pub(crate) caller: Caller,
    pub(crate) account: Account,
    pub(crate) key: ApiKey,
}

/// Looks at the key, counts the request, and tells on every answer what is left of the quota. Requests without a key
/// that works are counted by the address from which they come.
pub(crate) async fn admit(
    State(api): State<Api>,
    ClientAddress(address): ClientAddress,
    mut request: Request,
    next: Next,
) -> Response {
    let audience =
        if is_at_or_below(request.uri().path(), "/api/v1/host") { HOST_AUDIENCE } else { AUDIENCE };
    let identity = match bearer(request.headers()) {
        None => Identity::Refused(Box::new(no_key())),
        Some(secret) => match api.engine.check_key(audience, secret, Some(address)).await {
            Ok(check) => identity(check, &api.engine, audience, secret).await,
            // The account of the key is not known.
            Err(EngineError::NotFound(_)) => Identity::Refused(Box::new(unknown_key())),
            Err(error) => Identity::Refused(Box::new(error.into())),
        },
    };

    let (what, subject) = match &identity {
        Identity::Account(account) => ("native", account.key.id.to_string()),
        Identity::Host { key, .. } => ("native", key.id.to_string()),
        Identity::Refused(_) => ("native, without a key", address.to_string()),
    };
    let now = api.engine.now();
    let taken = match api.engine.limits().take(what, &subject, api.settings.quota, now).await {
        Ok(taken) => taken,
        Err(error) => return Problem::from(error).into_response(),
    };
    let reset_seconds = taken.retry_after_seconds(now);

    let mut response = if taken.allowed {
        request.extensions_mut().insert(identity);
        next.run(request).await
    } else {
        too_many_requests(taken, reset_seconds).into_response()
    };
    if api.settings.quota.units != 0 {
        let headers = response.headers_mut();
        headers.insert(RATE_LIMIT, HeaderValue::from(taken.limit));
        headers.insert(RATE_REMAINING, HeaderValue::from(taken.remaining));
        headers.insert(RATE_RESET, HeaderValue::from(reset_seconds));
    }
    response
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    let secret = secret.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !secret.is_empty() && secret.len() <= KEY_BYTES_MAX)
        .then_some(secret)
}

/// Whether the key with this hash still lets its account read, for streams; the problem says why not. When that cannot
/// be found out, the next look will tell: a database that hiccups must not send everybody away at once.
pub(crate) async fn check_reader_again(
    engine: &Engine,
    secret_hash: &[u8; 32],
    address: IpAddr,
) -> Result<(), Problem> {
    let check = match engine.check_key_again(AUDIENCE, secret_hash, Some(address)).await {
        Ok(check) => check,
        Err(EngineError::NotFound(_)) => KeyCheck::Unknown,
        Err(_logged_where_it_happened) => return Ok(()),
    };
    let key = of_check(check)?.key;
    require_read(&key)
}

async fn identity(check: KeyCheck, engine: &Engine, audience: &str, secret: &str) -> Identity {
    let valid = if check == KeyCheck::Unknown {
        Err(of_other_kind(engine, audience, secret).await)
    } else {
        of_check(check)
    };
    match valid.and_then(|valid| of_valid_key(*valid, audience)) {
        Ok(identity) => identity,
        Err(problem) => Identity::Refused(Box::new(problem)),
    }
}

fn of_check(check: KeyCheck) -> Result<Box<ValidKey>, Problem> {
    Err(match check {
        KeyCheck::Valid(valid) => return Ok(valid),
        KeyCheck::Unknown => unknown_key(),
        KeyCheck::Revoked => Problem::new(
            StatusCode::UNAUTHORIZED,
            "key-revoked",
            "The key was revoked",
            "Ask whoever runs the marketplace for another one.",
        ),
        KeyCheck::AccountInactive(_) => Problem::new(
            StatusCode::FORBIDDEN,
            "account-inactive",
            "The account is not active",
            "The marketplace has put it out of use; ask there.",
        ),
        KeyCheck::Expired => Problem::new(
            StatusCode::UNAUTHORIZED,
            "key-expired",
            "The key has expired",
            "Ask whoever runs the marketplace for another one.",
        ),
        KeyCheck::AddressNotAllowed => Problem::new(
            StatusCode::FORBIDDEN,
            "address-not-allowed",
            "The key may not be used from this address",
            "The key is bound to other network addresses.",
        ),
    })
}

fn of_valid_key(valid: ValidKey, audience: &str) -> Result<Identity, Problem> {
    if audience == HOST_AUDIENCE {
        let host = valid.host().ok_or_else(unknown_key)?;
        return Ok(Identity::Host { host, key: Box::new(valid.key) });
    }
    let caller = valid.caller(ActingAs::EitherSide).ok_or_else(unknown_key)?;
    let account = valid.account.ok_or_else(unknown_key)?;
    // Lists, totals and logs of this API hold all chats of an account.
    if valid.key.shops.is_some() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "key-bound-to-shops",
            "The key is bound to shops",
            "This API serves keys that reach every chat of their account; use one without shops.",
        ));
    }
    Ok(Identity::Account(Box::new(AccountIdentity { caller, account, key: valid.key })))
}

/// A key of the other half of this API is told so: the caller holds the secret, so nothing is given away.
async fn of_other_kind(engine: &Engine, audience: &str, secret: &str) -> Problem {
    let other = if audience == HOST_AUDIENCE { AUDIENCE } else { HOST_AUDIENCE };
    let other_check = engine.check_key(other, secret, None).await;
    if !matches!(other_check, Ok(KeyCheck::Valid(_))) {
        return unknown_key();
    }
    let detail = if other == HOST_AUDIENCE {
        "This is the key of the marketplace's backend. It works below /api/v1/host; here an account's own key is asked for."
    } else {
        "This is an account's key. Below /api/v1/host the key of the marketplace's backend is asked for."
    };
    Problem::new(
        StatusCode::FORBIDDEN,
        "wrong-kind-of-key",
        "The key belongs to the other half of this API",
        detail,
    )
}

fn no_key() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "key-missing",
        "A key is needed",
        "Send the header 'Authorization: Bearer <key>'.",
    )
}

fn unknown_key() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "key-unknown",
        "The key is not known",
        "Check the key. Keys of other interfaces, such as an Ozon Api-Key, do not work here.",
    )
}

fn too_many_requests(taken: Taken, reset_seconds: i64) -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-requests",
        "The quota is used up",
        format!(
            "{} requests are allowed in each window; the next one begins in {reset_seconds} s.",
            taken.limit
        ),
    )
    .with("limit", taken.limit)
    .retry_after(reset_seconds)
}
