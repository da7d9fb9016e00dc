//! getChatHistory, getChatMessage, sendMessageToChat (contract §7.4 to §7.6).

use axum::extract::{Request, State};
use domain::commands::Draft;
use domain::id::MessageId;
use domain::refusal::Missing;
use domain::text::Text;
use engine::EngineError;
use engine::store::MessageRange;
use serde::Serialize;

use crate::Face;
use crate::auth::Cabinet;
use crate::chats::existing_chat_id;
use crate::error::{Error, Named};
use crate::files::link;
use crate::paging::PageSize;
use crate::request::{Parameters, at_least_one, json_body, members};
use crate::wire::{Answer, FullContext, MessageInfo, Paging};

/// How many messages a page holds (contract §5).
const MESSAGES: PageSize = PageSize { default: 50, max: 100 };

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History {
    /// Deprecated, and still read by older clients (contract §9 row 28).
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<i64>,
    context: FullContext,
    messages: Vec<MessageInfo>,
    paging: Paging,
}

/// `POST …/chats/history`: the messages of a chat, the oldest first.
pub(crate) async fn get_history(
    State(face): State<Face>,
    cabinet: Cabinet,
    parameters: Parameters,
    request: Request,
) -> Result<Answer<History>, Error> {
    let id = parameters.chat_id()?;
    let limit = parameters.limit(MESSAGES)?;
    let body = json_body(request).await?;
    let from = members(&body)?.optional_i64("messageIdFrom")?;
    let from = from.map(|id| at_least_one("messageIdFrom", id)).transpose()?;
    let purpose = format!("yandex-market getChatHistory {} {id}", cabinet.account());
    let after = parameters.after(&face.engine, &purpose)?;

    let chat = face.chat(&cabinet, id).await?;
    // The later of both positions wins (contract §9 row 22).
    let from = from.max(after.map(|last| last.saturating_add(1)));
    let from = from.and_then(|id| MessageId::at_most(id.unsigned_abs()));
    let range = MessageRange::Forward(from);
    let page = face.engine.messages(&cabinet.caller, &chat, range, limit).await?;
    let related = face.engine.related(std::slice::from_ref(&chat)).await?;
    let context = FullContext::of(&chat, &related);
    let last = page.last_if_more().map(|message| message.id.get());
    let infos = page.items.into_iter().map(|message| {
        let link = |attachment: &_| link(&face.engine, cabinet.account(), attachment);
        MessageInfo::of(message, face.settings.time_offset, link)
    });
    Ok(Answer::of(History {
        order_id: context.order_id(),
        context,
        messages: infos.collect(),
        paging: Paging::after(&face.engine, &purpose, last),
    }))
}

/// `GET …/chats/message`: one message.
pub(crate) async fn get_message(
    State(face): State<Face>,
    cabinet: Cabinet,
    parameters: Parameters,
) -> Result<Answer<MessageInfo>, Error> {
    let chat_id = parameters.chat_id()?;
    let message_id = parameters.id("messageId")?;
    let chat = face.chat(&cabinet, chat_id).await?;
    let found = match MessageId::new(message_id) {
        Some(id) => face.engine.message(&cabinet.caller, &chat, id).await,
        None => Err(EngineError::NotFound(Missing::Message)),
    };
    let named = Named::Message { message: message_id, chat: chat_id };
    let message = found.map_err(|error| Error::about(named, error))?;
    let link = |attachment: &_| link(&face.engine, cabinet.account(), attachment);
    Ok(Answer::of(MessageInfo::of(message, face.settings.time_offset, link)))
}

/// `POST …/chats/message`: a text. The answer carries no message id.
pub(crate) async fn send_message(
    State(face): State<Face>,
    cabinet: Cabinet,
    parameters: Parameters,
    request: Request,
) -> Result<Answer<()>, Error> {
    let id = parameters.chat_id()?;
    let body = json_body(request).await?;
    let raw = members(&body)?.required_text("message")?;
    let text = Text::new(raw, &face.engine.policy().text)
        .map_err(|refusal| Error::refused_text(raw, refusal))?;
    let chat = existing_chat_id(id)?;
    let posted = face.engine.post_message(&cabinet.caller, chat, Draft::text(text)).await;
    posted.map_err(|error| Error::about(Named::Chat(id), error))?;
    Ok(Answer::EMPTY)
}
