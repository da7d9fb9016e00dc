//! What is published on a person's channel (Partizap contract §6.2).

use domain::Timestamp;
use domain::id::{AccountId, ChatId, MessageId};
use serde::Serialize;

use crate::wire::{Message, Writer};

/// One event: `{"type": …, "data": {…}}`.
#[derive(Serialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum Event {
    /// Somebody wrote. Nobody has it yet, so it is neither delivered nor read.
    #[serde(rename = "message.new")]
    MessageNew(Box<Message>),
    /// The companion has read up to a message.
    #[serde(rename = "message.read")]
    MessageRead { conversation_id: i64, reader_id: i64, last_read_message_id: i64, read_at: String },
    /// Messages up to one reached the companion.
    #[serde(rename = "message.delivered")]
    MessageDelivered { conversation_id: i64, user_id: i64, last_delivered_message_id: i64 },
    /// The companion is typing.
    #[serde(rename = "typing")]
    Typing { conversation_id: i64, user_id: i64 },
    /// The number for the badge has changed.
    #[serde(rename = "unread.update")]
    UnreadUpdate { unread_count: i64 },
    /// Somebody with whom the person shares a conversation came.
    #[serde(rename = "user.online")]
    UserOnline { user_id: i64, last_seen_at: String },
    /// Somebody with whom the person shares a conversation went.
    #[serde(rename = "user.offline")]
    UserOffline { user_id: i64, last_seen_at: String },
}

impl Event {
    pub(crate) fn message_read(
        writer: &Writer<'_>,
        chat: ChatId,
        reader: AccountId,
        up_to: MessageId,
        at: Timestamp,
    ) -> Self {
        Self::MessageRead {
            conversation_id: chat.get(),
            reader_id: reader.get(),
            last_read_message_id: up_to.get(),
            read_at: writer.time(at),
        }
    }

    pub(crate) fn message_delivered(chat: ChatId, to: AccountId, up_to: MessageId) -> Self {
        Self::MessageDelivered {
            conversation_id: chat.get(),
            user_id: to.get(),
            last_delivered_message_id: up_to.get(),
        }
    }

    pub(crate) fn typing(chat: ChatId, by: AccountId) -> Self {
        Self::Typing { conversation_id: chat.get(), user_id: by.get() }
    }

    pub(crate) fn presence(
        writer: &Writer<'_>,
        account: AccountId,
        online: bool,
        at: Timestamp,
    ) -> Self {
        let (user_id, last_seen_at) = (account.get(), writer.time(at));
        if online {
            Self::UserOnline { user_id, last_seen_at }
        } else {
            Self::UserOffline { user_id, last_seen_at }
        }
    }
}
