//! Rows of messages and of attachments.

use domain::attachment::{Attachment, File};
use domain::id::{AccountId, AttachmentId, ChatId, MemberId, MessageId};
use domain::message::{Author, Message, Role};

use crate::cells::Cells;

/// The columns of [`message`].
macro_rules! message_columns {
    () => {
        "chat_id, id, author_role, author_account, author_member, text, created_at, edited_at, received_by_seller, \
         received_by_buyer, attachments_count"
    };
}
pub(crate) use message_columns;

/// A message without its attachments, and whether it has any.
pub(crate) fn message<C: Cells>(cells: &mut C) -> Result<(Message, bool), C::Error> {
    let message = Message {
        chat: cells.id(ChatId::new)?,
        id: cells.id(MessageId::new)?,
        author: Author {
            role: cells.code()?,
            account: cells.id(AccountId::new)?,
            member: cells.optional_id(MemberId::new)?,
        },
        text: cells.take()?,
        created_at: cells.time()?,
        edited_at: cells.optional_time()?,
        received_by_seller: cells.take()?,
        received_by_buyer: cells.take()?,
        attachments: Vec::new(),
    };
    let attachments: i64 = cells.take()?;
    Ok((message, 0 < attachments))
}

/// Whether a message can be found by its text. People look for what people said, not for the marketplace's automatic
/// lines.
pub(crate) fn is_searchable(message: &Message) -> bool {
    message.text.is_some() && message.author.role != Role::Market
}

/// The columns of [`attachment`].
macro_rules! attachment_columns {
    () => {
        "id, owner_id, name, media_type, bytes, hash, is_picture, width, height, created_at, chat_id, message_id"
    };
}
pub(crate) use attachment_columns;

pub(crate) fn attachment<C: Cells>(cells: &mut C) -> Result<Attachment, C::Error> {
    let id = cells.id(AttachmentId::new)?;
    let owner = cells.id(AccountId::new)?;
    let file = File {
        name: cells.take()?,
        media_type: cells.take()?,
        bytes: cells.number()?,
        hash: cells.bytes_32()?,
        is_picture: cells.take()?,
        pixels: cells.optional_number()?.zip(cells.optional_number()?),
    };
    Ok(Attachment {
        id,
        owner,
        file,
        created_at: cells.time()?,
        message: cells.optional_id(ChatId::new)?.zip(cells.optional_id(MessageId::new)?),
    })
}
