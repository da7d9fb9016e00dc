//! Search for text anywhere in messages: in the index as far as it has come, then in the messages that it does not
//! know.

use std::collections::HashMap;

use domain::chat::{Chat, Side};
use domain::id::{AccountId, ChatId, MessageId};
use domain::message::{Message, Role};
use engine::store::SearchQuery;
use rusqlite::{Connection, Result, params};

use super::search_index::{of_account, of_chat, shelf};
use super::{chats, messages};
use crate::codes::Code;
use crate::substring::{fold, pairs};

/// Messages that hold the needle, newest first. The readers' connections know the index as `search`.
pub(super) fn messages_with(db: &Connection, query: &SearchQuery) -> Result<Vec<Message>> {
    let needle = fold(&query.needle);
    let pairs = pairs(&needle, &shelf(query.account.get()));
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    // Read before anything of the database itself, whose snapshot is then the later one: what was indexed is there.
    let indexed: i64 = db
        .prepare_cached("SELECT message_id FROM search.indexed")?
        .query_row([], |row| row.get(0))?;

    let chat = match query.chat {
        Some(id) => match chats::by_id(db, id)?.filter(|chat| may_show(chat, query)) {
            Some(chat) => Some(chat),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    let mut found = not_indexed(db, query, &needle, indexed)?;
    if found.len() < query.limit {
        let place = match chat {
            Some(chat) => of_chat(chat.id.get()),
            None => of_account(query.account.get()),
        };
        let words = format!("places : {place} AND pairs : \"{pairs}\"");
        add_indexed(db, query, &words, indexed, &mut found)?;
    }
    Ok(found)
}

/// Whether `query` looks into `chat`.
fn may_show(chat: &Chat, query: &SearchQuery) -> bool {
    match (chat.side_of(query.account), query.chat) {
        (None, _) => false,
        (Some(_), Some(wanted)) => chat.id == wanted,
        (Some(side), None) => !chat.seat(side).hidden,
    }
}

pub(super) const INDEXED: &str = "SELECT message_id, chat_id FROM search.message_index \
    CROSS JOIN searchable_messages ON message_id = message_index.rowid \
    WHERE message_index MATCH ?1 AND message_index.rowid <= ?2 ORDER BY message_index.rowid DESC";

/// Adds messages from the index to `found`, until there are enough.
fn add_indexed(
    db: &Connection,
    query: &SearchQuery,
    words: &str,
    indexed: i64,
    found: &mut Vec<Message>,
) -> Result<()> {
    let newest = query.before.map_or(indexed, |before| indexed.min(before.get() - 1));
    let mut visible: HashMap<ChatId, bool> = HashMap::new();
    let mut statement = db.prepare_cached(INDEXED)?;
    let mut rows = statement.query(params![words, newest])?;
    while found.len() < query.limit
        && let Some(row) = rows.next()?
    {
        let (Some(id), Some(chat)) = (MessageId::new(row.get(0)?), ChatId::new(row.get(1)?)) else {
            continue;
        };
        if let std::collections::hash_map::Entry::Vacant(unknown) = visible.entry(chat) {
            let known = chats::by_id(db, chat)?;
            unknown.insert(known.is_some_and(|chat| may_show(&chat, query)));
        }
        if visible.get(&chat) == Some(&true) {
            found.extend(messages::by_id(db, chat, id)?);
        }
    }
    Ok(())
}

macro_rules! select_lively {
    ($side:literal) => {
        concat!(
            "SELECT id FROM chats WHERE ",
            $side,
            "_id = ?1 AND ",
            $side,
            "_hidden = 0 AND is_over IN (0, 1) AND last_message_id > ?2"
        )
    };
}

pub(super) const LIVELY_OF_SELLER: &str = select_lively!("seller");
pub(super) const LIVELY_OF_BUYER: &str = select_lively!("buyer");
pub(super) const NEWER: &str = "SELECT id, text FROM messages \
    WHERE chat_id = ?1 AND id > ?2 AND id < ?3 AND text IS NOT NULL AND author_role <> ?4 ORDER BY id DESC";

/// The messages with the needle that are newer than the index.
fn not_indexed(
    db: &Connection,
    query: &SearchQuery,
    needle: &str,
    indexed: i64,
) -> Result<Vec<Message>> {
    let chats = match query.chat {
        Some(chat) => vec![chat],
        None => lively_chats(db, query.account, indexed)?,
    };
    let before = query.before.map_or(i64::MAX, MessageId::get);
    let mut newer = db.prepare_cached(NEWER)?;
    let mut found = Vec::new();
    for chat in chats {
        let bounds = params![chat.get(), indexed, before, Role::Market.code()];
        let mut rows = newer.query(bounds)?;
        while let Some(row) = rows.next()? {
            let text = row.get_ref(1)?.as_str()?;
            if fold(text).contains(needle)
                && let Some(id) = MessageId::new(row.get(0)?)
            {
                found.push((id, chat));
            }
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.truncate(query.limit);
    found.into_iter().filter_map(|(id, chat)| messages::by_id(db, chat, id).transpose()).collect()
}

/// The chats in sight of `account` in which something was said after the index was last brought up to date.
fn lively_chats(db: &Connection, account: AccountId, indexed: i64) -> Result<Vec<ChatId>> {
    let mut found = Vec::new();
    for side in [Side::Seller, Side::Buyer] {
        let sql = match side {
            Side::Seller => LIVELY_OF_SELLER,
            Side::Buyer => LIVELY_OF_BUYER,
        };
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query([account.get(), indexed])?;
        while let Some(row) = rows.next()? {
            found.extend(ChatId::new(row.get(0)?));
        }
    }
    Ok(found)
}
