//! Messages and attachments.

use std::collections::{HashMap, HashSet};

use domain::attachment::Attachment;
use domain::chat::Chat;
use domain::id::{AttachmentId, ChatId, MessageId};
use domain::message::Message;
use engine::store::{MessageQuery, MessageRange, StoreError};

use super::database::Database;
use super::gathering::Lookup;
use crate::cells::{Cells as _, number};
use crate::rows::chats::{chat, chat_columns};
use crate::rows::messages::{attachment, attachment_columns, message, message_columns};

macro_rules! select_message {
    ($rest:literal) => {
        concat!("SELECT ", message_columns!(), " FROM messages WHERE ", $rest)
    };
}

pub(super) const FORWARD: &str =
    select_message!("seller_id = $1 AND chat_id = $2 AND id >= $3 ORDER BY id LIMIT $4");
pub(super) const BACKWARD: &str =
    select_message!("seller_id = $1 AND chat_id = $2 AND id <= $3 ORDER BY id DESC LIMIT $4");

/// A stretch of a history.
pub(super) async fn page(db: &Database, query: &MessageQuery) -> Result<Vec<Message>, StoreError> {
    let Some(seller) = db.seller_of(query.chat).await? else { return Ok(Vec::new()) };
    let (sql, from) = match query.range {
        MessageRange::Forward(from) => (FORWARD, from.map_or(0, MessageId::get)),
        MessageRange::Backward(from) => (BACKWARD, from.unwrap_or(MessageId::LARGEST).get()),
    };
    let limit = number(query.limit);
    let found = db.query(sql, &[&seller.get(), &query.chat.get(), &from, &limit], message).await?;
    with_attachments(db, found).await
}

// LIMIT in the inner statement keeps the planner from turning the two round: each row is looked up by its key.
pub(super) const BY_IDS: &str = concat!(
    "SELECT ",
    message_columns!(),
    " FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) AS wanted (seller, chat, message) \
     CROSS JOIN LATERAL (",
    select_message!(
        "seller_id = wanted.seller AND chat_id = wanted.chat AND id = wanted.message LIMIT 1"
    ),
    ") AS messages"
);

// The chat of a message is there: it is the first one from its id on, and no index but that of the key has the order.
pub(super) const WITH_CHATS: &str = concat!(
    "SELECT messages.*, chats.* \
     FROM unnest($1::BIGINT[], $2::BIGINT[], $3::BIGINT[]) AS wanted (seller, chat, message) \
     CROSS JOIN LATERAL (",
    select_message!(
        "seller_id = wanted.seller AND chat_id = wanted.chat AND id = wanted.message LIMIT 1"
    ),
    ") AS messages CROSS JOIN LATERAL (SELECT ",
    chat_columns!(),
    " FROM chats WHERE seller_id = wanted.seller AND id >= wanted.chat ORDER BY id LIMIT 1) AS chats"
);

/// Single messages, each with its chat.
pub(super) struct MessagesInChats;

impl Lookup for MessagesInChats {
    type Key = (ChatId, MessageId);
    type Found = (Chat, Message);

    async fn look_up(
        db: &Database,
        ids: &[(ChatId, MessageId)],
    ) -> Result<Vec<((ChatId, MessageId), (Chat, Message))>, StoreError> {
        let Keys { sellers, chats, messages } = keys(db, ids).await?;
        let (chats, found): (Vec<_>, Vec<_>) = db
            .query(WITH_CHATS, &[&sellers, &chats, &messages], |cells| {
                let message = message(cells)?;
                Ok((chat(cells)?, message))
            })
            .await?
            .into_iter()
            .unzip();
        let found = chats.into_iter().zip(with_attachments(db, found).await?);
        Ok(found.map(|(chat, message)| ((chat.id, message.id), (chat, message))).collect())
    }
}

/// The keys of messages, column by column; those of chats that do not exist are left out.
#[derive(Default)]
struct Keys {
    sellers: Vec<i64>,
    chats: Vec<i64>,
    messages: Vec<i64>,
}

