//! Search for text anywhere in messages: in the index as far as it has come, and in the messages themselves where they
//! are newer, or were edited since.

use std::cmp::Reverse;
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

/// How far the index has come when a search begins.
#[derive(Clone, Copy)]
struct Indexed {
    message: i64,
    edit: i64,
}

/// Messages that hold the needle, newest first. The readers' connections know the index as `search`.
pub(super) fn messages_with(db: &Connection, query: &SearchQuery) -> Result<Vec<Message>> {
    let needle = fold(&query.needle);
    let pairs = pairs(&needle, &shelf(query.account.get()));
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    // Read before anything of the database itself, whose snapshot is then the later one: what was indexed is there.
    let indexed = db
        .prepare_cached("SELECT message_id, edit FROM search.indexed")?
        .query_row([], |row| Ok(Indexed { message: row.get(0)?, edit: row.get(1)? }))?;

    let place = match query.chat {
        Some(id) if chats::by_id(db, id)?.is_some_and(|chat| may_show(&chat, query)) => {
            of_chat(id.get())
        }
        Some(_) => return Ok(Vec::new()),
        None => of_account(query.account.get()),
    };
    let mut sight = Sight { db, query, known: HashMap::new() };
    let words = format!("places : {place} AND pairs : \"{pairs}\"");
    let mut found = not_indexed(&mut sight, &needle, indexed)?;
    found.extend(in_index(&mut sight, &words, &needle, indexed)?);
    // A message that was edited may come from both.
    found.sort_unstable_by_key(|message| Reverse(message.id));
    found.dedup_by_key(|message| message.id);
    found.truncate(query.limit);
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

/// Into which chats a search looks; each is looked up once.
struct Sight<'a> {
    db: &'a Connection,
    query: &'a SearchQuery,
    known: HashMap<ChatId, bool>,
}

impl Sight<'_> {
    fn shows(&mut self, chat: ChatId) -> Result<bool> {
        if let Some(&known) = self.known.get(&chat) {
            return Ok(known);
        }
        let found = chats::by_id(self.db, chat)?;
        let shown = found.is_some_and(|chat| may_show(&chat, self.query));
        self.known.insert(chat, shown);
        Ok(shown)
    }

    /// The newest message that the index may know of and the query asks for.
    fn newest(&self, indexed: Indexed) -> i64 {
        self.query.before.map_or(indexed.message, |before| indexed.message.min(before.get() - 1))
    }
}

pub(super) const INDEXED: &str = "SELECT message_id, chat_id FROM search.message_index \
    CROSS JOIN searchable_messages ON message_id = message_index.rowid \
    WHERE message_index MATCH ?1 AND message_index.rowid <= ?2 ORDER BY message_index.rowid DESC";

/// The newest messages that the index knows of. It may know a text that was replaced since: what counts is what a
/// message says now.
fn in_index(
    sight: &mut Sight<'_>,
    words: &str,
    needle: &str,
    indexed: Indexed,
) -> Result<Vec<Message>> {
    let (db, limit) = (sight.db, sight.query.limit);
    let mut found = Vec::new();
    let mut statement = db.prepare_cached(INDEXED)?;
    let mut rows = statement.query(params![words, sight.newest(indexed)])?;
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let (Some(id), Some(chat)) = (MessageId::new(row.get(0)?), ChatId::new(row.get(1)?)) else {
            continue;
        };
        if sight.shows(chat)? {
            let message = messages::by_id(db, chat, id)?;
            found.extend(message.filter(|message| {
                message.text.as_deref().is_some_and(|text| fold(text).contains(needle))
            }));
        }
    }
    Ok(found)
}

macro_rules! select_lively {
    ($side:literal) => {
        concat!(
            "SELECT id FROM chats WHERE ",
            $side,
            "_id = ?1 AND ",
            $side,
            "_hidden = 0 AND is_over IN (0, 1) AND ",
            $side,
            "_has_unread IN (0, 1) AND last_message_id > ?2"
        )
    };
}

pub(super) const LIVELY_OF_SELLER: &str = select_lively!("seller");
pub(super) const LIVELY_OF_BUYER: &str = select_lively!("buyer");
pub(super) const NEWER: &str = "SELECT id, text FROM messages \
    WHERE chat_id = ?1 AND id > ?2 AND id < ?3 AND text IS NOT NULL AND author_role <> ?4 ORDER BY id DESC";

pub(super) const EDITED: &str = "SELECT messages.id, messages.chat_id, messages.text FROM searchable_messages \
    CROSS JOIN messages ON messages.chat_id = searchable_messages.chat_id \
        AND messages.id = searchable_messages.message_id \
    WHERE searchable_messages.edit > ?1 AND searchable_messages.message_id <= ?2";

/// The newest messages with the needle among those that the index does not know, or not with their newest text.
fn not_indexed(sight: &mut Sight<'_>, needle: &str, indexed: Indexed) -> Result<Vec<Message>> {
    let (db, query) = (sight.db, sight.query);
    let chats = match query.chat {
        Some(chat) => vec![chat],
        None => lively_chats(db, query.account, indexed.message)?,
    };
    let before = query.before.map_or(i64::MAX, MessageId::get);
    let mut newer = db.prepare_cached(NEWER)?;
    let mut found = Vec::new();
    for chat in chats {
        let bounds = params![chat.get(), indexed.message, before, Role::Market.code()];
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
    let mut edited = db.prepare_cached(EDITED)?;
    let mut rows = edited.query([indexed.edit, sight.newest(indexed)])?;
    while let Some(row) = rows.next()? {
        if fold(row.get_ref(2)?.as_str()?).contains(needle)
            && let (Some(id), Some(chat)) = (MessageId::new(row.get(0)?), ChatId::new(row.get(1)?))
            && sight.shows(chat)?
        {
            found.push((id, chat));
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
