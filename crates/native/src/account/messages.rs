//! Messages: history, sending, search.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::id::{ChatId, MessageId};
use domain::refusal::Refusal;
use domain::text::Text;
use engine::access::Caller;
use engine::store::MessageRange;
use engine::{Engine, EngineError};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Api;
use crate::auth::{Reader, Writer};
use crate::draft::{NewMessage, RequestKey};
use crate::extract::{JsonBody, Params, PathId, PathMessage};
use crate::problem::Problem;
use crate::values::{Id, IdOrZero, MessagesLimit, Needle};
use crate::views::MessageView;

/// Marks the answer to a request that was carried out before.
pub(crate) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How many messages a refused conditional send shows.
const UNSEEN_MAX: usize = 50;
/// Messages on a page unless said otherwise.
const PAGE: i64 = 50;

/// Which stretch of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryParams {
    /// Only newer messages than this one, oldest first; 0 for the beginning of the chat.
    #[param(inline)]
    after: Option<IdOrZero>,
    /// Only older messages than this one, newest first.
    #[param(inline)]
    before: Option<Id>,
    /// How many; 50 unless said otherwise.
    #[param(inline)]
    limit: Option<MessagesLimit>,
}

/// A stretch of a history.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageList {
    /// With `after`: oldest first. Otherwise: newest first.
    pub(crate) messages: Vec<MessageView>,
    /// Whether there are more in the same direction; go on behind the last message of this page.
    pub(crate) has_more: bool,
}

impl HistoryParams {
    pub(crate) fn range(&self) -> Result<MessageRange, Problem> {
        match (self.after, self.before) {
            (Some(_), Some(_)) => Err(Problem::invalid(
                "before",
                "goes the other way than 'after'; send one of the two",
            )),
            (Some(after), None) => Ok(behind(after.get())),
            (None, Some(before)) => match MessageId::new(before.get() - 1) {
                Some(newest) => Ok(MessageRange::Backward(Some(newest))),
                // Nothing is older than the first id: an empty stretch.
                None => Ok(behind(MessageId::LARGEST.get())),
            },
            (None, None) => Ok(MessageRange::Backward(None)),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        page_size(self.limit)
    }
}

/// What is newer than `id`. Behind the largest id lies nothing.
fn behind(id: i64) -> MessageRange {
    MessageRange::Forward(MessageId::at_most(id.unsigned_abs() + 1))
}

fn page_size(limit: Option<MessagesLimit>) -> usize {
    usize::try_from(limit.map_or(PAGE, MessagesLimit::get)).unwrap_or(1)
}

/// Read a chat's history
///
/// Newest first, or with `after` oldest first. What is handed over counts as delivered, not as read.
#[utoipa::path(
    get, path = "/api/v1/chats/{id}/messages", operation_id = "listMessages", tag = "chats",
    params(("id" = i64, Path, description = "The chat"), HistoryParams),
    responses((status = 200, body = MessageList), Problem),
)]
pub(crate) async fn list(
    State(api): State<Api>,
    Reader(caller): Reader,
    PathId(id): PathId<ChatId>,
    Params(params): Params<HistoryParams>,
) -> Result<Json<MessageList>, Problem> {
    let engine = &api.engine;
    let range = params.range()?;
    let chat = engine.chat(&caller, id).await?;
    let side = engine.side(&caller, &chat)?;
    let page = engine.messages(&caller, &chat, range, params.limit()).await?;
    let messages = page.items.iter().map(|message| MessageView::of(engine, &chat, side, message));
    Ok(Json(MessageList { messages: messages.collect(), has_more: page.has_more }))
}

/// Write in a chat
///
/// With an `Idempotency-Key` the same request makes one message, however often it is sent: the first answer is 201,
/// each repeat 200 with the same message and the header `Idempotent-Replayed: true`. The same key with another request
/// is 422.
#[utoipa::path(
    post, path = "/api/v1/chats/{id}/messages", operation_id = "sendMessage", tag = "chats",
    params(
        ("id" = i64, Path, description = "The chat"),
        ("Idempotency-Key" = Option<String>, Header, description = "Chosen by you, 1 to 255 characters; belongs to the account"),
    ),
    request_body = NewMessage,
    responses((status = 201, body = MessageView), (status = 200, body = MessageView, description = "A repeat"), Problem),
)]
pub(crate) async fn send(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathId(id): PathId<ChatId>,
    request_key: RequestKey,
    JsonBody(request): JsonBody<NewMessage>,
) -> Result<Response, Problem> {
    let engine = &api.engine;
    let last_seen = request.if_last_message_id.and_then(|id| MessageId::new(id.get()));
    let draft = request.into_draft(engine, &request_key, ())?;
    let posted = match engine.post_message(&caller, id, draft).await {
        Ok(posted) => posted,
        Err(EngineError::Refused(refusal @ Refusal::LastMessageChanged { .. })) => {
            return Err(unseen(engine, &caller, id, last_seen, refusal).await);
        }
        Err(error) => return Err(error.into()),
    };
    let side = engine.side(&caller, &posted.chat)?;
    let view = MessageView::of(engine, &posted.chat, side, &posted.message);
    Ok(created(posted.replayed, &view))
}

