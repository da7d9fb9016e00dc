//! Keys of accounts.

use std::net::IpAddr;

use axum::Json;
use axum::extract::{Path, State};
use domain::id::{AccountId, MemberId, ShopId};
use engine::access::Host;
use engine::store::{ApiKey, KeyConflict};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Api;
use crate::auth::{HostReader, HostWriter};
use crate::extract::{JsonBody, PathId};
use crate::problem::Problem;
use crate::values::{Audience, Id, Name, Secret, Time};

/// Shops, or addresses, of a key.
const LIST_MAX: usize = 100;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) enum Scope {
    /// Read chats.
    #[serde(rename = "chats:read")]
    ChatsRead,
    /// Write in chats, and everything else that changes them.
    #[serde(rename = "chats:write")]
    ChatsWrite,
}

impl Scope {
    /// The scopes of `key`.
    pub(crate) fn of(key: &ApiKey) -> Vec<Self> {
        let read = key.can_read.then_some(Self::ChatsRead);
        read.into_iter().chain(key.can_write.then_some(Self::ChatsWrite)).collect()
    }
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewKey {
    /// For people.
    name: Name,
    /// Which face of the server is to accept it: `native`, or a dialect's.
    audience: Audience,
    scopes: Vec<Scope>,
    /// When it stops to work by itself.
    expires_at: Option<Time>,
    /// Only chats about orders of these shops, and chats about no order. For `yandex-market-oauth` only: elsewhere a
    /// key reaches every chat of its account.
    #[schema(max_items = 100)]
    shops: Option<Vec<Id>>,
    /// Only callers at these IP addresses.
    #[schema(max_items = 100, value_type = Option<Vec<String>>)]
    allowed_addresses: Option<Vec<IpAddr>>,
    /// The person it is for.
    member_id: Option<Id>,
    /// The key's text, when it exists already elsewhere. Otherwise one is made.
    secret: Option<Secret>,
}

impl NewKey {
    /// Whether the key's text is brought along.
    pub(crate) fn brings_secret(&self) -> bool {
        self.secret.is_some()
    }
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    id: String,
    account_id: Option<i64>,
    name: String,
    audience: String,
    scopes: Vec<Scope>,
    shops: Option<Vec<i64>>,
    #[schema(value_type = Vec<String>)]
    allowed_addresses: Vec<IpAddr>,
    member_id: Option<i64>,
    created_at: Time,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
}

/// A key with its text, which is never shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyWithSecret {
    #[serde(flatten)]
    key: KeyView,
    secret: String,
}

/// The keys of an account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// The oldest first, revoked ones too.
    keys: Vec<KeyView>,
}

impl KeyView {
    fn of(key: &ApiKey) -> Self {
        let shops = key.shops.as_ref();
        Self {
            id: key.id.to_string(),
            account_id: key.account.map(AccountId::get),
            name: key.name.clone(),
            audience: key.audience.clone(),
            scopes: Scope::of(key),
            shops: shops.map(|shops| shops.iter().map(|shop| shop.get()).collect()),
            allowed_addresses: key.allowed_addresses.clone(),
            member_id: key.member.map(MemberId::get),
            created_at: Time(key.created_at),
            expires_at: Time::of(key.expires_at),
            revoked_at: Time::of(key.revoked_at),
        }
    }
}

/// Make a key for an account
///
/// The answer holds the key's text; only a hash of it is kept.
#[utoipa::path(
    post, path = "/api/v1/host/accounts/{id}/keys", operation_id = "hostCreateKey", tag = "host",
    params(("id" = i64, Path, description = "The account")),
    request_body = NewKey,
    responses((status = 201, body = KeyWithSecret), Problem),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PathId(account): PathId<AccountId>,
    JsonBody(request): JsonBody<NewKey>,
) -> Result<(StatusCode, Json<KeyWithSecret>), Problem> {
    let made = make(&api, host, account, request, WhenKnown::Refuse).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// What to do about a brought secret that a key of the same account and face has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenKnown {
    /// Refuse: a key's text belongs to one key only.
    Refuse,
    /// Put the new key into the old one's place: pushing the same again changes nothing.
    Replace,
}

