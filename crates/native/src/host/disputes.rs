//! Disputes: an arbiter decides in a chat about an order or a return.

use axum::Json;
use axum::extract::State;
use domain::id::{ChatId, OrderId, ReturnId};
use domain::refusal::Missing;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::chats::view;
use crate::Api;
use crate::auth::HostWriter;
use crate::extract::{JsonBody, PathId};
use crate::problem::Problem;
use crate::refusal::not_found;
use crate::values::Id;
use crate::views::ChatFacts;

/// What the dispute is about: exactly one of these.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct DisputeRequest {
    /// A chat that exists.
    #[serde(rename = "chat_id")]
    chat: Option<Id>,
    /// An order; its chat is made, if there is none.
    #[serde(rename = "order_id")]
    order: Option<Id>,
    /// A return; its chat is made, if there is none.
    #[serde(rename = "return_id")]
    returned: Option<Id>,
}

/// Start a dispute
///
/// 201 when the chat had to be made, else 200.
#[utoipa::path(
    post, path = "/api/v1/host/disputes", operation_id = "hostStartDispute", tag = "host",
    request_body = DisputeRequest,
    responses((status = 201, body = ChatFacts), (status = 200, body = ChatFacts), Problem),
)]
pub(crate) async fn start(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    JsonBody(request): JsonBody<DisputeRequest>,
) -> Result<(StatusCode, Json<ChatFacts>), Problem> {
    let engine = &api.engine;
    let opened = match (request.chat, request.order, request.returned) {
        (Some(id), None, None) => {
            let id = ChatId::new(id.get()).ok_or_else(|| not_found(Missing::Chat))?;
            engine.start_dispute(host, id).await?
        }
        (None, Some(id), None) => {
            let id = OrderId::new(id.get()).ok_or_else(|| not_found(Missing::Order))?;
            engine.start_order_dispute(host, id).await?
        }
        (None, None, Some(id)) => {
            let id = ReturnId::new(id.get()).ok_or_else(|| not_found(Missing::Return))?;
            engine.start_return_dispute(host, id).await?
        }
        _ => {
            return Err(Problem::invalid(
                "chat_id",
                "send exactly one of 'chat_id', 'order_id' and 'return_id'",
            ));
        }
    };
    let status = if opened.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(view(engine, &opened.chat).await?)))
}

/// End a dispute: nobody but the marketplace writes in the chat any more
#[utoipa::path(
    post, path = "/api/v1/host/chats/{id}/dispute/end", operation_id = "hostEndDispute", tag = "host",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 200, body = ChatFacts), Problem),
)]
pub(crate) async fn end(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PathId(id): PathId<ChatId>,
) -> Result<Json<ChatFacts>, Problem> {
    api.engine.end_dispute(host, id).await?;
    let chat = api.engine.any_chat(host, id).await?;
    Ok(Json(view(&api.engine, &chat).await?))
}
