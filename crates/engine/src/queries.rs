//! What can be asked. A chat of others looks exactly like one that does not exist.

use std::collections::HashMap;

use domain::catalog::Shop;
use domain::chat::{Chat, Context, ContextKind, Phase, Side};
use domain::commands::{Command, MarkDelivered};
use domain::event::Entry;
use domain::id::{ChatId, MessageId, ShopId};
use domain::message::Message;
use domain::permission::{Permission, may_write};
use domain::refusal::Missing;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::access::{Caller, Host};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::related::Related;
use crate::store::{
    ActivityPosition, ActivityQuery, AgeQuery, LogEntry, LogPage, MessageQuery, MessageRange, Said,
    SearchQuery, UnreadTotals,
};
use crate::wakeups::ToldEvents;

/// Some of the rows that a query finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// In the query's order.
    pub items: Vec<T>,
    /// Whether there are more after these.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// Makes a page of the first `limit` of `items`.
    pub fn of(mut items: Vec<T>, limit: usize) -> Self {
        let has_more = limit < items.len();
        items.truncate(limit);
        Self { items, has_more }
    }

    /// The row behind which the next page begins; none on the last page.
    pub fn last_if_more(&self) -> Option<&T> {
        self.items.last().filter(|_| self.has_more)
    }
}

/// That a message reaches its reader: see [`Engine::delivery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    chat: ChatId,
    message: MessageId,
}

/// Which chats to list by activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityFilter {
    /// Only those in which the caller sits on this side.
    pub side: Option<Side>,
    /// Only chats that are over, or only chats that are not.
    pub over: Option<bool>,
    /// Only chats with unread messages.
    pub unread_only: bool,
    /// Whether hidden chats are left out.
    pub skip_hidden: bool,
}

/// Which of a seller's chats to list by age. Values of one filter are alternatives; different filters all apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgeFilter {
    /// Only about one of these things.
    pub contexts: Option<Vec<Context>>,
    /// Only about things of one of these kinds.
    pub context_kinds: Option<Vec<ContextKind>>,
    /// Only chats that are or were disputes, or only chats that never were.
    pub dispute: Option<bool>,
    /// Only chats in one of these phases.
    pub phases: Option<Vec<Phase>>,
}

impl Engine {
    /// One chat of the caller's.
    pub async fn chat(&self, caller: &Caller, id: ChatId) -> Result<Chat, EngineError> {
        let chat = self.store().chat(id).await?;
        self.in_reach(caller, chat).await
    }

    /// One chat of the caller's, by its UUID.
    pub async fn chat_by_public_id(&self, caller: &Caller, id: Uuid) -> Result<Chat, EngineError> {
        let chat = self.store().chat_by_public_id(id).await?;
        self.in_reach(caller, chat).await
    }

    /// The id of a chat by its UUID, whoever's it is: for commands, which prove the caller's side themselves.
    pub async fn chat_id_by_public_id(&self, id: Uuid) -> Result<ChatId, EngineError> {
        let chat = self.store().chat_id_by_public_id(id).await?;
        chat.ok_or(EngineError::NotFound(Missing::Chat))
    }

    /// The caller's chats, the one with the newest message first.
    pub async fn chats_by_activity(
        &self,
        caller: &Caller,
        filter: ActivityFilter,
        after: Option<ActivityPosition>,
        limit: usize,
    ) -> Result<Page<Chat>, EngineError> {
        let query = ActivityQuery {
            account: caller.account(),
            side: filter.side,
            over: filter.over,
            unread_only: filter.unread_only,
            skip_hidden: filter.skip_hidden,
            after,
            limit: limit + 1,
        };
        Ok(Page::of(self.store().chats_by_activity(&query).await?, limit))
    }

    /// The chats in which the caller sells, the oldest first.
    pub async fn chats_by_age(
        &self,
        caller: &Caller,
        filter: AgeFilter,
        after: Option<ChatId>,
        limit: usize,
    ) -> Result<Page<Chat>, EngineError> {
        let query = AgeQuery {
            seller: caller.account(),
            contexts: filter.contexts,
            context_kinds: filter.context_kinds,
            dispute: filter.dispute,
            phases: filter.phases,
            shops: caller.shops.clone(),
            after,
            limit: limit + 1,
        };
        Ok(Page::of(self.store().chats_by_age(&query).await?, limit))
    }

    /// A stretch of the history of a chat of the caller's. What is handed over counts as delivered.
    pub async fn messages(
        &self,
        caller: &Caller,
        chat: &Chat,
        range: MessageRange,
        limit: usize,
    ) -> Result<Page<Message>, EngineError> {
        let query = MessageQuery { chat: chat.id, range, limit: limit + 1 };
        let page = Page::of(self.store().messages(&query).await?, limit);
        self.note_delivery(caller, &[chat], &page.items).await;
        Ok(page)
    }

