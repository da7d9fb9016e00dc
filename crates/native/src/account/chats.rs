//! Chats: begin, list, look at, read, hide, block.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::chat::{Chat, Side};
use domain::commands::Subject;
use domain::id::{AccountId, ChatId, MessageId, OrderId, ProductId, ReturnId};
use engine::access::Caller;
use engine::queries::ActivityFilter;
use engine::store::ActivityPosition;
use engine::{Engine, EngineError};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::account::messages::IDEMPOTENT_REPLAYED;
use crate::auth::{Reader, Writer};
use crate::draft::{NewMessage, RequestKey};
use crate::extract::{JsonBody, Params, PathId};
use crate::names::SideName;
use crate::problem::Problem;
use crate::values::{ChatsLimit, Id, Number};
use crate::views::{ChatView, MessageView};

/// What to open a chat about, and what to write in it at once.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct OpenRequest {
    context: ContextRequest,
    /// The other side, when you sell: needed with a product or with no context.
    buyer_id: Option<Id>,
    /// The other side, when you buy: needed without a context.
    seller_id: Option<Id>,
    /// Written at once, also when the chat exists already.
    message: Option<NewMessage>,
}

/// What a chat is to be about: `{"type": "order", "id": 7}`, `{"type": "posting", "number": "1-0001-1"}`,
/// `{"type": "none"}`.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ContextRequest {
    #[serde(rename = "type")]
    kind: ContextType,
    /// The id of the product, order or return.
    id: Option<Id>,
    /// The number of the posting; the chat is then about its order.
    number: Option<Number>,
}

/// The kinds of contexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContextType {
    Product,
    Order,
    Return,
    Posting,
    None,
}

/// A chat that was opened or found.
#[derive(Serialize, ToSchema)]
pub(crate) struct Opened {
    chat: ChatView,
    /// Whether it is new.
    created: bool,
    /// The message that was written at once.
    message: Option<MessageView>,
}

/// What a fingerprint covers besides the message.
#[derive(Serialize)]
struct OpenFingerprint {
    context: ContextType,
    id: Option<i64>,
    number: Option<String>,
    buyer: Option<i64>,
    seller: Option<i64>,
}