/// Makes a key of `account` and stores it.
pub(crate) async fn make(
    api: &Api,
    host: Host,
    account: AccountId,
    request: NewKey,
    when_known: WhenKnown,
) -> Result<KeyWithSecret, Problem> {
    let engine = &api.engine;
    engine.account(account).await?;
    let name = request.audience.into_string();
    let audiences = &api.settings.audiences;
    let Some(audience) = audiences.iter().find(|audience| audience.name == name) else {
        let names: Vec<_> = audiences.iter().map(|audience| audience.name.as_str()).collect();
        let message = format!("must be one of: {}", names.join(", "));
        return Err(Problem::invalid("audience", message));
    };
    if request.scopes.is_empty() {
        return Err(Problem::invalid("scopes", "a key needs at least one scope"));
    }
    let shops = request
        .shops
        .map(|ids| ids.into_iter().filter_map(|id| ShopId::new(id.get())).collect::<Vec<_>>());
    if shops.is_some() && !audience.knows_shops {
        return Err(Problem::invalid(
            "shops",
            format!("keys for '{name}' reach every chat of their account"),
        ));
    }
    let allowed_addresses = request.allowed_addresses.unwrap_or_default();
    for (path, length) in [
        ("shops", shops.as_ref().map_or(0, Vec::len)),
        ("allowed_addresses", allowed_addresses.len()),
    ] {
        if LIST_MAX < length {
            return Err(Problem::invalid(path, format!("holds more than {LIST_MAX} items")));
        }
    }
    let secret = match request.secret {
        Some(secret) => secret.into_string(),
        None => (audience.new_secret)(engine.random()),
    };
    let known = engine.key_with_secret(host, &secret).await?;
    let replaced = known.as_ref().filter(|known| {
        when_known == WhenKnown::Replace && known.account == Some(account) && known.audience == name
    });
    let name = request.name.into_string();
    let fresh = engine.new_key(Some(account), &audience.name, &name, &secret);
    let key = ApiKey {
        id: replaced.map_or(fresh.id, |replaced| replaced.id),
        member: request.member_id.and_then(|id| MemberId::new(id.get())),
        can_read: request.scopes.contains(&Scope::ChatsRead),
        can_write: request.scopes.contains(&Scope::ChatsWrite),
        shops,
        allowed_addresses: allowed_addresses.iter().map(IpAddr::to_canonical).collect(),
        created_at: replaced.map_or(fresh.created_at, |replaced| replaced.created_at),
        expires_at: request.expires_at.map(|Time(at)| at),
        // What was revoked stays so, however often it is brought again.
        revoked_at: replaced.and_then(|replaced| replaced.revoked_at),
        ..fresh
    };
    engine.put_key(&key).await?.map_err(conflict)?;
    Ok(KeyWithSecret { key: KeyView::of(&key), secret })
}

fn conflict(conflict: KeyConflict) -> Problem {
    match conflict {
        KeyConflict::SecretTaken => Problem::new(
            StatusCode::CONFLICT,
            "secret-taken",
            "There is a key with this secret already",
            "Bring another secret, or none to have one made.",
        ),
        KeyConflict::NoSuchMember => {
            Problem::invalid("member_id", "is not a member of the account; store the member first")
        }
    }
}

/// List the keys of an account
#[utoipa::path(
    get, path = "/api/v1/host/accounts/{id}/keys", operation_id = "hostListKeys", tag = "host",
    params(("id" = i64, Path, description = "The account")),
    responses((status = 200, body = KeyList), Problem),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _host: HostReader,
    PathId(account): PathId<AccountId>,
) -> Result<Json<KeyList>, Problem> {
    api.engine.account(account).await?;
    let keys = api.engine.keys_of(Some(account)).await?;
    Ok(Json(KeyList { keys: keys.iter().map(KeyView::of).collect() }))
}

/// Revoke a key of an account
#[utoipa::path(
    delete, path = "/api/v1/host/accounts/{id}/keys/{key_id}", operation_id = "hostRevokeKey", tag = "host",
    params(("id" = i64, Path, description = "The account"), ("key_id" = String, Path, description = "The key's id")),
    responses((status = 204), Problem),
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    _host: HostWriter,
    Path((account, key)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let PathId(account) = PathId::<AccountId>::parse(&account)?;
    let key_id: Uuid = key.parse().map_err(|_| no_such_key())?;
    if api.engine.revoke_key(Some(account), key_id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(no_such_key())
}

fn no_such_key() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "key-not-found",
        "The account has no such key",
        "List the keys of the account.",
    )
}
