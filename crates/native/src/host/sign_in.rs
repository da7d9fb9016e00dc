//! Passwords and browser sessions of accounts that the marketplace brings along.

use axum::Json;
use axum::extract::{Path, State};
use domain::id::AccountId;
use engine::sessions::{Browser, csrf_token, is_password_hash};
use engine::store::Session;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::auth::{HostReader, HostWriter};
use crate::extract::{JsonBody, PathId};
use crate::problem::Problem;
use crate::values::{Name, Password, PasswordHash, Secret, Time, UserAgent};

/// A password, or the hash of one.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PasswordRequest {
    password: Option<Password>,
    /// Argon2 as PHC text: `$argon2id$v=19$m=…`.
    password_hash: Option<PasswordHash>,
}

/// Refuses what the server could not check a password with.
pub(crate) fn check_password_hash(hash: &PasswordHash) -> Result<(), Problem> {
    if is_password_hash(&hash.clone().into_string()) {
        Ok(())
    } else {
        Err(Problem::invalid(
            "password_hash",
            "must be an Argon2 hash as PHC text with at most 256 MiB of memory and 16 passes",
        ))
    }
}

/// Give an account a password
#[utoipa::path(
    put, path = "/api/v1/host/accounts/{id}/password", operation_id = "hostPutPassword", tag = "host",
    params(("id" = i64, Path, description = "The account")),
    request_body = PasswordRequest,
    responses((status = 204), Problem),
)]
pub(crate) async fn put_password(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PathId(account): PathId<AccountId>,
    JsonBody(request): JsonBody<PasswordRequest>,
) -> Result<StatusCode, Problem> {
    let engine = &api.engine;
    match (request.password, request.password_hash) {
        (Some(password), None) => {
            engine.account(account).await?;
            engine.set_password(account, password.into_string()).await?;
        }
        (None, Some(hash)) => {
            check_password_hash(&hash)?;
            engine.account(account).await?;
            engine.set_password_hash(host, account, hash.into_string()).await?;
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::invalid("password", "send either 'password' or 'password_hash'"));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A session to begin.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewSessionRequest {
    /// The cookie's value, when the marketplace has its own sessions. Otherwise one is made.
    token: Option<Secret>,
    /// 30 days from now, unless said otherwise. Each use prolongs it.
    expires_at: Option<Time>,
    ip_address: Option<Name>,
    user_agent: Option<UserAgent>,
}

impl NewSessionRequest {
    /// Whether the cookie's value is brought along.
    pub(crate) fn brings_token(&self) -> bool {
        self.token.is_some()
    }
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    id: String,
    account_id: i64,
    ip_address: String,
    user_agent: String,
    created_at: Time,
    last_activity: Time,
    expires_at: Time,
}

/// A session with what a browser needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionWithToken {
    #[serde(flatten)]
    session: SessionView,
    /// The value of the session's cookie.
    token: String,
    /// The CSRF token that belongs to it.
    csrf_token: String,
}

/// The sessions of an account.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// The one that was used last first.
    sessions: Vec<SessionView>,
}

impl SessionView {
    fn of(session: &Session) -> Self {
        Self {
            id: session.id.clone(),
            account_id: session.account.get(),
            ip_address: session.ip_address.clone(),
            user_agent: session.user_agent.clone(),
            created_at: Time(session.created_at),
            last_activity: Time(session.last_activity),
            expires_at: Time(session.expires_at),
        }
    }
}

/// Begin a browser session of an account
#[utoipa::path(
    post, path = "/api/v1/host/accounts/{id}/sessions", operation_id = "hostBeginSession", tag = "host",
    params(("id" = i64, Path, description = "The account")),
    request_body = NewSessionRequest,
    responses((status = 201, body = SessionWithToken), Problem),
)]
pub(crate) async fn begin_session(
    State(api): State<Api>,
    _host: HostWriter,
    PathId(account): PathId<AccountId>,
    JsonBody(request): JsonBody<NewSessionRequest>,
) -> Result<(StatusCode, Json<SessionWithToken>), Problem> {
    let begun = begin(&api, account, request).await?;
    Ok((StatusCode::CREATED, Json(begun)))
}

/// Begins a session of `account`, or takes over one that the marketplace began.
pub(crate) async fn begin(
    api: &Api,
    account: AccountId,
    request: NewSessionRequest,
) -> Result<SessionWithToken, Problem> {
    let engine = &api.engine;
    engine.account(account).await?;
    let browser = Browser {
        ip_address: request.ip_address.map(Name::into_string).unwrap_or_default(),
        user_agent: request.user_agent.map(UserAgent::into_string).unwrap_or_default(),
    };
    let token = request.token.map_or_else(|| engine.random().token(), Secret::into_string);
    let expires_at = request.expires_at.map(|Time(at)| at);
    let session = engine.put_session(account, &token, browser, expires_at).await?;
    Ok(SessionWithToken {
        session: SessionView::of(&session),
        csrf_token: csrf_token(&token),
        token,
    })
}

/// List the browser sessions of an account
#[utoipa::path(
    get, path = "/api/v1/host/accounts/{id}/sessions", operation_id = "hostListSessions", tag = "host",
    params(("id" = i64, Path, description = "The account")),
    responses((status = 200, body = SessionList), Problem),
)]
pub(crate) async fn list_sessions(
    State(api): State<Api>,
    _host: HostReader,
    PathId(account): PathId<AccountId>,
) -> Result<Json<SessionList>, Problem> {
    api.engine.account(account).await?;
    let sessions = api.engine.sessions_of(account).await?;
    Ok(Json(SessionList { sessions: sessions.iter().map(SessionView::of).collect() }))
}

/// End a browser session
#[utoipa::path(
    delete, path = "/api/v1/host/accounts/{id}/sessions/{session_id}", operation_id = "hostEndSession", tag = "host",
    params(("id" = i64, Path, description = "The account"), ("session_id" = String, Path, description = "The session's id")),
    responses((status = 204), Problem),
)]
pub(crate) async fn end_session(
    State(api): State<Api>,
    _host: HostWriter,
    Path((account, session)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let PathId(account) = PathId::<AccountId>::parse(&account)?;
    if api.engine.end_session(account, &session).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        "session-not-found",
        "The account has no such session",
        "It does not exist or has ended already.",
    ))
}
