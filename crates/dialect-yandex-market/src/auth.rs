//! From a credential to a cabinet (contract §2).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use domain::account::Account;
use domain::chat::ActingAs;
use domain::id::AccountId;
use engine::Engine;
use engine::access::{Caller, KeyCheck, ValidKey};
use engine::store::ApiKey;
use http_kit::client_address::ClientAddress;

use crate::error::Error;
use crate::method::Need;
use crate::secret::check_form;
use crate::{AUDIENCE, OAUTH_AUDIENCE};

/// The cabinet as which a request was admitted.
#[derive(Clone, Debug)]
pub(crate) struct Cabinet {
    pub(crate) caller: Caller,
    key: Arc<ValidKey>,
    credential: Credential,
}

/// Who sent a credential that works.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// A cabinet.
    Cabinet(Cabinet),
    /// A cabinet that is switched off.
    SwitchedOff(AccountId),
}

/// How somebody proves who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Credential {
    /// `Api-Key`: bound to a cabinet, limited by scopes.
    ApiKey,
    /// `Authorization: Bearer`: bound to what a user may see.
    OAuth,
}

/// Whose credential the request with these headers carries. `Api-Key` alone decides where it is present; `api_key_only`
/// looks at nothing else.
pub(crate) async fn identify(
    engine: &Engine,
    headers: &HeaderMap,
    ClientAddress(address): ClientAddress,
    api_key_only: bool,
) -> Result<Identity, Error> {
    let (credential, audience, secret) = match headers.get("api-key") {
        Some(token) => (Credential::ApiKey, AUDIENCE, api_key(token)?),
        None if api_key_only && headers.contains_key(header::AUTHORIZATION) => {
            return Err(Error::unauthorized("Api-Key token is not specified"));
        }
        None => {
            let authorization = headers.get(header::AUTHORIZATION);
            let authorization = authorization
                .ok_or_else(|| Error::unauthorized("Credentials are not specified"))?;
            (Credential::OAuth, OAUTH_AUDIENCE, bearer(authorization)?)
        }
    };
    let check = engine.check_key(audience, secret, Some(address)).await?;
    let refusal = match (check, credential) {
        (KeyCheck::Valid(key), _) => match key.caller(ActingAs::Seller) {
            Some(caller) => {
                return Ok(Identity::Cabinet(Cabinet { caller, key: Arc::new(*key), credential }));
            }
            // The marketplace's own key is no seller's.
            None => credential.unknown(),
        },
        (KeyCheck::AccountInactive(account), _) => return Ok(Identity::SwitchedOff(account)),
        (KeyCheck::AddressNotAllowed, _) => Error::access_denied(),
        (KeyCheck::Revoked | KeyCheck::Expired, Credential::ApiKey) => {
            Error::unauthorized("Api-Key token is revoked")
        }
        (KeyCheck::Unknown, _) | (KeyCheck::Revoked | KeyCheck::Expired, Credential::OAuth) => {
            credential.unknown()
        }
    };
    Err(refusal)
}

impl Credential {
    /// A bad Api-Key is a 401, a bad OAuth token a 403 (contract §2.3).
    fn unknown(self) -> Error {
        match self {
            Self::ApiKey => Error::unauthorized("Api-Key token is invalid"),
            Self::OAuth => Error::forbidden("OAuth token is invalid"),
        }
    }
}

fn api_key(token: &HeaderValue) -> Result<&str, Error> {
    if token.is_empty() {
        return Err(Error::unauthorized("Api-Key token is not specified"));
    }
    check_form(token.as_bytes()).map_err(Error::malformed_api_key)
}

fn bearer(authorization: &HeaderValue) -> Result<&str, Error> {
    let invalid_syntax = || Error::unauthorized("Authorization header has invalid syntax");
    let text = authorization.to_str().map_err(|_| invalid_syntax())?.trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(invalid_syntax());
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::unauthorized("OAuth credentials are not specified"));
    }
    let token = token.trim();
    if token.is_empty() {
        return Err(Error::unauthorized("OAuth token is not specified"));
    }
    if token.contains(' ') {
        return Err(invalid_syntax());
    }
    Ok(token)
}

impl Identity {
    /// Whose it is.
    pub(crate) fn account(&self) -> AccountId {
        match self {
            Self::Cabinet(cabinet) => cabinet.account(),
            Self::SwitchedOff(account) => *account,
        }
    }

    /// The cabinet, if it may do what `need` says.
    pub(crate) fn allowed(self, need: Need) -> Result<Cabinet, Error> {
        match self {
            Self::Cabinet(cabinet) => {
                cabinet.require(need)?;
                Ok(cabinet)
            }
            Self::SwitchedOff(account) => Err(Error::api_disabled(account)),
        }
    }
}

impl Cabinet {
    /// The `businessId`.
    pub(crate) fn account(&self) -> AccountId {
        self.caller.account()
    }

    /// The key that was used.
    pub(crate) fn key(&self) -> &ApiKey {
        &self.key.key
    }

    /// The cabinet's card.
    pub(crate) fn card(&self) -> Option<&Account> {
        self.key.account.as_ref()
    }

    fn require(&self, need: Need) -> Result<(), Error> {
        let key = self.key();
        let allowed = match need {
            Need::Read => key.can_read,
            Need::Write => key.can_write,
            Need::Anything => key.can_read || key.can_write,
        };
        match self.credential {
            _ if allowed => Ok(()),
            Credential::ApiKey => Err(Error::missing_scope(need)),
            // The wire has no scopes for OAuth; what the operator forbade is forbidden all the same.
            Credential::OAuth => Err(Error::access_denied()),
        }
    }
}

/// Only admitted requests reach a handler.
impl<S: Sync> FromRequestParts<S> for Cabinet {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Error> {
        parts.extensions.get().cloned().ok_or_else(|| {
            tracing::error!("a route of the Yandex Market wire has no admission");
            Error::internal()
        })
    }
}
