//! Messages: send a text, read a history.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use domain::chat::{Chat, Side};
use domain::commands::Draft;
use domain::id::MessageId;
use domain::message::Message;
use domain::policy::Policy;
use domain::text::Text;
use engine::queries::Page;
use engine::store::MessageRange;
use engine::{Engine, EngineError};
use http_kit::json::Fields;
use uuid::Uuid;

use crate::Face;
use crate::auth::Seller;
use crate::body::{Body, WireRequest};
use crate::content;
use crate::error::Error;
use crate::wire::{History, MessageContext, MessageRow, Sent, Time};

/// `POST /v1/chat/send/message`
pub(crate) async fn send(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<SendMessageRequest>,
) -> Result<Json<Sent>, Error> {
    seller.standing.require_for_sending(face.settings.subscription_gate)?;
    let chat = face.engine.chat_id_by_public_id(request.chat_id).await?;
    face.engine.post_message(&seller.caller, chat, Draft::text(request.text)).await?;
    Ok(Json(Sent::SUCCESS))
}

/// `POST /v3/chat/history`
pub(crate) async fn history(
    State(face): State<Face>,
    seller: Seller,
    Body(request): Body<HistoryRequest>,
) -> Result<Json<History>, Error> {
    let engine = &face.engine;
    let chat = engine.chat_by_public_id(&seller.caller, request.chat_id).await?;
    seller.standing.require_for_history(face.settings.subscription_gate)?;
    let page = request.fetch(engine, &seller, &chat).await?;
    let related = engine.related(std::slice::from_ref(&chat)).await?;
    let context = content::context(&chat, &related);
    let rows = page.items.iter().map(|message| row(engine, &chat, message, &context));
    Ok(Json(History { has_next: page.has_more, messages: rows.collect() }))
}

fn row(engine: &Engine, chat: &Chat, message: &Message, context: &MessageContext) -> MessageRow {
    let is_image = message.attachments.iter().any(|attachment| attachment.file.is_picture);
    MessageRow {
        message_id: message.id.get(),
        created_at: Time(message.created_at),
        user: content::user(message.author),
        data: content::elements(message, engine.public_url()),
        is_read: chat.is_read(message, Side::Seller),
        is_image,
        moderate_image_status: is_image.then_some("SUCCESS"),
        context: context.clone(),
    }
}

pub(crate) struct SendMessageRequest {
    chat_id: Uuid,
    text: Text,
}

impl WireRequest for SendMessageRequest {
    const NAME: &'static str = "ChatSendMessageRequest";

    fn read(fields: &Fields<'_>, policy: &Policy) -> Result<Self, Error> {
        let chat_id = Self::read_chat_id(fields)?;
        let text = fields.optional_text("text").map_err(Self::unreadable)?;
        let text = Text::new(text.unwrap_or_default(), &policy.text)?;
        Ok(Self { chat_id, text })
    }
}

pub(crate) struct HistoryRequest {
    chat_id: Uuid,
    range: MessageRange,
    limit: usize,
    /// Only these messages.
    only: Option<BTreeSet<MessageId>>,
}

impl HistoryRequest {
    /// How many ids the filter may name: as many as one answer may hold.
    const MESSAGE_IDS_MAX: usize = 1000;

    async fn fetch(
        &self,
        engine: &Engine,
        seller: &Seller,
        chat: &Chat,
    ) -> Result<Page<Message>, EngineError> {
        let Some(only) = &self.only else {
            return engine.messages(&seller.caller, chat, self.range, self.limit).await;
        };
        let wanted: Vec<_> = only.iter().copied().filter(|&id| self.reaches(id)).collect();
        let mut items = engine.messages_of(&seller.caller, chat, &wanted).await?;
        if let MessageRange::Backward(_) = self.range {
            items.reverse();
        }
        Ok(Page::of(items, self.limit))
    }

    fn reaches(&self, id: MessageId) -> bool {
        match self.range {
            MessageRange::Forward(from) => from.is_none_or(|from| from <= id),
            MessageRange::Backward(from) => from.is_none_or(|from| id <= from),
        }
    }

    /// An empty list is no filter; an id that cannot exist is one that the chat does not have (Ozon contract §11.7).
    fn read_filter(fields: &Fields<'_>) -> Result<Option<BTreeSet<MessageId>>, Error> {
        let Some(filter) = fields.optional_object("filter").map_err(Self::unreadable)? else {
            return Ok(None);
        };
        let Some(items) = filter.optional_array("message_ids").map_err(Self::unreadable)? else {
            return Ok(None);
        };
        if Self::MESSAGE_IDS_MAX < items.len() {
            let rule = format!("value must contain no more than {} item(s)", Self::MESSAGE_IDS_MAX);
            return Err(Self::invalid("filter.message_ids", &rule));
        }
        let mut ids = BTreeSet::new();
        for item in items.iter() {
            let id = item.required_u64_lenient().map_err(Self::unreadable)?;
            ids.extend(i64::try_from(id).ok().and_then(MessageId::new));
        }
        Ok((!items.is_empty()).then_some(ids))
    }
}

impl WireRequest for HistoryRequest {
    const NAME: &'static str = "ChatHistoryRequest";

    fn read(fields: &Fields<'_>, _policy: &Policy) -> Result<Self, Error> {
        let chat_id = Self::read_chat_id(fields)?;
        let limit = Self::read_limit(fields, 50, 1000)?;
        let only = Self::read_filter(fields)?;
        let from = fields.optional_u64_lenient("from_message_id").map_err(Self::unreadable)?;
        let from = from.and_then(MessageId::at_most);
        let direction = fields.optional_text("direction").map_err(Self::unreadable)?;
        let range = match direction.unwrap_or_default() {
            "" | "Backward" => MessageRange::Backward(from),
            "Forward" if from.is_none() && only.is_none() => {
                return Err(Self::invalid("from_message_id", "value must be greater than 0"));
            }
            "Forward" => MessageRange::Forward(from),
            _ => {
                let rule = "value must be in list [Forward Backward]";
                return Err(Self::invalid("direction", rule));
            }
        };
        Ok(Self { chat_id, range, limit, only })
    }
}
