//! What a store loads for a batch of commands, and how it changes while they are decided one after the other.

use std::collections::{HashMap, HashSet};
use std::iter::Sum;

use crate::Timestamp;
use crate::attachment::Attachment;
use crate::catalog::{OrderFacts, Product, Return};
use crate::chat::{Chat, ChatKey, Side};
use crate::event::Event;
use crate::id::{AccountId, AttachmentId, ChatId, MessageId, OrderId, ProductId, ReturnId};
use crate::message::{Message, Role};

/// What commands need to have loaded. A store loads it all, then asks each command for the [`ChatKey`] it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touches {
    /// Chats by id, each with the facts of its order.
    pub chats: HashSet<ChatId>,
    /// Products by id.
    pub products: HashSet<ProductId>,
    /// Orders by id, each with model and postings.
    pub orders: HashSet<OrderId>,
    /// Orders by the number of one of their postings.
    pub postings: HashSet<String>,
    /// Returns by id, each with its order.
    pub returns: HashSet<ReturnId>,
    /// Which of these accounts exist.
    pub accounts: HashSet<AccountId>,
    /// Messages by id, each of its chat.
    pub messages: HashSet<(ChatId, MessageId)>,
    /// Attachments by id.
    pub attachments: HashSet<AttachmentId>,
    /// What became of these idempotency keys.
    pub idempotency_keys: HashSet<(AccountId, String)>,
    /// What lies at these positions.
    pub positions: HashSet<(ChatId, MessageId)>,
}

impl Touches {
    /// Adds what `other` needs.
    pub fn merge(&mut self, other: Self) {
        self.chats.extend(other.chats);
        self.products.extend(other.products);
        self.orders.extend(other.orders);
        self.postings.extend(other.postings);
        self.returns.extend(other.returns);
        self.accounts.extend(other.accounts);
        self.messages.extend(other.messages);
        self.attachments.extend(other.attachments);
        self.idempotency_keys.extend(other.idempotency_keys);
        self.positions.extend(other.positions);
    }
}

/// What was loaded. Absent means that it does not exist.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Chats by id.
    pub chats: HashMap<ChatId, Chat>,
    /// The chat of each key.
    pub chats_by_key: HashMap<ChatKey, ChatId>,
    /// Products by id.
    pub products: HashMap<ProductId, Product>,
    /// Orders by id.
    pub orders: HashMap<OrderId, OrderFacts>,
    /// The order of each posting.
    pub postings: HashMap<String, OrderId>,
    /// Returns by id.
    pub returns: HashMap<ReturnId, Return>,
    /// The accounts that exist and are active.
    pub accounts: HashSet<AccountId>,
    /// Messages by chat and id.
    pub messages: HashMap<(ChatId, MessageId), Message>,
    /// Attachments by id.
    pub attachments: HashMap<AttachmentId, Attachment>,
    /// What became of idempotency keys.
    pub receipts: HashMap<(AccountId, String), Receipt>,
    /// What lies at positions that were asked for.
    pub landmarks: HashMap<(ChatId, MessageId), Landmark>,
    /// The ids that were given out last.
    pub last_ids: LastIds,
    /// Messages of this batch: no landmark knows of them.
    pub(crate) posted: HashMap<ChatId, Vec<Message>>,
}

/// What became of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// SHA-256 of the request that used the key first.
    pub fingerprint: [u8; 32],
    /// The message that it made.
    pub message: Message,
}

/// What lies at a position of a chat's history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Landmark {
    /// The newest message at or before the position.
    pub at_or_before: Option<MessageId>,
    /// How many messages of others the seller had received with it.
    pub received_by_seller: i64,
    /// How many messages of others the buyer had received with it.
    pub received_by_buyer: i64,
    /// The oldest message after the position that the seller did not write.
    pub next_for_seller: Option<MessageId>,
    /// The oldest message after the position that the buyer did not write.
    pub next_for_buyer: Option<MessageId>,
}

/// The newest id of each kind that Torg chooses; 0 before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastIds {
    /// Of chats.
    pub chat: i64,
    /// Of messages.
    pub message: i64,
    /// Of attachments.
    pub attachment: i64,
}

/// How many new ids of each kind are wanted, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdsWanted {
    /// Of chats.
    pub chats: i64,
    /// Of messages.
    pub messages: i64,
    /// Of attachments.
    pub attachments: i64,
}

