//! Conversations: listed, begun, read, hidden (Partizap contract §4.1, §4.2, §5.3, §5.5, §5.6).

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::chat::Chat;
use domain::commands::{Draft, Subject};
use domain::id::{ChatId, ProductId};
use domain::refusal::Missing;
use engine::access::Caller;
use engine::queries::ActivityFilter;
use engine::store::ActivityPosition;
use http::StatusCode;
use http::request::Parts;
use http_kit::json::{FieldProblemKind, Fields};
use serde::Serialize;

use crate::Face;
use crate::body::{NOT_AN_ID, Object, message_text, of_field};
use crate::error::{Details, Error};
use crate::pace::{NewConversations, Reads, Texts, Uncounted, Visitor};
use crate::paging::{LIMIT_EVERYWHERE, List, QueryString};
use crate::wire::{Conversation, Data, Listing, Writer};

/// The conversation that a path names. A number that no conversation can have is looked for like any other.
pub(crate) struct ConversationId(Option<ChatId>);

/// `GET /vendor/conversations`
pub(crate) async fn list(
    State(face): State<Face>,
    visitor: Visitor<Reads>,
    query: QueryString,
) -> Result<Listing<Conversation>, Error> {
    let Visitor { caller, .. } = visitor;
    let conversations = List::Conversations(&caller);
    let mut details = Details::default();
    let limit = query.limit(LIMIT_EVERYWHERE, &mut details);
    let after = query.position(&face.engine, &conversations, &mut details);
    details.require_none()?;

    let filter = ActivityFilter { skip_hidden: true, ..ActivityFilter::default() };
    let page = face.engine.chats_by_activity(&caller, filter, after, limit).await?;
    let next_cursor = conversations.next_cursor(&face.engine, &page, ActivityPosition::of);
    Ok(Listing::new(render(&face, &caller, &page.items).await?, next_cursor))
}

/// `POST /vendor/conversations`: 201 for a new one, 200 for the one that exists (Partizap contract §7.2).
pub(crate) async fn create(
    State(face): State<Face>,
    visitor: Visitor<NewConversations>,
    body: Result<Object, Error>,
) -> Result<(StatusCode, Data<Conversation>), Error> {
    // What begins a conversation is a text, too. It is counted before its input is looked at, like every other one
    // (§2.1).
    visitor.also::<Texts>(&face).await?;
    let body = body?;
    let caller = &visitor.caller;
    let fields = body.fields()?;
    let mut details = Details::default();
    let product = details.take("product_id", product_id(&fields));
    let rules = face.engine.policy().text;
    let text = message_text(&fields.field("message"), "message", &rules, &mut details);
    let (Some(product), Some(text)) = (product, text) else { return Err(Error::Invalid(details)) };

    let subject = Subject::Product(product, None);
    let opened = face.engine.open_chat(caller, subject, Some(Draft::text(text))).await?;
    let status = if opened.created {
        StatusCode::CREATED
    } else {
        visitor.uncount(&face);
        StatusCode::OK
    };
    Ok((status, Data { data: render_one(&face, caller, opened.chat).await? }))
}

/// `GET /vendor/conversations/{id}`
pub(crate) async fn one(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Reads>,
    id: ConversationId,
) -> Result<Data<Conversation>, Error> {
    let chat = in_sight(&face, &caller, &id).await?;
    Ok(Data { data: render_one(&face, &caller, chat).await? })
}

/// `DELETE /vendor/conversations/{id}`: hides it from the caller, until somebody writes.
pub(crate) async fn hide(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Uncounted>,
    id: ConversationId,
) -> Result<Data<()>, Error> {
    let chat = in_sight(&face, &caller, &id).await?;
    face.engine.hide_chat(&caller, chat.id).await?;
    Ok(Data { data: () })
}

/// The number for the badge.
#[derive(Serialize)]
pub(crate) struct UnreadCount {
    pub(crate) unread_count: i64,
}

/// `GET /vendor/conversations/unread-count`
pub(crate) async fn unread_count(
    State(face): State<Face>,
    Visitor { caller, .. }: Visitor<Reads>,
) -> Result<Data<UnreadCount>, Error> {
    let unread = face.engine.unread(&caller).await?;
    Ok(Data { data: UnreadCount { unread_count: unread.as_seller + unread.as_buyer } })
}

/// The conversation that is meant, if the caller takes part in it and has not hidden it: what is hidden answers by id
/// like what does not exist, on every path (Partizap contract §7.6, §7.11).
pub(crate) async fn in_sight(
    face: &Face,
    caller: &Caller,
    id: &ConversationId,
) -> Result<Chat, Error> {
    let id = id.0.ok_or(Error::NotFound(Missing::Chat))?;
    let chat = face.engine.chat(caller, id).await?;
    let side = face.engine.side(caller, &chat)?;
    if chat.seat(side).hidden { Err(Error::NotFound(Missing::Chat)) } else { Ok(chat) }
}

/// A middleware: an `{id}` that is not made of digits is no path of this wire (Partizap contract §5.3), and neither is
/// one with anything that is not UTF-8.
pub(crate) async fn require_digits(
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    let is_path = params.is_ok_and(|params| {
        let mut ids = params.iter().filter(|(name, _)| *name == "id");
        ids.all(|(_, id)| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
    });
    if is_path { next.run(request).await } else { Error::NoSuchPath.into_response() }
}

impl<S: Send + Sync> FromRequestParts<S> for ConversationId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| Error::NoSuchPath)?;
        let id = params.iter().find(|(name, _)| *name == "id");
        Ok(Self(id.and_then(|(_, id)| ChatId::new(id.parse().ok()?))))
    }
}

impl ConversationId {
    /// The id, if any conversation can have it.
    pub(crate) fn get(&self) -> Option<ChatId> {
        self.0
    }
}

fn product_id(fields: &Fields<'_>) -> Result<ProductId, String> {
    let field = fields.field("product_id");
    let id = field.required_i64().map_err(|problem| match problem.kind {
        FieldProblemKind::Missing | FieldProblemKind::Null => of_field(&problem),
        FieldProblemKind::WrongType { .. } | FieldProblemKind::OutOfRange => NOT_AN_ID.to_owned(),
    })?;
    ProductId::new(id).ok_or_else(|| NOT_AN_ID.to_owned())
}

async fn render_one(face: &Face, caller: &Caller, chat: Chat) -> Result<Conversation, Error> {
    let mut rendered = render(face, caller, &[chat]).await?;
    rendered.pop().ok_or(Error::NotFound(Missing::Chat))
}

/// `chats` with everything that belongs to them, in the same order. Their newest messages count as delivered.
async fn render(face: &Face, caller: &Caller, chats: &[Chat]) -> Result<Vec<Conversation>, Error> {
    let related = face.engine.related(chats).await?;
    let last_messages = face.engine.last_messages(caller, chats).await?;
    let writer = Writer::new(face, caller.account());
    let rendered = chats.iter().map(|chat| {
        let last = last_messages.get(&chat.id).map(|last| writer.handed_over(chat, last));
        writer.conversation(chat, &related, last)
    });
    Ok(rendered.collect())
}