/// What a message is to say.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct MessageEdit {
    /// Up to 4096 characters (Unicode code points) unless the server is set up otherwise.
    #[schema(min_length = 1, max_length = 4096)]
    text: String,
}

impl MessageEdit {
    /// The text by the rules of this door.
    pub(crate) fn into_text(self, engine: &Engine) -> Result<Text, Problem> {
        Ok(Text::new(&self.text, &engine.policy().text)?)
    }
}

/// Replace the text of your message
///
/// Its files stay. Works while you may write in the chat, and only on what your account wrote. Both logs tell of it as
/// `message.updated`; nothing becomes unread by it, and the order of chats stays. The same text once more changes
/// nothing, so that a repeat is harmless.
#[utoipa::path(
    patch, path = "/api/v1/chats/{id}/messages/{message_id}", operation_id = "editMessage", tag = "chats",
    params(("id" = i64, Path, description = "The chat"), ("message_id" = i64, Path, description = "The message")),
    request_body = MessageEdit,
    responses((status = 200, body = MessageView), Problem),
)]
pub(crate) async fn edit(
    State(api): State<Api>,
    Writer(caller): Writer,
    PathMessage(chat, message): PathMessage,
    JsonBody(request): JsonBody<MessageEdit>,
) -> Result<Json<MessageView>, Problem> {
    let engine = &api.engine;
    let text = request.into_text(engine)?;
    let edited = engine.edit_message(&caller, chat, message, text).await?;
    let side = engine.side(&caller, &edited.chat)?;
    Ok(Json(MessageView::of(engine, &edited.chat, side, &edited.message)))
}

/// 201 for a new message, 200 for one that the same request made before.
pub(crate) fn created(replayed: bool, view: &MessageView) -> Response {
    if replayed {
        let header = [(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"))];
        (StatusCode::OK, header, Json(view)).into_response()
    } else {
        (StatusCode::CREATED, Json(view)).into_response()
    }
}

/// The refusal of a conditional send, with what the caller has not seen.
async fn unseen(
    engine: &Engine,
    caller: &Caller,
    id: ChatId,
    last_seen: Option<MessageId>,
    refusal: Refusal,
) -> Problem {
    let problem = Problem::from(refusal);
    let news = behind(last_seen.map_or(0, MessageId::get));
    let found = async {
        let chat = engine.chat(caller, id).await?;
        let side = engine.side(caller, &chat)?;
        let page = engine.messages(caller, &chat, news, UNSEEN_MAX).await?;
        let messages: Vec<_> = page
            .items
            .iter()
            .map(|message| MessageView::of(engine, &chat, side, message))
            .collect();
        Ok::<_, EngineError>((messages, page.has_more))
    };
    match found.await {
        Ok((messages, has_more)) => problem.with("messages", messages).with("has_more", has_more),
        Err(error) => error.into(),
    }
}

/// What to search for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchParams {
    /// Messages whose text contains this are found; upper and lower case are the same, every character stands for
    /// itself.
    #[param(inline)]
    q: Needle,
    /// Only in this chat, also if it is hidden. Otherwise in all chats that you have not hidden.
    #[param(inline)]
    chat_id: Option<Id>,
    /// Only older messages than this one.
    #[param(inline)]
    before: Option<Id>,
    /// How many; 50 unless said otherwise.
    #[param(inline)]
    limit: Option<MessagesLimit>,
}

/// Search your messages
#[utoipa::path(
    get, path = "/api/v1/search", operation_id = "searchMessages", tag = "chats", params(SearchParams),
    responses((status = 200, body = MessageList, description = "Newest first"), Problem),
)]
pub(crate) async fn search(
    State(api): State<Api>,
    Reader(caller): Reader,
    Params(params): Params<SearchParams>,
) -> Result<Json<MessageList>, Problem> {
    let engine = &api.engine;
    let limit = page_size(params.limit);
    let chat = match params.chat_id.and_then(|id| ChatId::new(id.get())) {
        Some(id) => Some(engine.chat(&caller, id).await?),
        None => None,
    };
    let before = params.before.and_then(|id| MessageId::new(id.get()));
    let needle = params.q.into_string();
    let page = engine.search(&caller, chat.as_ref(), needle, before, limit).await?;
    let ids: Vec<_> = page.items.iter().map(|message| message.chat).collect();
    let chats = engine.chats(&caller, &ids).await?;
    let messages = page.items.iter().filter_map(|message| {
        let chat = chats.get(&message.chat)?;
        let side = engine.side(&caller, chat).ok()?;
        Some(MessageView::of(engine, chat, side, message))
    });
    Ok(Json(MessageList { messages: messages.collect(), has_more: page.has_more }))
}