    /// One message of a chat of the caller's. What is handed over counts as delivered.
    pub async fn message(
        &self,
        caller: &Caller,
        chat: &Chat,
        id: MessageId,
    ) -> Result<Message, EngineError> {
        let mut found = self.messages_of(caller, chat, &[id]).await?;
        found.pop().ok_or(EngineError::NotFound(Missing::Message))
    }

    /// Those of `ids` that are messages of this chat of the caller's, by rising id. What is handed over counts as
    /// delivered.
    pub async fn messages_of(
        &self,
        caller: &Caller,
        chat: &Chat,
        ids: &[MessageId],
    ) -> Result<Vec<Message>, EngineError> {
        let ids: Vec<_> = ids.iter().map(|&id| (chat.id, id)).collect();
        let mut found = self.store().messages_by_id(&ids).await?;
        found.sort_by_key(|message| message.id);
        self.note_delivery(caller, &[chat], &found).await;
        Ok(found)
    }

    /// The newest message of each of these chats of the caller's. What is handed over counts as delivered.
    pub async fn last_messages(
        &self,
        caller: &Caller,
        chats: &[Chat],
    ) -> Result<HashMap<ChatId, Message>, EngineError> {
        let ids: Vec<_> =
            chats.iter().filter_map(|chat| Some((chat.id, chat.last_message?.id))).collect();
        let found = self.store().messages_by_id(&ids).await?;
        self.note_delivery(caller, &chats.iter().collect::<Vec<_>>(), &found).await;
        Ok(found.into_iter().map(|message| (message.chat, message)).collect())
    }