async fn keys(db: &Database, ids: &[(ChatId, MessageId)]) -> Result<Keys, StoreError> {
    let chats: HashSet<ChatId> = ids.iter().map(|&(chat, _)| chat).collect();
    let parties: HashMap<_, _> = db.parties(chats).await?.into_iter().collect();
    let mut keys = Keys::default();
    for (chat, message) in ids {
        if let Some(parties) = parties.get(chat) {
            keys.sellers.push(parties.seller.get());
            keys.chats.push(chat.get());
            keys.messages.push(message.get());
        }
    }
    Ok(keys)
}

/// Single messages.
pub(super) struct MessagesById;

impl Lookup for MessagesById {
    type Key = (ChatId, MessageId);
    type Found = Message;

    async fn look_up(
        db: &Database,
        ids: &[(ChatId, MessageId)],
    ) -> Result<Vec<((ChatId, MessageId), Message)>, StoreError> {
        let Keys { sellers, chats, messages } = keys(db, ids).await?;
        let found = db.query(BY_IDS, &[&sellers, &chats, &messages], message).await?;
        let found = with_attachments(db, found).await?;
        Ok(found.into_iter().map(|message| ((message.chat, message.id), message)).collect())
    }
}

macro_rules! select_attachment {
    ($rest:literal) => {
        concat!("SELECT ", attachment_columns!(), " FROM attachments WHERE ", $rest)
    };
}

pub(super) const ATTACHMENTS_OF: &str = concat!(
    "SELECT ",
    attachment_columns!(),
    " FROM unnest($1::BIGINT[], $2::BIGINT[]) AS wanted (chat, message) CROSS JOIN LATERAL (",
    select_attachment!("chat_id = wanted.chat AND message_id = wanted.message ORDER BY position"),
    ") AS attachments"
);
pub(super) const ATTACHMENT_BY_ID: &str = select_attachment!("id = $1");

/// The messages that were `found`, with their attachments, if any has some.
pub(super) async fn with_attachments(
    db: &Database,
    found: Vec<(Message, bool)>,
) -> Result<Vec<Message>, StoreError> {
    let carriers = found.iter().filter(|(_, carries)| *carries);
    let (chats, messages): (Vec<i64>, Vec<i64>) =
        carriers.map(|(message, _)| (message.chat.get(), message.id.get())).unzip();
    let mut attachments: HashMap<(ChatId, MessageId), Vec<Attachment>> = HashMap::new();
    if !messages.is_empty() {
        for attachment in db.query(ATTACHMENTS_OF, &[&chats, &messages], attachment).await? {
            if let Some(message) = attachment.message {
                attachments.entry(message).or_default().push(attachment);
            }
        }
    }
    let with_its_own = |(message, _): (Message, bool)| {
        let attachments = attachments.remove(&(message.chat, message.id)).unwrap_or_default();
        Message { attachments, ..message }
    };
    Ok(found.into_iter().map(with_its_own).collect())
}

/// One attachment.
pub(super) async fn attachment_by_id(
    db: &Database,
    id: AttachmentId,
) -> Result<Option<Attachment>, StoreError> {
    db.query_one(ATTACHMENT_BY_ID, &[&id.get()], attachment).await
}

pub(super) const ATTACHMENT_IN_CHAT: &str = concat!(
    "SELECT attachments.*, chats.id IS NOT NULL, chats.* FROM (",
    select_attachment!("id = $1 LIMIT 1"),
    ") AS attachments LEFT JOIN LATERAL (SELECT ",
    chat_columns!(),
    " FROM chats WHERE id = attachments.chat_id LIMIT 1) AS chats ON TRUE"
);

/// One attachment and the chat of its message.
pub(super) async fn attachment_in_chat(
    db: &Database,
    id: AttachmentId,
) -> Result<Option<(Attachment, Option<Chat>)>, StoreError> {
    db.query_one(ATTACHMENT_IN_CHAT, &[&id.get()], |cells| {
        let attachment = attachment(cells)?;
        let is_in_chat: bool = cells.take()?;
        Ok((attachment, if is_in_chat { Some(chat(cells)?) } else { None }))
    })
    .await
}
