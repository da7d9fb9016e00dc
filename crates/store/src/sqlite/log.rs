//! The log of each account, and the totals that are kept beside its sequence.

use domain::Timestamp;
use domain::batch::Changes;
use domain::id::{AccountId, ChatId, MessageId, WebhookId};
use engine::store::{Growth, LogEntry, LogPage, UnreadTotals};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::cells::SqliteCells;
use crate::cells::{Cells as _, millisecond, number};
use crate::codes::Code;
use crate::rows::log::{entry, entry_columns};

pub(super) const ENTRIES: &str = concat!(
    "SELECT ",
    entry_columns!(),
    " FROM log WHERE account_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3"
);
pub(super) const NEWEST: &str = "SELECT log_sequence FROM account_state WHERE account_id = ?1";
pub(super) const OLDEST: &str =
    "SELECT sequence, at FROM log WHERE account_id = ?1 ORDER BY sequence LIMIT 1";

/// A stretch of a log.
pub(super) fn page(
    db: &Connection,
    account: AccountId,
    after: i64,
    limit: usize,
) -> Result<LogPage> {
    let newest = newest(db, account)?;
    let oldest = oldest(db, account)?.map_or(newest + 1, |(sequence, _)| sequence);
    let entries = db
        .prepare_cached(ENTRIES)?
        .query_map(params![account.get(), after, number(limit)], |row| {
            entry(&mut SqliteCells::of(row))
        })?
        .collect::<Result<_>>()?;
    Ok(LogPage { entries, oldest, newest })
}

/// The newest sequence of a log; 0 while it is empty.
pub(super) fn newest(db: &Connection, account: AccountId) -> Result<i64> {
    let newest = db.prepare_cached(NEWEST)?.query_row([account.get()], |row| row.get(0));
    Ok(newest.optional()?.unwrap_or(0))
}

/// The oldest sequence of a log that is still there, and its time in milliseconds.
fn oldest(db: &Connection, account: AccountId) -> Result<Option<(i64, i64)>> {
    let oldest =
        db.prepare_cached(OLDEST)?.query_row([account.get()], |row| Ok((row.get(0)?, row.get(1)?)));
    oldest.optional()
}

pub(super) const NEXT_ACCOUNTS: &str =
    "SELECT account_id FROM account_state WHERE account_id > ?1 ORDER BY account_id LIMIT ?2";
pub(super) const FIRST: &str =
    "SELECT sequence, at FROM log WHERE account_id = ?1 ORDER BY sequence LIMIT ?2";
pub(super) const FORGET: &str = "DELETE FROM log WHERE account_id = ?1 AND sequence <= ?2";

/// The next accounts behind `after` whose oldest entry was made before `before`, and the last account that was looked at,
/// unless it was the last of all.
pub(super) fn with_old_entries(
    db: &Connection,
    before: Timestamp,
    after: Option<AccountId>,
    accounts_max: usize,
) -> Result<(Vec<AccountId>, Option<AccountId>)> {
    let accounts = db
        .prepare_cached(NEXT_ACCOUNTS)?
        .query_map(params![after.map_or(0, AccountId::get), number(accounts_max)], |row| {
            SqliteCells::of(row).id(AccountId::new)
        })?
        .collect::<Result<Vec<_>>>()?;
    let go_on = accounts.last().copied().filter(|_| accounts.len() == accounts_max);
    let mut old = Vec::new();
    for account in accounts {
        if oldest(db, account)?.is_some_and(|(_, at)| at < millisecond(before)) {
            old.push(account);
        }
    }
    Ok((old, go_on))
}

/// Forgets the oldest entries of a log that were made before `before`, at most `entries_max`, and answers how many. An
/// entry behind a younger one stays until that one goes.
pub(super) fn forget(
    db: &Connection,
    account: AccountId,
    before: Timestamp,
    entries_max: usize,
) -> Result<usize> {
    let mut last = None;
    let mut first = db.prepare_cached(FIRST)?;
    let mut rows = first.query(params![account.get(), number(entries_max)])?;
    while let Some(row) = rows.next()?
        && row.get::<_, i64>(1)? < millisecond(before)
    {
        last = Some(row.get::<_, i64>(0)?);
    }
    let Some(last) = last else { return Ok(0) };
    db.prepare_cached(FORGET)?.execute([account.get(), last])
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

const APPEND: &str = "INSERT INTO log (account_id, sequence, kind, chat_id, message_id, side, webhook_id, at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

/// Appends the entries of `changes` to the logs, numbered without a gap, and moves the unread totals. Answers by
/// what the logs have grown.
pub(super) fn write(db: &Connection, changes: &Changes) -> Result<Vec<Growth>> {
    let mut advance = db.prepare_cached(ADVANCE)?;
    let mut append = db.prepare_cached(APPEND)?;
    let accounts = changes.accounts();
    let mut grown = Vec::with_capacity(accounts.len());
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
        let growth = Growth::behind(newest - count, account, &change.entries);
        for LogEntry { sequence, entry } in growth.iter().flat_map(|growth| &growth.entries) {
            append.execute(params![
                account.get(),
                sequence,
                entry.kind.code(),
                entry.chat.map(ChatId::get),
                entry.message.map(MessageId::get),
                entry.side.map(Code::code),
                entry.webhook.map(WebhookId::get),
                millisecond(entry.at)
            ])?;
        }
        grown.extend(growth);
    }
    Ok(grown)
}