    /// The caller's messages that contain `needle`, newest first: in one chat, or in all that are not hidden.
    pub async fn search(
        &self,
        caller: &Caller,
        chat: Option<&Chat>,
        needle: String,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Page<Message>, EngineError> {
        let chat = chat.map(|chat| chat.id);
        let query =
            SearchQuery { account: caller.account(), chat, needle, before, limit: limit + 1 };
        Ok(Page::of(self.store().search(&query).await?, limit))
    }

    /// These chats of the caller's, by id; those that are not the caller's are left out.
    pub async fn chats(
        &self,
        caller: &Caller,
        ids: &[ChatId],
    ) -> Result<HashMap<ChatId, Chat>, EngineError> {
        let found = self.store().chats(ids).await?;
        let found = self.all_in_reach(caller, found, |chat| chat).await?;
        Ok(found.into_iter().map(|chat| (chat.id, chat)).collect())
    }

    /// The new and the edited messages that these entries of the caller's log tell of, as they are now, each with its
    /// chat. What was told with the entries is not looked up. Once one is handed over, its [`Self::delivery`] is to be
    /// noted.
    pub async fn messages_of_entries(
        &self,
        caller: &Caller,
        entries: &[LogEntry],
        said: &[Said],
    ) -> Result<HashMap<MessageId, Said>, EngineError> {
        let mut found = said.to_vec();
        let unknown: Vec<_> = entries
            .iter()
            .filter(|logged| logged.entry.kind.shows_message())
            .filter_map(|logged| Some((logged.entry.chat?, logged.entry.message?)))
            .filter(|(_, message)| said.iter().all(|said| said.1.id != *message))
            .collect();
        if !unknown.is_empty() {
            let looked_up = self.store().messages_in_chats(&unknown).await?;
            found.extend(looked_up.into_iter().map(Said::new));
        }
        let found = self.all_in_reach(caller, found, |said| &said.0).await?;
        Ok(found.into_iter().map(|said| (said.1.id, said)).collect())
    }

    /// Where an entry of the caller's log happened and the message that it names, as they are now; none when that was in
    /// no chat that the caller reaches. Nothing counts as delivered by this.
    pub async fn scene_of_entry(
        &self,
        caller: &Caller,
        entry: &Entry,
    ) -> Result<Option<(Chat, Option<Message>)>, EngineError> {
        let Some(id) = entry.chat else { return Ok(None) };
        let Some(chat) = self.chats(caller, &[id]).await?.remove(&id) else { return Ok(None) };
        let message = match entry.message {
            Some(message) => self.store().messages_by_id(&[(id, message)]).await?.pop(),
            None => None,
        };
        Ok(Some((chat, message)))
    }

    /// What is to be noted once the caller was handed `message` of `chat`; none when that is known already, or when the
    /// caller's own side wrote it, which says nothing about what reached it.
    pub fn delivery(&self, caller: &Caller, chat: &Chat, message: &Message) -> Option<Delivery> {
        let side = caller.actor.side_in(chat)?;
        let is_of_others = message.author.role.side() != Some(side);
        (is_of_others && is_news(chat, side, message.id))
            .then_some(Delivery { chat: chat.id, message: message.id })
    }

    /// Notes that messages have reached a client of the caller's.
    pub async fn note_deliveries(
        &self,
        caller: &Caller,
        deliveries: impl IntoIterator<Item = Delivery>,
    ) {
        let delivered = deliveries.into_iter().map(|Delivery { chat, message }| (chat, message));
        self.mark_delivered(caller, newest_of_each_chat(delivered)).await;
    }

    /// How much the caller has not read.
    pub async fn unread(&self, caller: &Caller) -> Result<UnreadTotals, EngineError> {
        Ok(self.store().unread(caller.account()).await?)
    }

    /// Entries of the caller's log after `after`, rising, at most `limit`.
    pub async fn events(
        &self,
        caller: &Caller,
        after: i64,
        limit: usize,
    ) -> Result<LogPage, EngineError> {
        Ok(self.store().log(caller.account(), after, limit).await?)
    }

    /// The entries behind `after` of the log of an account to which somebody listens, and what was said in them, if a wake-up
    /// has brought that along: whoever was woken for them need not ask the store. None says nothing about the log.
    pub fn told_events(&self, caller: &Caller, after: i64) -> ToldEvents {
        self.wakeups().told_behind(caller.account(), after)
    }

    /// Until when the caller may write in a chat, or why not. `related` holds the chat's order.
    pub fn may_write(
        &self,
        caller: &Caller,
        chat: &Chat,
        related: &Related,
    ) -> Result<Permission, EngineError> {
        let side = self.side(caller, chat)?;
        Ok(may_write(chat, related.order_of(chat), side, self.policy(), self.now()))
    }

    /// The caller's side in a chat.
    pub fn side(&self, caller: &Caller, chat: &Chat) -> Result<Side, EngineError> {
        caller.actor.side_in(chat).ok_or(EngineError::NotFound(Missing::Chat))
    }

    /// Shops of the caller's account with an id above `after`, by rising id.
    pub async fn shops(
        &self,
        caller: &Caller,
        after: Option<ShopId>,
        limit: usize,
    ) -> Result<Page<Shop>, EngineError> {
        let Some(ids) = &caller.shops else {
            let found = self.store().shops_of(caller.account(), after, limit + 1).await?;
            return Ok(Page::of(found, limit));
        };
        let mut found = self.store().shops(ids).await?;
        found.retain(|shop| shop.seller == caller.account() && after < Some(shop.id));
        found.sort_by_key(|shop| shop.id);
        found.dedup();
        Ok(Page::of(found, limit))
    }

    /// Any chat, for the marketplace.
    pub async fn any_chat(&self, _host: Host, id: ChatId) -> Result<Chat, EngineError> {
        self.store().chat(id).await?.ok_or(EngineError::NotFound(Missing::Chat))
    }

    /// A stretch of any chat's history, for the marketplace.
    pub async fn any_messages(
        &self,
        _host: Host,
        chat: ChatId,
        range: MessageRange,
        limit: usize,
    ) -> Result<Page<Message>, EngineError> {
        let query = MessageQuery { chat, range, limit: limit + 1 };
        Ok(Page::of(self.store().messages(&query).await?, limit))
    }

    /// What a client was handed has reached it.
    async fn note_delivery(&self, caller: &Caller, chats: &[&Chat], messages: &[Message]) {
        let newest = newest_of_each_chat(messages.iter().map(|message| (message.chat, message.id)));
        let news = chats.iter().filter_map(|chat| {
            let (up_to, side) = (*newest.get(&chat.id)?, caller.actor.side_in(chat)?);
            is_news(chat, side, up_to).then_some((chat.id, up_to))
        });
        self.mark_delivered(caller, news).await;
    }

    async fn mark_delivered(
        &self,
        caller: &Caller,
        up_to: impl IntoIterator<Item = (ChatId, MessageId)>,
    ) {
        let commands = up_to.into_iter().map(|(chat, up_to)| {
            let command = MarkDelivered { actor: caller.actor.clone(), chat, up_to };
            self.run(Command::MarkDelivered(command))
        });
        for outcome in join_all(commands).await {
            if let Err(error) = outcome {
                // A failure must not spoil the reading: the next fetch says it again.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a delivery was not noted"
                );
            }
        }
    }
}

/// Whether a message of the chat has not reached `side` before. Where everything is read, everything was delivered; what
/// remains are the side's own lines.
fn is_news(chat: &Chat, side: Side, message: MessageId) -> bool {
    let marks = &chat.seat(side).marks;
    marks.has_unread() && !marks.has_received(message)
}

fn newest_of_each_chat(
    messages: impl Iterator<Item = (ChatId, MessageId)>,
) -> HashMap<ChatId, MessageId> {
    let mut newest: HashMap<ChatId, MessageId> = HashMap::new();
    for (chat, message) in messages {
        let up_to = newest.entry(chat).or_insert(message);
        *up_to = message.max(*up_to);
    }
    newest
}
