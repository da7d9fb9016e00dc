//! What a handler demands of its caller, as extractors: an account or the marketplace's backend, to read or to write.

use axum::extract::FromRequestParts;
use engine::access::{Caller, Host};
use engine::store::ApiKey;
use http::StatusCode;
use http::request::Parts;

use crate::gate::{AccountIdentity, Identity};
use crate::problem::Problem;

/// An account whose key may read chats.
#[derive(Clone, Debug)]
pub(crate) struct Reader(pub(crate) Caller);

/// An account whose key may write in chats.
#[derive(Clone, Debug)]
pub(crate) struct Writer(pub(crate) Caller);

/// An account whose key may read chats, and what is known of both.
pub(crate) struct KeyReader(pub(crate) Box<AccountIdentity>);

/// An account with any key, and what is known of both.
pub(crate) struct KeyHolder(pub(crate) Box<AccountIdentity>);

/// The marketplace's backend, with a key that may read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostReader(pub(crate) Host);

/// The marketplace's backend, with a key that may write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostWriter(pub(crate) Host);

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let identity = account(parts)?;
        require_read(&identity.key)?;
        Ok(Self(identity.caller))
    }
}

impl<S: Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let identity = account(parts)?;
        require_write(&identity.key)?;
        Ok(Self(identity.caller))
    }
}

impl<S: Sync> FromRequestParts<S> for KeyReader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let identity = account(parts)?;
        require_read(&identity.key)?;
        Ok(Self(identity))
    }
}

impl<S: Sync> FromRequestParts<S> for KeyHolder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Self(account(parts)?))
    }
}

impl<S: Sync> FromRequestParts<S> for HostReader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let (host, key) = host(parts)?;
        require_read(&key)?;
        Ok(Self(host))
    }
}

impl<S: Sync> FromRequestParts<S> for HostWriter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let (host, key) = host(parts)?;
        require_write(&key)?;
        Ok(Self(host))
    }
}

fn account(parts: &Parts) -> Result<Box<AccountIdentity>, Problem> {
    match parts.extensions.get() {
        Some(Identity::Account(account)) => Ok(account.clone()),
        Some(Identity::Refused(problem)) => Err(Problem::clone(problem)),
        Some(Identity::Host { .. }) | None => Err(Problem::internal()),
    }
}

fn host(parts: &Parts) -> Result<(Host, Box<ApiKey>), Problem> {
    match parts.extensions.get() {
        Some(Identity::Host { host, key }) => Ok((*host, key.clone())),
        Some(Identity::Refused(problem)) => Err(Problem::clone(problem)),
        Some(Identity::Account(_)) | None => Err(Problem::internal()),
    }
}

pub(crate) fn require_read(key: &ApiKey) -> Result<(), Problem> {
    if key.can_read { Ok(()) } else { Err(scope_missing("chats:read")) }
}

fn require_write(key: &ApiKey) -> Result<(), Problem> {
    if key.can_write { Ok(()) } else { Err(scope_missing("chats:write")) }
}

fn scope_missing(scope: &str) -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "scope-missing",
        "The key may not do this",
        format!("The call needs a key with the scope {scope}."),
    )
    .with("required_scope", scope)
}