/// Open a chat, or find the one that exists
///
/// There is one chat for each seller, buyer and context: opening it again answers 200 with the same chat.
#[utoipa::path(
    post, path = "/api/v1/chats", operation_id = "openChat", tag = "chats",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes repeats of a request with a message harmless")),
    request_body = OpenRequest,
    responses((status = 201, body = Opened, description = "The chat is new"), (status = 200, body = Opened, description = "The chat was there"), Problem),
)]
pub(crate) async fn open(
    State(api): State<Api>,
    Writer(caller): Writer,
    request_key: RequestKey,
    JsonBody(request): JsonBody<OpenRequest>,
) -> Result<Response, Problem> {
    let engine = &api.engine;
    let fingerprint = request.fingerprint();
    let subject = request.subject()?;
    let draft = request
        .message
        .map(|message| message.into_draft(engine, &request_key, fingerprint))
        .transpose()?;
    let opened = engine.open_chat(&caller, subject, draft).await?;

    let side = engine.side(&caller, &opened.chat)?;
    let message =
        opened.message.map(|message| MessageView::of(engine, &opened.chat, side, &message));
    let chat = view(engine, &caller, &opened.chat).await?;
    let status = if opened.created { StatusCode::CREATED } else { StatusCode::OK };
    let body = Opened { chat, created: opened.created, message };
    let mut response = (status, Json(body)).into_response();
    if opened.replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

impl OpenRequest {
    fn fingerprint(&self) -> OpenFingerprint {
        OpenFingerprint {
            context: self.context.kind,
            id: self.context.id.map(Id::get),
            number: self.context.number.clone().map(Number::into_string),
            buyer: self.buyer_id.map(Id::get),
            seller: self.seller_id.map(Id::get),
        }
    }

    fn subject(&self) -> Result<Subject, Problem> {
        let missing = |path: &str| Problem::invalid(path, "is missing");
        let id = || self.context.id.map(Id::get).ok_or_else(|| missing("context.id"));
        let account = |id: Option<Id>| id.and_then(|id| AccountId::new(id.get()));
        Ok(match self.context.kind {
            ContextType::Product => {
                let product = ProductId::new(id()?).ok_or_else(|| missing("context.id"))?;
                Subject::Product(product, account(self.buyer_id))
            }
            ContextType::Order => {
                Subject::Order(OrderId::new(id()?).ok_or_else(|| missing("context.id"))?)
            }
            ContextType::Return => {
                Subject::Return(ReturnId::new(id()?).ok_or_else(|| missing("context.id"))?)
            }
            ContextType::Posting => {
                let number =
                    self.context.number.clone().ok_or_else(|| missing("context.number"))?;
                Subject::Posting(number.into_string())
            }
            ContextType::None => match (account(self.buyer_id), account(self.seller_id)) {
                (Some(other), None) => Subject::Account { other, as_side: Side::Seller },
                (None, Some(other)) => Subject::Account { other, as_side: Side::Buyer },
                (Some(_), Some(_)) | (None, None) => {
                    return Err(Problem::invalid(
                        "seller_id",
                        "a chat without a context needs either 'buyer_id' (you sell) or 'seller_id' (you buy)",
                    ));
                }
            },
        })
    }
}

/// Which chats to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only open chats (disputes that run are open), or only chats that are over.
    #[param(inline)]
    status: Option<Status>,
    /// Only chats with messages that you have not read.
    #[serde(default)]
    unread: bool,
    /// Only chats in which you sell, or only those in which you buy.
    #[param(inline)]
    side: Option<SideName>,
    /// Also chats that you have hidden.
    #[serde(default)]
    hidden: bool,
    /// How many; 50 unless said otherwise.
    #[param(inline)]
    limit: Option<ChatsLimit>,
    /// `next_cursor` of the page before, with the same filters.
    cursor: Option<String>,
}

/// Open or over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Open,
    Closed,
}

/// A page of chats.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatList {
    /// The one with the newest message first; chats without a message come last, the newest of them first.
    chats: Vec<ChatView>,
    /// Asks for the next page; null on the last one.
    next_cursor: Option<String>,
}

/// List your chats
#[utoipa::path(
    get, path = "/api/v1/chats", operation_id = "listChats", tag = "chats", params(ListParams),
    responses((status = 200, body = ChatList), Problem),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Reader(caller): Reader,
    Params(params): Params<ListParams>,
) -> Result<Json<ChatList>, Problem> {
    let engine = &api.engine;
    let purpose = params.cursor_purpose(&caller);
    let after = params.cursor.as_deref().map(|cursor| open_cursor(engine, &purpose, cursor));
    let filter = ActivityFilter {
        side: params.side.map(Side::from),
        over: params.status.map(|status| status == Status::Closed),
        unread_only: params.unread,
        skip_hidden: !params.hidden,
    };
    let limit = usize::try_from(params.limit.map_or(50, ChatsLimit::get)).unwrap_or(50);
    let page = engine.chats_by_activity(&caller, filter, after.transpose()?, limit).await?;
    let next_cursor = page
        .items
        .last()
        .filter(|_| page.has_more)
        .map(|last| engine.seal_cursor(&purpose, &ActivityPosition::of(last).to_bytes()));
    Ok(Json(ChatList { chats: views(engine, &caller, &page.items).await?, next_cursor }))
}

impl ListParams {
    /// A cursor works for the same account and the same filters only.
    fn cursor_purpose(&self, caller: &Caller) -> String {
        let Self { status, unread, side, hidden, limit: _, cursor: _ } = self;
        format!("native chats {} {status:?} {unread} {side:?} {hidden}", caller.account())
    }
}

