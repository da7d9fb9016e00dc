//! Webhooks: the account's log, pushed to URLs that the account names.

use axum::Json;
use axum::extract::State;
use domain::id::{AccountId, WebhookId};
use engine::store::Webhook;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use webhooks::{NewWebhook, WebhookChange, WebhookError};

use crate::Api;
use crate::auth::{Reader, Writer};
use crate::extract::{JsonBody, PathId};
use crate::problem::Problem;
use crate::push::shown_secret;
use crate::values::{Id, Name, Url};
use crate::views::{DeliveryView, WebhookView};

/// A webhook to make.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct WebhookRequest {
    /// In whose words it is told: `native`, or those of another face of the server. What is not known is answered with
    /// all that are.
    format: Name,
    /// Where to.
    url: Url,
    /// Call the URL as it is, where the format would add to its path.
    #[serde(default)]
    exact_url: bool,
    /// For people.
    name: Name,
    /// The types of pushes that are wanted, in the format's words; all of them, if it is empty or left out.
    #[serde(default)]
    types: Vec<String>,
}

/// What is to be changed about a webhook. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct WebhookChangeRequest {
    url: Option<Url>,
    exact_url: Option<bool>,
    name: Option<Name>,
    /// An empty list for all types.
    types: Option<Vec<String>>,
}

/// From where to push once more.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ReplayRequest {
    /// The first event.
    from_sequence: Id,
}

/// A webhook with its secret, which is never shown again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookWithSecret {
    #[serde(flatten)]
    webhook: WebhookView,
    /// `whsec_` and base64; null in formats that do not sign.
    secret: Option<String>,
}

/// The webhooks of an account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookList {
    /// The oldest first.
    webhooks: Vec<WebhookView>,
}

/// Make a webhook
///
/// It begins with what happens from now on. Where the format wants it, the receiver has to answer a ping first. The key
/// needs both scopes: whoever names a URL can read there what happens.
#[utoipa::path(
    post, path = "/api/v1/webhooks", operation_id = "createWebhook", tag = "webhooks",
    request_body = WebhookRequest,
    responses((status = 201, body = WebhookWithSecret), Problem),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    Reader(caller): Reader,
    _writer: Writer,
    JsonBody(request): JsonBody<WebhookRequest>,
) -> Result<(StatusCode, Json<WebhookWithSecret>), Problem> {
    let made = make(&api, caller.account(), request).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Makes a webhook of `account`.
pub(crate) async fn make(
    api: &Api,
    account: AccountId,
    request: WebhookRequest,
) -> Result<WebhookWithSecret, Problem> {
    let new = NewWebhook {
        format: request.format.into_string(),
        url: request.url.into_string(),
        url_is_exact: request.exact_url,
        name: request.name.into_string(),
        types: request.types,
    };
    let webhook = api.webhooks.create(account, new).await?;
    with_secret(api, &webhook).await
}

/// List your webhooks
#[utoipa::path(
    get, path = "/api/v1/webhooks", operation_id = "listWebhooks", tag = "webhooks",
    responses((status = 200, body = WebhookList), Problem),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Reader(caller): Reader,
) -> Result<Json<WebhookList>, Problem> {
    Ok(Json(list_of(&api, caller.account()).await?))
}

