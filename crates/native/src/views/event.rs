//! Entries of an account's log. Lists, streams and pushes show them in the same words.

use domain::chat::Chat;
use domain::id::{ChatId, MessageId, WebhookId};
use domain::message::Message;
use engine::access::Caller;
use engine::queries::Delivery;
use engine::store::{LogEntry, Said};
use engine::{Engine, EngineError};
use serde::Serialize;
use utoipa::ToSchema;

use super::MessageView;
use crate::names::{EventKind, SideName};
use crate::values::Time;

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// 1 for the account's first event, 2 for its second.
    sequence: i64,
    kind: EventKind,
    /// Where; null for what happens in no chat.
    chat_id: Option<i64>,
    /// The new or edited message, or the newest one that was read or delivered.
    message_id: Option<i64>,
    /// The new or edited message, as it is now.
    message: Option<MessageView>,
    /// Who wrote, edited, read, received, hid, showed, blocked or closed, where it was one of the two sides.
    side: Option<SideName>,
    /// The webhook that this is about.
    webhook_id: Option<i64>,
    at: Time,
}

/// An event that is shown to the owner of a log.
pub(crate) struct ShownEvent {
    pub(crate) view: EventView,
    /// What is to be noted once it was handed over.
    pub(crate) delivery: Option<Delivery>,
}

impl EventView {
    /// One for each of `entries` of the caller's log, in the same order. What was `said` in them and told with them is not
    /// looked up.
    pub(crate) async fn all(
        engine: &Engine,
        caller: &Caller,
        entries: &[LogEntry],
        said: &[Said],
    ) -> Result<Vec<ShownEvent>, EngineError> {
        let messages = engine.messages_of_entries(caller, entries, said).await?;
        let shown = entries.iter().map(|logged| {
            let shown = logged.entry.message.filter(|_| logged.entry.kind.shows_message());
            let shown = shown.and_then(|id| messages.get(&id));
            let shown = shown.map(|said| &**said);
            let message = shown.and_then(|(chat, message)| show(engine, caller, chat, message));
            let delivery = shown.and_then(|(chat, message)| engine.delivery(caller, chat, message));
            ShownEvent { view: Self::of(logged, message), delivery }
        });
        Ok(shown.collect())
    }

    fn of(logged: &LogEntry, message: Option<MessageView>) -> Self {
        let entry = &logged.entry;
        Self {
            sequence: logged.sequence,
            kind: entry.kind.into(),
            chat_id: entry.chat.map(ChatId::get),
            message_id: entry.message.map(MessageId::get),
            message,
            side: entry.side.map(SideName::from),
            webhook_id: entry.webhook.map(WebhookId::get),
            at: Time(entry.at),
        }
    }
}

fn show(engine: &Engine, caller: &Caller, chat: &Chat, message: &Message) -> Option<MessageView> {
    let side = engine.side(caller, chat).ok()?;
    Some(MessageView::of(engine, chat, side, message))
}
