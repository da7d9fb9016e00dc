//! Webhooks of accounts, made by the marketplace's backend for those that never call this API.

use axum::Json;
use axum::extract::{Path, State};
use domain::id::{AccountId, WebhookId};
use http::StatusCode;

use crate::Api;
use crate::account::webhooks::{WebhookList, WebhookRequest, WebhookWithSecret, list_of, make};
use crate::auth::{HostReader, HostWriter};
use crate::extract::{JsonBody, PathId};
use crate::problem::Problem;

/// Make a webhook for an account
#[utoipa::path(
    post, path = "/api/v1/host/accounts/{id}/webhooks", operation_id = "hostCreateWebhook", tag = "host",
    params(("id" = i64, Path, description = "The account")),
    request_body = WebhookRequest,
    responses((status = 201, body = WebhookWithSecret), Problem),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    _reader: HostReader,
    _writer: HostWriter,
    PathId(account): PathId<AccountId>,
    JsonBody(request): JsonBody<WebhookRequest>,
) -> Result<(StatusCode, Json<WebhookWithSecret>), Problem> {
    api.engine.account(account).await?;
    let made = make(&api, account, request).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// List the webhooks of an account
#[utoipa::path(
    get, path = "/api/v1/host/accounts/{id}/webhooks", operation_id = "hostListWebhooks", tag = "host",
    params(("id" = i64, Path, description = "The account")),
    responses((status = 200, body = WebhookList), Problem),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _reader: HostReader,
    PathId(account): PathId<AccountId>,
) -> Result<Json<WebhookList>, Problem> {
    api.engine.account(account).await?;
    Ok(Json(list_of(&api, account).await?))
}

/// Delete a webhook of an account
#[utoipa::path(
    delete, path = "/api/v1/host/accounts/{id}/webhooks/{webhook_id}", operation_id = "hostDeleteWebhook",
    tag = "host",
    params(("id" = i64, Path, description = "The account"), ("webhook_id" = i64, Path, description = "The webhook")),
    responses((status = 204), Problem),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    _writer: HostWriter,
    Path((account, webhook)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let PathId(account) = PathId::<AccountId>::parse(&account)?;
    let PathId(webhook) = PathId::<WebhookId>::parse(&webhook)?;
    api.webhooks.delete(account, webhook).await?;
    Ok(StatusCode::NO_CONTENT)
}
