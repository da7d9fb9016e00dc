//! Any chat, for the marketplace: look, write, close, reopen, pass the turn.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use domain::chat::{Chat, Side};
use domain::commands::Steering;
use domain::id::ChatId;
use engine::Engine;
use engine::access::Host;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Api;
use crate::account::messages::{HistoryParams, MessageEdit, MessageList, created};
use crate::auth::{HostReader, HostWriter};
use crate::draft::{NewMessage, RequestKey};
use crate::extract::{JsonBody, Params, PathId, PathMessage};
use crate::names::{MarketplaceRoleName, SideName, TurnName};
use crate::problem::Problem;
use crate::values::ClientKey;
use crate::views::{ChatFacts, MessageView};

/// Any chat
#[utoipa::path(
    get, path = "/api/v1/host/chats/{id}", operation_id = "hostGetChat", tag = "host",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 200, body = ChatFacts), Problem),
)]
pub(crate) async fn get(
    State(api): State<Api>,
    HostReader(host): HostReader,
    PathId(id): PathId<ChatId>,
) -> Result<Json<ChatFacts>, Problem> {
    let chat = api.engine.any_chat(host, id).await?;
    Ok(Json(view(&api.engine, &chat).await?))
}

/// A chat as the marketplace sees it.
pub(crate) async fn view(engine: &Engine, chat: &Chat) -> Result<ChatFacts, Problem> {
    let related = engine.related(std::slice::from_ref(chat)).await?;
    Ok(ChatFacts::of(chat, &related))
}

/// Any chat's history
///
/// Newest first, or with `after` oldest first. Nothing counts as delivered by it.
#[utoipa::path(
    get, path = "/api/v1/host/chats/{id}/messages", operation_id = "hostListMessages", tag = "host",
    params(("id" = i64, Path, description = "The chat"), HistoryParams),
    responses((status = 200, body = MessageList), Problem),
)]
pub(crate) async fn messages(
    State(api): State<Api>,
    HostReader(host): HostReader,
    PathId(id): PathId<ChatId>,
    Params(params): Params<HistoryParams>,
) -> Result<Json<MessageList>, Problem> {
    let engine = &api.engine;
    let range = params.range()?;
    let chat = engine.any_chat(host, id).await?;
    let page = engine.any_messages(host, id, range, params.limit()).await?;
    let messages = page.items.iter().map(|message| MessageView::for_host(engine, &chat, message));
    Ok(Json(MessageList { messages: messages.collect(), has_more: page.has_more }))
}

/// What the marketplace writes.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MarketplaceMessage {
    /// Who writes: a person of the support, an arbiter, or an automatic line.
    role: MarketplaceRoleName,
    /// Up to 4096 characters (Unicode code points) unless the server is set up otherwise.
    #[schema(min_length = 1, max_length = 4096)]
    text: Option<String>,
    /// The side that is asked something: it is its turn then.
    asks: Option<SideName>,
    /// The same as the header `Idempotency-Key`.
    client_key: Option<ClientKey>,
}

/// What a fingerprint covers besides the text.
#[derive(Serialize)]
struct MarketplaceFingerprint {
    role: MarketplaceRoleName,
    asks: Option<SideName>,
}

/// Write in any chat, as the marketplace
///
/// Works in every state of the chat. 201 for a new message, 200 for a repeat with the same `Idempotency-Key`.
#[utoipa::path(
    post, path = "/api/v1/host/chats/{id}/messages", operation_id = "hostSendMessage", tag = "host",
    params(
        ("id" = i64, Path, description = "The chat"),
        ("Idempotency-Key" = Option<String>, Header, description = "Chosen by you, 1 to 255 characters"),
    ),
    request_body = MarketplaceMessage,
    responses((status = 201, body = MessageView), (status = 200, body = MessageView, description = "A repeat"), Problem),
)]
pub(crate) async fn send(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PathId(id): PathId<ChatId>,
    request_key: RequestKey,
    JsonBody(request): JsonBody<MarketplaceMessage>,
) -> Result<Response, Problem> {
    let engine = &api.engine;
    let MarketplaceMessage { role, text, asks, client_key } = request;
    let message = NewMessage { text, attachment_ids: None, client_key, if_last_message_id: None };
    let draft = message.into_draft(engine, &request_key, MarketplaceFingerprint { role, asks })?;
    let asks = asks.map(Side::from);
    let posted = engine.post_as_marketplace(host, id, role.into(), draft, asks).await?;
    Ok(created(posted.replayed, &MessageView::for_host(engine, &posted.chat, &posted.message)))
}

/// Replace the text of any message, as a moderator
///
/// Works in every state of the chat. Both logs tell of it as `message.updated`, without a `side`.
#[utoipa::path(
    patch, path = "/api/v1/host/chats/{id}/messages/{message_id}", operation_id = "hostEditMessage", tag = "host",
    params(("id" = i64, Path, description = "The chat"), ("message_id" = i64, Path, description = "The message")),
    request_body = MessageEdit,
    responses((status = 200, body = MessageView), Problem),
)]
pub(crate) async fn edit(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PathMessage(chat, message): PathMessage,
    JsonBody(request): JsonBody<MessageEdit>,
) -> Result<Json<MessageView>, Problem> {
    let engine = &api.engine;
    let text = request.into_text(engine)?;
    let edited = engine.edit_as_marketplace(host, chat, message, text).await?;
    Ok(Json(MessageView::for_host(engine, &edited.chat, &edited.message)))
}

/// Close a chat. It opens again with the buyer's next message
#[utoipa::path(
    post, path = "/api/v1/host/chats/{id}/close", operation_id = "hostCloseChat", tag = "host",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 200, body = ChatFacts), Problem),
)]
pub(crate) async fn close(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PathId(id): PathId<ChatId>,
) -> Result<Json<ChatFacts>, Problem> {
    steer(&api, host, id, Steering::Close).await
}

/// Open a closed chat again
#[utoipa::path(
    post, path = "/api/v1/host/chats/{id}/reopen", operation_id = "hostReopenChat", tag = "host",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 200, body = ChatFacts), Problem),
)]
pub(crate) async fn reopen(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PathId(id): PathId<ChatId>,
) -> Result<Json<ChatFacts>, Problem> {
    steer(&api, host, id, Steering::Reopen).await
}

/// Whose turn it is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct TurnRequest {
    turn: TurnName,
}

/// Make it somebody's turn
#[utoipa::path(
    post, path = "/api/v1/host/chats/{id}/turn", operation_id = "hostPassTurn", tag = "host",
    params(("id" = i64, Path, description = "The chat")),
    request_body = TurnRequest,
    responses((status = 200, body = ChatFacts), Problem),
)]
pub(crate) async fn pass_turn(
    State(api): State<Api>,
    HostWriter(host): HostWriter,
    PathId(id): PathId<ChatId>,
    JsonBody(request): JsonBody<TurnRequest>,
) -> Result<Json<ChatFacts>, Problem> {
    steer(&api, host, id, Steering::PassTurn(request.turn.into())).await
}

/// Steers a chat and shows what it is then.
async fn steer(
    api: &Api,
    host: Host,
    id: ChatId,
    steering: Steering,
) -> Result<Json<ChatFacts>, Problem> {
    api.engine.steer_chat(host, id, steering).await?;
    let chat = api.engine.any_chat(host, id).await?;
    Ok(Json(view(&api.engine, &chat).await?))
}
