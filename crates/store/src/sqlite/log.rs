//! The log of each account, and the totals that are kept beside its sequence.

use std::collections::BTreeMap;

use domain::batch::{Changes, UnreadChange};
use domain::chat::Side;
use domain::event::Entry;
use domain::id::{AccountId, ChatId, MessageId};
use engine::store::{LogEntry, LogPage, UnreadTotals};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::{Cells, millisecond, number};
use crate::codes::Code;

pub(super) const ENTRIES: &str = "SELECT sequence, kind, chat_id, message_id, side, at FROM log \
    WHERE account_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
const NEWEST: &str = "SELECT log_sequence FROM account_state WHERE account_id = ?1";

/// A stretch of a log.
pub(super) fn page(
    db: &Connection,
    account: AccountId,
    after: i64,
    limit: usize,
) -> Result<LogPage> {
    let newest = db.prepare_cached(NEWEST)?.query_row([account.get()], |row| row.get(0));
    let entries = db
        .prepare_cached(ENTRIES)?
        .query_map(params![account.get(), after, number(limit)], |row| {
            let mut cells = Cells::of(row);
            Ok(LogEntry {
                sequence: cells.take()?,
                entry: Entry {
                    kind: cells.code()?,
                    chat: cells.id(ChatId::new)?,
                    message: cells.optional_id(MessageId::new)?,
                    side: cells.optional_code()?,
                    at: cells.time()?,
                },
            })
        })?
        .collect::<Result<_>>()?;
    Ok(LogPage { entries, newest: newest.optional()?.unwrap_or(0) })
}

const UNREAD: &str = "SELECT unread_seller, unread_seller_hidden, unread_buyer, unread_buyer_hidden \
    FROM account_state WHERE account_id = ?1";

/// What an account has not read.
pub(super) fn unread(db: &Connection, account: AccountId) -> Result<UnreadTotals> {
    let totals = db.prepare_cached(UNREAD)?.query_row([account.get()], |row| {
        Ok(UnreadTotals {
            as_seller: row.get(0)?,
            as_seller_hidden: row.get(1)?,
            as_buyer: row.get(2)?,
            as_buyer_hidden: row.get(3)?,
        })
    });
    Ok(totals.optional()?.unwrap_or_default())
}

const ADVANCE: &str = "INSERT INTO account_state (account_id, log_sequence, unread_seller, unread_seller_hidden, \
    unread_buyer, unread_buyer_hidden) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT (account_id) DO UPDATE SET log_sequence = log_sequence + excluded.log_sequence, \
    unread_seller = unread_seller + excluded.unread_seller, \
    unread_seller_hidden = unread_seller_hidden + excluded.unread_seller_hidden, \
    unread_buyer = unread_buyer + excluded.unread_buyer, \
    unread_buyer_hidden = unread_buyer_hidden + excluded.unread_buyer_hidden \
    RETURNING log_sequence";

const APPEND: &str = "INSERT INTO log (account_id, sequence, kind, chat_id, message_id, side, at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Appends the entries of `changes` to the logs, numbered without a gap, and moves the unread totals.
pub(super) fn write(db: &Connection, changes: &Changes) -> Result<()> {
    let mut accounts: BTreeMap<AccountId, AccountChange<'_>> = BTreeMap::new();
    for (account, entry) in &changes.entries {
        accounts.entry(*account).or_default().entries.push(entry);
    }
    for ((account, side), unread) in changes.unread() {
        let change = accounts.entry(account).or_default();
        match side {
            Side::Seller => change.as_seller = unread,
            Side::Buyer => change.as_buyer = unread,
        }
    }

    let mut advance = db.prepare_cached(ADVANCE)?;
    let mut append = db.prepare_cached(APPEND)?;
    for (account, change) in accounts {
        let count = number(change.entries.len());
        let newest: i64 = advance.query_row(
            params![
                account.get(),
                count,
                change.as_seller.shown,
                change.as_seller.hidden,
                change.as_buyer.shown,
                change.as_buyer.hidden
            ],
            |row| row.get(0),
        )?;
        for (sequence, entry) in (newest - count + 1..).zip(change.entries) {
            append.execute(params![
                account.get(),
                sequence,
                entry.kind.code(),
                entry.chat.get(),
                entry.message.map(MessageId::get),
                entry.side.map(Code::code),
                millisecond(entry.at)
            ])?;
        }
    }
    Ok(())
}

/// What a batch changes for one account.
#[derive(Default)]
struct AccountChange<'a> {
    entries: Vec<&'a Entry>,
    as_seller: UnreadChange,
    as_buyer: UnreadChange,
}