/// The webhooks of `account`.
pub(crate) async fn list_of(api: &Api, account: AccountId) -> Result<WebhookList, Problem> {
    let mut views = Vec::new();
    for webhook in api.webhooks.list(account).await? {
        match api.webhooks.report(account, webhook.id).await {
            Ok(report) => views.push(WebhookView::of(report)),
            // It was deleted meanwhile.
            Err(WebhookError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(WebhookList { webhooks: views })
}

/// Look at a webhook
#[utoipa::path(
    get, path = "/api/v1/webhooks/{id}", operation_id = "getWebhook", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook")),
    responses((status = 200, body = WebhookView), Problem),
)]
pub(crate) async fn get(
    State(api): State<Api>,
    Reader(caller): Reader,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<WebhookView>, Problem> {
    view(&api, caller.account(), id).await
}

/// Change a webhook
///
/// A new URL has to be confirmed like the first one. The key needs both scopes.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/{id}", operation_id = "changeWebhook", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook")),
    request_body = WebhookChangeRequest,
    responses((status = 200, body = WebhookView), Problem),
)]
pub(crate) async fn change(
    State(api): State<Api>,
    Reader(caller): Reader,
    _writer: Writer,
    PathId(id): PathId<WebhookId>,
    JsonBody(request): JsonBody<WebhookChangeRequest>,
) -> Result<Json<WebhookView>, Problem> {
    let change = WebhookChange {
        url: request.url.map(Url::into_string),
        url_is_exact: request.exact_url,
        name: request.name.map(Name::into_string),
        types: request.types,
    };
    api.webhooks.change(caller.account(), id, change).await?;
    view(&api, caller.account(), id).await
}

/// Delete a webhook
///
/// What was delivered to it is forgotten too.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{id}", operation_id = "deleteWebhook", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook")),
    responses((status = 204), Problem),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<WebhookId>,
) -> Result<StatusCode, Problem> {
    api.webhooks.delete(caller.account(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replace the secret of a webhook
///
/// Pushes carry the signatures of both secrets for 24 hours.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/rotate-secret", operation_id = "rotateWebhookSecret", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook")),
    responses((status = 200, body = WebhookWithSecret), Problem),
)]
pub(crate) async fn rotate_secret(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<WebhookWithSecret>, Problem> {
    let webhook = api.webhooks.rotate_secret(caller.account(), id).await?;
    Ok(Json(with_secret(&api, &webhook).await?))
}

/// Ping the receiver of a webhook
///
/// Answers with what came of it, also when that is a failure.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/ping", operation_id = "pingWebhook", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook")),
    responses((status = 200, body = DeliveryView), Problem),
)]
pub(crate) async fn ping(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<DeliveryView>, Problem> {
    let attempt = api.webhooks.ping(caller.account(), id).await?;
    Ok(Json(DeliveryView::of_ping(&attempt)))
}

/// Push nothing to a webhook until it is resumed
///
/// What happens meanwhile waits.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/pause", operation_id = "pauseWebhook", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook")),
    responses((status = 200, body = WebhookView), Problem),
)]
pub(crate) async fn pause(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<WebhookView>, Problem> {
    api.webhooks.pause(caller.account(), id).await?;
    view(&api, caller.account(), id).await
}

/// Push to a webhook again
///
/// Where the format wants it, the receiver has to answer a ping first.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/resume", operation_id = "resumeWebhook", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook")),
    responses((status = 200, body = WebhookView), Problem),
)]
pub(crate) async fn resume(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<WebhookView>, Problem> {
    api.webhooks.resume(caller.account(), id).await?;
    view(&api, caller.account(), id).await
}

/// Push once more what was pushed before
///
/// Everything from that event on, as far as the log is kept.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{id}/replay", operation_id = "replayWebhook", tag = "webhooks",
    params(("id" = i64, Path, description = "The webhook")),
    request_body = ReplayRequest,
    responses((status = 200, body = WebhookView), Problem),
)]
pub(crate) async fn replay(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<WebhookId>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<Json<WebhookView>, Problem> {
    api.webhooks.replay(caller.account(), id, request.from_sequence.get()).await?;
    view(&api, caller.account(), id).await
}

async fn view(api: &Api, account: AccountId, id: WebhookId) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(WebhookView::of(api.webhooks.report(account, id).await?)))
}

async fn with_secret(api: &Api, webhook: &Webhook) -> Result<WebhookWithSecret, Problem> {
    let report = api.webhooks.report(webhook.account, webhook.id).await?;
    Ok(WebhookWithSecret {
        webhook: WebhookView::of(report),
        secret: api.webhooks.signs(&webhook.format).then(|| shown_secret(&webhook.secret)),
    })
}
