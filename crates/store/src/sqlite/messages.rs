//! Messages and attachments.

use std::collections::HashMap;

use domain::attachment::Attachment;
use domain::chat::Chat;
use domain::id::{AttachmentId, ChatId, MemberId, MessageId};
use domain::message::{Message, Role};
use domain::world::Landmark;
use engine::store::{MessageQuery, MessageRange};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, OptionalExtension, Result, Row, params};

use super::cells::SqliteCells;
use super::chats;
use crate::cells::{Cells as _, millisecond, number, optional_millisecond};
use crate::codes::Code;
use crate::rows::messages::{self as rows, attachment_columns, message_columns};

macro_rules! select_message {
    ($rest:literal) => {
        concat!("SELECT ", message_columns!(), " FROM messages WHERE ", $rest)
    };
}

pub(super) const FORWARD: &str = select_message!("chat_id = ?1 AND id >= ?2 ORDER BY id LIMIT ?3");
pub(super) const BACKWARD: &str =
    select_message!("chat_id = ?1 AND id <= ?2 ORDER BY id DESC LIMIT ?3");
pub(super) const BY_ID: &str = select_message!("chat_id = ?1 AND id = ?2");

/// A stretch of a history.
pub(super) fn page(db: &Connection, query: &MessageQuery) -> Result<Vec<Message>> {
    let (sql, from) = match query.range {
        MessageRange::Forward(from) => (FORWARD, from.map_or(0, MessageId::get)),
        MessageRange::Backward(from) => (BACKWARD, from.unwrap_or(MessageId::LARGEST).get()),
    };
    let found = db
        .prepare_cached(sql)?
        .query_map(params![query.chat.get(), from, number(query.limit)], message)?
        .collect::<Result<Vec<_>>>()?;
    let mut attachments = attachments_between(db, query.chat, &found)?;
    Ok(found
        .into_iter()
        .map(|(message, _)| Message {
            attachments: attachments.remove(&message.id).unwrap_or_default(),
            ..message
        })
        .collect())
}

/// One message.
pub(super) fn by_id(db: &Connection, chat: ChatId, id: MessageId) -> Result<Option<Message>> {
    let found = db.prepare_cached(BY_ID)?.query_row([chat.get(), id.get()], message).optional()?;
    let Some((message, with_attachments)) = found else { return Ok(None) };
    let found = [(message, with_attachments)];
    let mut attachments = attachments_between(db, chat, &found)?;
    let [(message, _)] = found;
    Ok(Some(Message { attachments: attachments.remove(&id).unwrap_or_default(), ..message }))
}

/// One message with its chat.
pub(super) fn in_chat(
    db: &Connection,
    chat: ChatId,
    id: MessageId,
) -> Result<Option<(Chat, Message)>> {
    let Some(message) = by_id(db, chat, id)? else { return Ok(None) };
    Ok(chats::by_id(db, chat)?.map(|chat| (chat, message)))
}

fn message(row: &Row<'_>) -> Result<(Message, bool)> {
    rows::message(&mut SqliteCells::of(row))
}

macro_rules! select_attachment {
    ($rest:literal) => {
        concat!("SELECT ", attachment_columns!(), " FROM attachments WHERE ", $rest)
    };
}

pub(super) const ATTACHMENTS_BETWEEN: &str = select_attachment!(
    "chat_id = ?1 AND message_id BETWEEN ?2 AND ?3 ORDER BY message_id, position"
);
pub(super) const ATTACHMENT_BY_ID: &str = select_attachment!("id = ?1");

/// The attachments of neighbouring messages of a chat, in one query, if there are any.
fn attachments_between(
    db: &Connection,
    chat: ChatId,
    messages: &[(Message, bool)],
) -> Result<HashMap<MessageId, Vec<Attachment>>> {
    let mut attachments: HashMap<MessageId, Vec<Attachment>> = HashMap::new();
    let carriers = messages.iter().filter(|(_, carries)| *carries).map(|(message, _)| message.id);
    let (Some(first), Some(last)) = (carriers.clone().min(), carriers.max()) else {
        return Ok(attachments);
    };
    let mut statement = db.prepare_cached(ATTACHMENTS_BETWEEN)?;
    let found = statement.query_map([chat.get(), first.get(), last.get()], attachment)?;
    for attachment in found {
        let attachment = attachment?;
        if let Some((_, message)) = attachment.message {
            attachments.entry(message).or_default().push(attachment);
        }
    }
    Ok(attachments)
}

/// One attachment.
pub(super) fn attachment_by_id(db: &Connection, id: AttachmentId) -> Result<Option<Attachment>> {
    db.prepare_cached(ATTACHMENT_BY_ID)?.query_row([id.get()], attachment).optional()
}