fn open_cursor(engine: &Engine, purpose: &str, cursor: &str) -> Result<ActivityPosition, Problem> {
    let payload = engine.open_cursor(purpose, cursor);
    let position = payload.and_then(|payload| ActivityPosition::from_bytes(&payload));
    position.ok_or_else(|| {
        Problem::invalid(
            "cursor",
            "is not a cursor of this list with these filters; begin without one",
        )
    })
}

/// Look at a chat
#[utoipa::path(
    get, path = "/api/v1/chats/{id}", operation_id = "getChat", tag = "chats",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 200, body = ChatView), Problem),
)]
pub(crate) async fn get(
    State(api): State<Api>,
    Reader(caller): Reader,
    PathId(id): PathId<ChatId>,
) -> Result<Json<ChatView>, Problem> {
    let chat = api.engine.chat(&caller, id).await?;
    Ok(Json(view(&api.engine, &caller, &chat).await?))
}

/// How far the caller has read.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ReadRequest {
    /// The newest message that you have read; everything, if it is left out. Reading is never taken back.
    up_to: Option<Id>,
}

/// What is left to read.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReadAnswer {
    /// How many messages of the chat you have not read.
    unread: i64,
}

/// Mark messages as read
#[utoipa::path(
    post, path = "/api/v1/chats/{id}/read", operation_id = "markRead", tag = "chats",
    params(("id" = i64, Path, description = "The chat")),
    request_body = ReadRequest,
    responses((status = 200, body = ReadAnswer), Problem),
)]
pub(crate) async fn read(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<ChatId>,
    JsonBody(request): JsonBody<ReadRequest>,
) -> Result<Json<ReadAnswer>, Problem> {
    let up_to = request.up_to.and_then(|id| MessageId::new(id.get()));
    let unread = api.engine.mark_read(&caller, id, up_to).await?;
    Ok(Json(ReadAnswer { unread }))
}

/// Put a chat out of sight, until the next message
#[utoipa::path(
    post, path = "/api/v1/chats/{id}/hide", operation_id = "hideChat", tag = "chats",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 204), Problem),
)]
pub(crate) async fn hide(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<ChatId>,
) -> Result<StatusCode, Problem> {
    match api.engine.hide_chat(&caller, id).await {
        // A chat that is out of sight already can still be looked at here, and repeating is harmless.
        Err(EngineError::NotFound(_)) => api.engine.chat(&caller, id).await.map(|_| ())?,
        outcome => outcome?,
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Block the seller in a chat, as its buyer
#[utoipa::path(
    put, path = "/api/v1/chats/{id}/block", operation_id = "blockSeller", tag = "chats",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 204), Problem),
)]
pub(crate) async fn block(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<ChatId>,
) -> Result<StatusCode, Problem> {
    api.engine.set_block(&caller, id, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take the block back
#[utoipa::path(
    delete, path = "/api/v1/chats/{id}/block", operation_id = "unblockSeller", tag = "chats",
    params(("id" = i64, Path, description = "The chat")),
    responses((status = 204), Problem),
)]
pub(crate) async fn unblock(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<ChatId>,
) -> Result<StatusCode, Problem> {
    api.engine.set_block(&caller, id, false).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One chat, with everything around it.
async fn view(engine: &Engine, caller: &Caller, chat: &Chat) -> Result<ChatView, Problem> {
    let mut views = views(engine, caller, std::slice::from_ref(chat)).await?;
    views.pop().ok_or_else(Problem::internal)
}

/// Chats with everything around them, in a fixed number of queries.
async fn views(engine: &Engine, caller: &Caller, chats: &[Chat]) -> Result<Vec<ChatView>, Problem> {
    let related = engine.related(chats).await?;
    let last_messages = engine.last_messages(caller, chats).await?;
    let views = chats.iter().map(|chat| {
        let side = engine.side(caller, chat)?;
        let last = last_messages.get(&chat.id);
        let last = last.map(|message| MessageView::of(engine, chat, side, message));
        let permission = engine.may_write(caller, chat, &related)?;
        Ok(ChatView::of(chat, side, &related, last, permission))
    });
    views.collect()
}
