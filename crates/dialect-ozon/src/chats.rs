//! Chats: start one, list them, mark one as read.

use axum::Json;
use axum::extract::State;
use domain::chat::{Chat, Side};
use domain::commands::Subject;
use domain::id::{AccountId, MessageId};
use domain::policy::Policy;
use engine::Engine;
use engine::queries::ActivityFilter;
use engine::store::ActivityPosition;
use http_kit::json::Fields;
use uuid::Uuid;

use crate::Face;
use crate::auth::Seller;
use crate::body::{Body, WireRequest};
use crate::error::Error;
use crate::wire::{ChatHead, ChatList, ChatRow, Read, Started, StartedChat, Time};

/// `POST /v1/chat/start`
pub(crate) async fn start(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<StartRequest>,
) -> Result<Json<Started>, Error> {
    seller.standing.require_for_sending(face.settings.subscription_gate)?;
    let subject = Subject::Posting(request.posting_number);
    let opened = face.engine.open_chat(&seller.caller, subject, None).await?;
    Ok(Json(Started { result: StartedChat { chat_id: opened.chat.public_id.to_string() } }))
}

/// `POST /v3/chat/list`
pub(crate) async fn list(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<ListRequest>,
) -> Result<Json<ChatList>, Error> {
    let engine = &face.engine;
    let account = seller.caller.account();
    let after = match &request.cursor {
        Some(text) => Some(open_cursor(engine, account, text)?),
        None => None,
    };
    let page =
        engine.chats_by_activity(&seller.caller, request.filter, after, request.limit).await?;
    let unread = engine.unread(&seller.caller).await?;
    let last = page.last_if_more();
    Ok(Json(ChatList {
        cursor: last.map_or_else(String::new, |chat| seal_cursor(engine, account, chat)),
        has_next: page.has_more,
        total_unread_count: unread.as_seller + unread.as_seller_hidden,
        chats: page.items.iter().map(row).collect(),
    }))
}

/// `POST /v2/chat/read`
pub(crate) async fn read(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<ReadRequest>,
) -> Result<Json<Read>, Error> {
    let chat = face.engine.chat_by_public_id(&seller.caller, request.chat_id).await?;
    // Every chat is one with a buyer, and only those are gated (Ozon contract §5.1).
    seller.standing.require_for_sending(face.settings.subscription_gate)?;
    let unread_count =
        face.engine.mark_read(&seller.caller, chat.id, Some(request.from_message_id)).await?;
    Ok(Json(Read { unread_count }))
}

fn row(chat: &Chat) -> ChatRow {
    let marks = chat.seller.marks;
    ChatRow {
        chat: ChatHead {
            chat_id: chat.public_id.to_string(),
            chat_status: if chat.state.is_over() { "CLOSED" } else { "OPENED" },
            chat_type: "BUYER_SELLER",
            created_at: Time(chat.created_at),
        },
        first_unread_message_id: marks.first_unread.map_or(0, MessageId::get),
        last_message_id: chat.last_message.map_or(0, |last| last.id.get()),
        unread_count: marks.unread,
    }
}

/// A cursor belongs to its call and its account. The filter may change between pages (Ozon contract §11.9).
fn cursor_purpose(account: AccountId) -> String {
    format!("ozon /v3/chat/list {account}")
}

fn seal_cursor(engine: &Engine, account: AccountId, last: &Chat) -> String {
    engine.seal_cursor(&cursor_purpose(account), &ActivityPosition::of(last).to_bytes())
}

fn open_cursor(engine: &Engine, account: AccountId, text: &str) -> Result<ActivityPosition, Error> {
    let payload = engine.open_cursor(&cursor_purpose(account), text);
    let position = payload.and_then(|payload| ActivityPosition::from_bytes(&payload));
    position.ok_or_else(|| ListRequest::invalid("cursor", "value must come from a previous answer"))
}

pub(crate) struct StartRequest {
    posting_number: String,
}

impl WireRequest for StartRequest {
    const NAME: &'static str = "ChatStartRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        let number = fields.optional_text("posting_number").map_err(Self::unreadable)?;
        let number = number.unwrap_or_default();
        if number.is_empty() {
            return Err(Self::invalid("posting_number", "value length must be at least 1 runes"));
        }
        if number.contains('\0') {
            return Err(Self::invalid("posting_number", "value must not contain NUL"));
        }
        Ok(Self { posting_number: number.to_owned() })
    }
}

pub(crate) struct ListRequest {
    filter: ActivityFilter,
    cursor: Option<String>,
    limit: usize,
}

impl WireRequest for ListRequest {
    const NAME: &'static str = "ChatListRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        let limit = Self::read_limit(fields, 30, 100)?;
        let mut over = None;
        let mut unread_only = false;
        if let Some(filter) = fields.optional_object("filter").map_err(Self::unreadable)? {
            over = Self::read_status(&filter)?;
            unread_only =
                filter.optional_bool("unread_only").map_err(Self::unreadable)?.unwrap_or(false);
        }
        let cursor = fields.optional_text("cursor").map_err(Self::unreadable)?;
        let cursor = cursor.filter(|text| !text.is_empty()).map(str::to_owned);
        // Ozon's clients cannot put a chat out of sight, so they see them all.
        let filter =
            ActivityFilter { side: Some(Side::Seller), over, unread_only, skip_hidden: false };
        Ok(Self { filter, cursor, limit })
    }
}

impl ListRequest {
    /// Whether only closed or only open chats are asked for. Clients send several spellings (Ozon contract §11.10).
    fn read_status(filter: &Fields<'_>) -> Result<Option<bool>, Error> {
        let status = filter.optional_text("chat_status").map_err(Self::unreadable)?;
        match status.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "all" => Ok(None),
            "opened" => Ok(Some(false)),
            "closed" => Ok(Some(true)),
            _ => Err(Self::invalid(
                "filter.chat_status",
                "value must be in list [All Opened Closed]",
            )),
        }
    }
}

pub(crate) struct ReadRequest {
    chat_id: Uuid,
    from_message_id: MessageId,
}

impl WireRequest for ReadRequest {
    const NAME: &'static str = "ChatReadRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        let chat_id = Self::read_chat_id(fields)?;
        // The live service wants it, whatever the specification says (Ozon contract §7.6).
        let position = fields.optional_u64_lenient("from_message_id").map_err(Self::unreadable)?;
        let from_message_id =
            position.and_then(MessageId::at_most).ok_or_else(Error::message_id_missing)?;
        Ok(Self { chat_id, from_message_id })
    }
}