impl Sum for IdsWanted {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            chats: sum.chats + one.chats,
            messages: sum.messages + one.messages,
            attachments: sum.attachments + one.attachments,
        })
    }
}

impl LastIds {
    /// The next chat's id. None when the numbers are used up, which no server lives to see.
    pub(crate) fn next_chat(&self) -> Option<ChatId> {
        ChatId::new(self.chat + 1)
    }

    /// The `index`th next attachment's id.
    pub(crate) fn next_attachment(&self, index: usize) -> Option<AttachmentId> {
        AttachmentId::new(self.attachment + 1 + i64::try_from(index).ok()?)
    }

    /// The next message's id: the time in microseconds since 1970, or one more than the last id when that is later. So
    /// ids rise on every server, also when the clock steps back (Yandex Market contract §9, 16 and 17).
    pub(crate) fn next_message(&self, now: Timestamp) -> Option<MessageId> {
        MessageId::new(now.as_microsecond().max(self.message + 1))
    }
}

impl World {
    /// The order behind `chat`.
    pub fn order_of(&self, chat: &Chat) -> Option<&OrderFacts> {
        self.orders.get(&chat.order?)
    }

    /// The chat of `key`.
    pub fn chat_of(&self, key: &ChatKey) -> Option<&Chat> {
        self.chats.get(self.chats_by_key.get(key)?)
    }

    /// A message of `chat`: one that was asked for, or one of this batch.
    pub(crate) fn message(&self, chat: ChatId, id: MessageId) -> Option<&Message> {
        let posted = || self.posted.get(&chat)?.iter().find(|message| message.id == id);
        self.messages.get(&(chat, id)).or_else(posted)
    }

    /// How many messages stay unread for `side` when it has read up to `position`, and which is the oldest of them.
    /// Also the newest message at or before the position.
    pub(crate) fn look_back(&self, chat: &Chat, side: Side, position: MessageId) -> LookBack {
        let landmark = self.landmarks.get(&(chat.id, position)).copied().unwrap_or_default();
        let posted = self.posted.get(&chat.id).map_or(&[][..], Vec::as_slice);
        let (before, after) =
            posted.split_at(posted.partition_point(|message| message.id <= position));

        let (received, next) = match side {
            Side::Seller => (landmark.received_by_seller, landmark.next_for_seller),
            Side::Buyer => (landmark.received_by_buyer, landmark.next_for_buyer),
        };
        let (at_or_before, received) = match before.last() {
            Some(message) => (Some(message.id), message.received_by(side)),
            None => (landmark.at_or_before, received),
        };
        let posted_next = after
            .iter()
            .find(|message| message.author.role != Role::from(side))
            .map(|message| message.id);
        LookBack {
            at_or_before,
            unread: chat.seat(side).marks.received - received,
            first_unread: next.or(posted_next),
        }
    }

    /// Lets `event` happen.
    pub(crate) fn apply(&mut self, event: &Event, at: Timestamp) {
        if let Some(chat) = event.opened() {
            self.last_ids.chat = chat.id.get();
            self.chats_by_key.insert(chat.key(), chat.id);
            self.chats.insert(chat.id, chat.clone());
        }
        if let Some(message) = event.message() {
            self.last_ids.message = message.id.get();
            self.posted.entry(message.chat).or_default().push(message.clone());
        }
        if let Some(message) = event.updated() {
            self.replace(message);
        }
        for attachment in event.attachments() {
            // What comes to belong to a message may have been stored, and so numbered, long before.
            if self.attachments.insert(attachment.id, attachment.clone()).is_none() {
                self.last_ids.attachment = attachment.id.get();
            }
        }
        if let Some(chat) = event.chat().and_then(|id| self.chats.get_mut(&id)) {
            chat.apply(event, at);
        }
    }

    /// Puts `message` wherever an earlier state of it stands.
    fn replace(&mut self, message: &Message) {
        let asked_for = self.messages.get_mut(&(message.chat, message.id));
        let posted = self.posted.get_mut(&message.chat).into_iter().flatten();
        let receipts = self.receipts.values_mut().map(|receipt| &mut receipt.message);
        for known in asked_for.into_iter().chain(posted).chain(receipts) {
            if known.id == message.id {
                known.clone_from(message);
            }
        }
    }
}

/// See [`World::look_back`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LookBack {
    pub(crate) at_or_before: Option<MessageId>,
    pub(crate) unread: i64,
    pub(crate) first_unread: Option<MessageId>,
}
