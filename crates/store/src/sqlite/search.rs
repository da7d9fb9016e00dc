//! Search for text anywhere in messages.

use std::collections::HashMap;

use domain::chat::Chat;
use domain::id::{AccountId, ChatId, MessageId};
use domain::message::Message;
use engine::store::SearchQuery;
use rusqlite::{Connection, Result};

use super::{chats, messages};

const NEWEST_FIRST: &str = "SELECT message_id, chat_id FROM searchable_messages \
    WHERE message_id < ?1 ORDER BY message_id DESC";

/// Messages that hold the needle.
pub(super) fn messages_with(db: &Connection, query: &SearchQuery) -> Result<Vec<Message>> {
    let needle = fold(&query.needle);
    let mut visible: HashMap<ChatId, bool> = HashMap::new();
    let mut found = Vec::new();
    let mut statement = db.prepare_cached(NEWEST_FIRST)?;
    let before = query.before.map_or(i64::MAX, MessageId::get);
    let mut rows = statement.query([before])?;
    while let Some(row) = rows.next()?
        && found.len() < query.limit
    {
        let (id, chat): (i64, i64) = (row.get(0)?, row.get(1)?);
        let (Some(id), Some(chat)) = (MessageId::new(id), ChatId::new(chat)) else { continue };
        let is_visible = match visible.get(&chat) {
            Some(&is_visible) => is_visible,
            None => {
                let is_visible = chats::by_id(db, chat)?.is_some_and(|chat| may_show(&chat, query));
                visible.insert(chat, is_visible);
                is_visible
            }
        };
        if !is_visible {
            continue;
        }
        let message = messages::by_id(db, chat, id)?;
        found.extend(message.filter(|message| holds(message, &needle)));
    }
    Ok(found)
}

/// Whether `query` looks into `chat`.
fn may_show(chat: &Chat, query: &SearchQuery) -> bool {
    let account: AccountId = query.account;
    match (chat.side_of(account), query.chat) {
        (None, _) => false,
        (Some(_), Some(wanted)) => chat.id == wanted,
        (Some(side), None) => !chat.seat(side).hidden,
    }
}

fn holds(message: &Message, folded_needle: &str) -> bool {
    message.text.as_deref().is_some_and(|text| fold(text).contains(folded_needle))
}

/// Text as it is compared: without upper case.
fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}