/// One attachment and the chat of its message.
pub(super) fn attachment_in_chat(
    db: &Connection,
    id: AttachmentId,
) -> Result<Option<(Attachment, Option<Chat>)>> {
    let Some(attachment) = attachment_by_id(db, id)? else { return Ok(None) };
    let chat = match attachment.message {
        Some((chat, _)) => chats::by_id(db, chat)?,
        None => None,
    };
    Ok(Some((attachment, chat)))
}

fn attachment(row: &Row<'_>) -> Result<Attachment> {
    rows::attachment(&mut SqliteCells::of(row))
}

pub(super) const AT_OR_BEFORE: &str = "SELECT id, received_by_seller, received_by_buyer FROM messages \
    WHERE chat_id = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1";
pub(super) const NEXT_OF_OTHERS: &str = "SELECT id FROM messages \
    WHERE chat_id = ?1 AND id > ?2 AND author_role <> ?3 ORDER BY id LIMIT 1";

/// What lies at `position` of the history of `chat`.
pub(super) fn landmark(db: &Connection, chat: &Chat, position: MessageId) -> Result<Landmark> {
    let found = db
        .prepare_cached(AT_OR_BEFORE)?
        .query_row([chat.id.get(), position.get()], |row| {
            let mut cells = SqliteCells::of(row);
            Ok(Landmark {
                at_or_before: Some(cells.id(MessageId::new)?),
                received_by_seller: cells.take()?,
                received_by_buyer: cells.take()?,
                ..Landmark::default()
            })
        })
        .optional()?
        .unwrap_or_default();
    // Whoever has received nothing more has nothing to look for: the search would run to the end of the history.
    let next = |role: Role, received: i64, received_so_far: i64| {
        if received <= received_so_far {
            return Ok(None);
        }
        let mut next = db.prepare_cached(NEXT_OF_OTHERS)?;
        let id: Option<i64> = next
            .query_row([chat.id.get(), position.get(), role.code()], |row| row.get(0))
            .optional()?;
        Ok::<_, Error>(id.and_then(MessageId::new))
    };
    Ok(Landmark {
        next_for_seller: next(Role::Seller, chat.seller.marks.received, found.received_by_seller)?,
        next_for_buyer: next(Role::Buyer, chat.buyer.marks.received, found.received_by_buyer)?,
        ..found
    })
}

const INSERT: &str = "INSERT INTO messages (chat_id, id, author_role, author_account, author_member, text, created_at, \
    edited_at, received_by_seller, received_by_buyer, attachments_count) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const PLACE_ATTACHMENT: &str = "UPDATE attachments SET position = ?2 WHERE id = ?1";

/// Stores a new message, whose attachments are stored already.
pub(super) fn insert(db: &Connection, message: &Message) -> Result<()> {
    db.prepare_cached(INSERT)?.execute(params![
        message.chat.get(),
        message.id.get(),
        message.author.role.code(),
        message.author.account.get(),
        message.author.member.map(MemberId::get),
        message.text,
        millisecond(message.created_at),
        optional_millisecond(message.edited_at),
        message.received_by_seller,
        message.received_by_buyer,
        number(message.attachments.len()),
    ])?;
    for (position, attachment) in message.attachments.iter().enumerate() {
        db.prepare_cached(PLACE_ATTACHMENT)?.execute([attachment.id.get(), number(position)])?;
    }
    Ok(())
}

const UPDATE_TEXT: &str =
    "UPDATE messages SET text = ?3, edited_at = ?4 WHERE chat_id = ?1 AND id = ?2";

/// Stores the new text of a message.
pub(super) fn update(db: &Connection, message: &Message) -> Result<()> {
    db.prepare_cached(UPDATE_TEXT)?.execute(params![
        message.chat.get(),
        message.id.get(),
        message.text,
        optional_millisecond(message.edited_at),
    ])?;
    Ok(())
}

const PUT_ATTACHMENT: &str = "INSERT INTO attachments (id, owner_id, name, media_type, bytes, hash, is_picture, width, \
    height, created_at, chat_id, message_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
    ON CONFLICT (id) DO UPDATE SET chat_id = excluded.chat_id, message_id = excluded.message_id";

/// Stores a new attachment, or the message to which one belongs now.
pub(super) fn put_attachment(db: &Connection, attachment: &Attachment) -> Result<()> {
    let file = &attachment.file;
    let bytes = i64::try_from(file.bytes).map_err(|_| too_large())?;
    db.prepare_cached(PUT_ATTACHMENT)?.execute(params![
        attachment.id.get(),
        attachment.owner.get(),
        file.name,
        file.media_type,
        bytes,
        file.hash,
        file.is_picture,
        file.pixels.map(|(width, _)| width),
        file.pixels.map(|(_, height)| height),
        millisecond(attachment.created_at),
        attachment.message.map(|(chat, _)| chat.get()),
        attachment.message.map(|(_, message)| message.get()),
    ])?;
    Ok(())
}

fn too_large() -> Error {
    Error::FromSqlConversionFailure(0, Type::Integer, "a file larger than 2^63 bytes".into())
}
