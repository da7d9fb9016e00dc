//! createChat, getChats, getChat (contract §7.1 to §7.3).

use axum::extract::{Request, State};
use domain::chat::Chat;
use domain::commands::Subject;
use domain::id::{ChatId, OrderId, ReturnId};
use domain::refusal::Missing;
use engine::EngineError;
use http_kit::json::Fields;
use serde::Serialize;

use crate::Face;
use crate::auth::Cabinet;
use crate::error::{Error, Named};
use crate::filter::{ChatFilter, IdentifiableType, Identified};
use crate::paging::PageSize;
use crate::request::{Parameters, at_least_one, json_body, members};
use crate::wire::{Answer, ChatInfo, Paging};

/// How many chats a page holds (contract §5).
const CHATS: PageSize = PageSize { default: 10, max: 20 };

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedChat {
    chat_id: i64,
}

#[derive(Debug, Serialize)]
pub(crate) struct ChatPage {
    chats: Vec<ChatInfo>,
    paging: Paging,
}

/// `POST …/chats/new`: the chat about an order or a return, made if there is none.
pub(crate) async fn create_chat(
    State(face): State<Face>,
    cabinet: Cabinet,
    request: Request,
) -> Result<Answer<CreatedChat>, Error> {
    let body = json_body(request).await?;
    let wanted = wanted_context(&members(&body)?)?;
    let (subject, named) = match wanted.kind {
        IdentifiableType::Order => {
            (OrderId::new(wanted.id).map(Subject::Order), Named::Order(wanted.id))
        }
        IdentifiableType::Return => {
            (ReturnId::new(wanted.id).map(Subject::Return), Named::Return(wanted.id))
        }
    };
    let opened = match subject {
        Some(subject) => face.engine.open_chat(&cabinet.caller, subject, None).await,
        None => Err(EngineError::NotFound(Missing::Order)),
    };
    let chat = opened.map_err(|error| Error::about(named, error))?.chat;
    Ok(Answer::of(CreatedChat { chat_id: chat.id.get() }))
}

/// `POST …/chats`: the cabinet's chats, the oldest first.
pub(crate) async fn get_chats(
    State(face): State<Face>,
    cabinet: Cabinet,
    parameters: Parameters,
    request: Request,
) -> Result<Answer<ChatPage>, Error> {
    let limit = parameters.limit(CHATS)?;
    let body = json_body(request).await?;
    let filter = ChatFilter::read(&members(&body)?)?;
    let purpose = format!("yandex-market getChats {} {}", cabinet.account(), filter.fingerprint()?);
    let after = parameters.after(&face.engine, &purpose)?.and_then(ChatId::new);

    let filter = filter.to_age_filter();
    let page = face.engine.chats_by_age(&cabinet.caller, filter, after, limit).await?;
    let related = face.engine.related(&page.items).await?;
    let offset = face.settings.time_offset;
    let last = page.last_if_more().map(|chat| chat.id.get());
    Ok(Answer::of(ChatPage {
        chats: page.items.iter().map(|chat| ChatInfo::of(chat, &related, offset)).collect(),
        paging: Paging::after(&face.engine, &purpose, last),
    }))
}

/// `GET …/chat`: one chat.
pub(crate) async fn get_chat(
    State(face): State<Face>,
    cabinet: Cabinet,
    parameters: Parameters,
) -> Result<Answer<ChatInfo>, Error> {
    let chat = face.chat(&cabinet, parameters.chat_id()?).await?;
    let related = face.engine.related(std::slice::from_ref(&chat)).await?;
    Ok(Answer::of(ChatInfo::of(&chat, &related, face.settings.time_offset)))
}

impl Face {
    /// The cabinet's chat with the number `id`.
    pub(crate) async fn chat(&self, cabinet: &Cabinet, id: i64) -> Result<Chat, Error> {
        let named = Named::Chat(id);
        let id = existing_chat_id(id)?;
        let chat = self.engine.chat(&cabinet.caller, id).await;
        chat.map_err(|error| Error::about(named, error))
    }
}

/// A number beyond the largest id is the number of no chat.
pub(crate) fn existing_chat_id(id: i64) -> Result<ChatId, Error> {
    ChatId::new(id)
        .ok_or_else(|| Error::about(Named::Chat(id), EngineError::NotFound(Missing::Chat)))
}

/// The context; without one, the order of the older form (contract §9 row 6, §10).
fn wanted_context(body: &Fields<'_>) -> Result<Identified, Error> {
    if let Some(context) = body.optional_object("context")? {
        return Identified::read(&context);
    }
    match body.optional_i64("orderId")? {
        Some(id) => {
            Ok(Identified { kind: IdentifiableType::Order, id: at_least_one("orderId", id)? })
        }
        None => Err(Error::missing_field("context")),
    }
}
