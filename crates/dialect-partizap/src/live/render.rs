//! From entries of a person's log to publications on the person's channel (Partizap contract §6.2).

use std::collections::HashMap;
use std::sync::Arc;

use ::live::{Render, Rendered};
use async_trait::async_trait;
use domain::chat::Chat;
use domain::event::{Entry, EntryKind};
use domain::id::{AccountId, ChatId, MessageId};
use domain::message::Message;
use engine::EngineError;
use engine::access::Caller;
use engine::queries::Delivery;
use engine::store::{LogEntry, Said};

use super::event::Event;
use super::reply::Publication;
use crate::Face;
use crate::wire::Writer;

/// What an entry became.
pub(crate) struct Published {
    /// At least one. Only the last has an offset, that of the entry: a client that is cut off between them comes back
    /// to all of them.
    pub(crate) publications: Vec<Publication>,
}

/// Writes entries as publications.
pub(crate) struct PublicationWriter {
    pub(crate) face: Face,
}

#[async_trait]
impl Render for PublicationWriter {
    type Content = Published;

    async fn render(
        &self,
        account: AccountId,
        entries: &[LogEntry],
        said: &[Said],
    ) -> Result<Vec<Rendered<Published>>, EngineError> {
        let page = Page::load(&self.face, account, entries, said).await?;
        let published = entries.iter().map(|logged| {
            let events = page.events(&logged.entry);
            let Some(last) = events.len().checked_sub(1) else {
                return Ok(Rendered { content: None, delivery: None });
            };
            let publications = events.iter().enumerate().map(|(index, event)| {
                let offset = (index == last).then_some(logged.sequence);
                Publication::new(event, offset)
            });
            let publications = publications.collect::<Result<_, _>>()?;
            let content = Some(Published { publications });
            Ok(Rendered { content, delivery: page.delivery(&logged.entry) })
        });
        published.collect()
    }
}

/// What the entries tell of, as it is now.
struct Page<'f> {
    face: &'f Face,
    account: AccountId,
    chats: HashMap<ChatId, Chat>,
    messages: HashMap<MessageId, Message>,
    unread_total: i64,
}

impl<'f> Page<'f> {
    async fn load(
        face: &'f Face,
        account: AccountId,
        entries: &[LogEntry],
        said: &[Said],
    ) -> Result<Self, EngineError> {
        let caller = Caller::account_holder(account);
        let messages = face.engine.messages_of_entries(&caller, entries, said).await?;
        let mut chats = HashMap::new();
        let mut of_entries = HashMap::new();
        for (id, said) in messages {
            let (chat, message) = Arc::unwrap_or_clone(said);
            chats.insert(chat.id, chat);
            of_entries.insert(id, message);
        }
        let mut others: Vec<_> = entries
            .iter()
            .filter(|logged| needs_chat(logged.entry.kind))
            .filter_map(|logged| logged.entry.chat)
            .filter(|chat| !chats.contains_key(chat))
            .collect();
        others.sort_unstable();
        others.dedup();
        if !others.is_empty() {
            chats.extend(face.engine.chats(&caller, &others).await?);
        }
        let unread = face.engine.unread(&caller).await?;
        let unread_total = unread.as_seller + unread.as_buyer;
        Ok(Self { face, account, chats, messages: of_entries, unread_total })
    }

    /// What the person hears of an entry, in order.
    fn events(&self, entry: &Entry) -> Vec<Event> {
        match entry.kind {
            EntryKind::MessageCreated => self.message_created(entry),
            EntryKind::ChatRead if self.is_own(entry) => vec![self.badge()],
            EntryKind::ChatRead => self.read_by_companion(entry).into_iter().collect(),
            EntryKind::ChatDelivered => self.delivered_to_companion(entry).into_iter().collect(),
            // What is hidden does not count. The log tells only whoever hides or shows.
            EntryKind::ChatHidden | EntryKind::ChatShown => vec![self.badge()],
            // The wire has no words for it (Partizap contract §6.1).
            EntryKind::ChatOpened
            | EntryKind::MessageUpdated
            | EntryKind::ChatTurnChanged
            | EntryKind::ChatClosed
            | EntryKind::ChatReopened
            | EntryKind::DisputeStarted
            | EntryKind::DisputeEnded
            | EntryKind::ChatBlocked
            | EntryKind::ChatUnblocked
            | EntryKind::WebhookFailing
            | EntryKind::WebhookSwitchedOff => Vec::new(),
        }
    }

    fn message_created(&self, entry: &Entry) -> Vec<Event> {
        let Some(message) = self.message_in_sight(entry) else { return Vec::new() };
        let is_received = message.author.account != self.account;
        let is_told = is_received || self.face.settings.echo_messages;
        let event = is_told.then(|| Event::MessageNew(Box::new(self.writer().just_sent(message))));
        event.into_iter().chain(is_received.then(|| self.badge())).collect()
    }

    fn read_by_companion(&self, entry: &Entry) -> Option<Event> {
        let chat = self.in_sight(entry)?;
        let reader = self.companion(chat, entry)?;
        Some(Event::message_read(&self.writer(), chat.id, reader, entry.message?, entry.at))
    }

    fn delivered_to_companion(&self, entry: &Entry) -> Option<Event> {
        let chat = self.in_sight(entry)?;
        let recipient = self.companion(chat, entry)?;
        Some(Event::message_delivered(chat.id, recipient, entry.message?))
    }

    /// The number for the badge, as it is now.
    fn badge(&self) -> Event {
        Event::UnreadUpdate { unread_count: self.unread_total }
    }

    /// What is to be noted when the entry brings the person somebody else's message.
    fn delivery(&self, entry: &Entry) -> Option<Delivery> {
        let (chat, message) = self.in_sight(entry).zip(self.message_in_sight(entry))?;
        self.face.engine.delivery(&Caller::account_holder(self.account), chat, message)
    }

    /// The new message, if the entry tells of one, unless the person has hidden its chat.
    fn message_in_sight(&self, entry: &Entry) -> Option<&Message> {
        let message = self.messages.get(&entry.message?)?;
        (entry.kind == EntryKind::MessageCreated && self.in_sight(entry).is_some())
            .then_some(message)
    }

    /// The chat of the entry, unless the person has hidden it: what is hidden is not there (Partizap contract §7.11).
    fn in_sight(&self, entry: &Entry) -> Option<&Chat> {
        let chat = self.chats.get(&entry.chat?)?;
        let side = chat.side_of(self.account)?;
        (!chat.seat(side).hidden).then_some(chat)
    }

    /// Whether the person's own side did it.
    fn is_own(&self, entry: &Entry) -> bool {
        let chat = entry.chat.and_then(|chat| self.chats.get(&chat));
        let by = chat.zip(entry.side).map(|(chat, side)| chat.seat(side).account);
        by == Some(self.account)
    }

    fn writer(&self) -> Writer<'_> {
        Writer::new(self.face, self.account)
    }

    /// Who did it, if it was the other side.
    fn companion(&self, chat: &Chat, entry: &Entry) -> Option<AccountId> {
        let by = chat.seat(entry.side?).account;
        (by != self.account).then_some(by)
    }
}

/// Whether an entry of this kind becomes something only together with its chat. New messages bring theirs along.
fn needs_chat(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::ChatRead | EntryKind::ChatDelivered)
}
