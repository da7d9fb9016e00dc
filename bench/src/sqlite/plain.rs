//! What somebody who knows SQLite would write: prepared statements, 64 sends in a transaction, as durable as Torg. It writes
//! the rows that Torg writes for a send, in a copy of the same database, with the same indexes and as much memory.
//!
//! It does less than Torg: nothing comes over a socket, nobody is authenticated, no rule is asked, no limit counted, no
//! idempotency looked up, and no index for search is written beside.

use std::path::Path;
use std::time::Instant;

use domain::Timestamp;
use engine::clock::{Clock as _, SystemClock};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::load::{Choice, Span};
use crate::town::{Chat, TEXT};

/// Sends in one transaction.
const SENDS: usize = 64;
/// As much as Torg's writer has.
const CACHE_KIB: i64 = 16 << 10;
/// A checkpoint is made when the log has so many pages (128 MiB), which is when Torg makes one. With SQLite's own 1000 it
/// would make one every few transactions.
const CHECKPOINT_PAGES: i64 = 32 * 1024;

const CHAT: &str = "UPDATE chats SET last_message_id = ?2, last_message_at = ?3, turn = 3, \
    buyer_received = buyer_received + 1, buyer_unread = buyer_unread + 1, \
    buyer_first_unread = coalesce(buyer_first_unread, ?2) WHERE id = ?1 RETURNING seller_received, buyer_received";
const MESSAGE: &str = "INSERT INTO messages (chat_id, id, author_role, author_account, text, created_at, received_by_seller, \
    received_by_buyer, attachments_count) VALUES (?1, ?2, 2, ?3, ?4, ?5, ?6, ?7, 0)";
const SEARCHABLE: &str = "INSERT INTO searchable_messages (message_id, chat_id) VALUES (?1, ?2)";
const STATE: &str = "UPDATE account_state SET log_sequence = log_sequence + 1, unread_buyer = unread_buyer + ?2 \
    WHERE account_id = ?1 RETURNING log_sequence";
const LOG: &str = "INSERT INTO log (account_id, sequence, kind, chat_id, message_id, side, at) \
    VALUES (?1, ?2, 2, ?3, ?4, 1, ?5)";
const LAST_IDS: &str = "UPDATE last_ids SET message = ?1";

/// A connection that writes.
pub(super) struct Plain {
    connection: Connection,
    last_message: i64,
}

impl Plain {
    /// Opens a database that Torg has made.
    pub(super) fn open(database: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(database)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        let last_message =
            connection.query_row("SELECT message FROM last_ids", [], |row| row.get(0))?;
        Ok(Self { connection, last_message })
    }

    /// Sends in a second, each in one of `chats`. Blocks.
    pub(super) fn run(
        &mut self,
        chats: &[Chat],
        choice: Choice,
        span: Span,
    ) -> anyhow::Result<f64> {
        let begin = Instant::now() + span.warm_up;
        let mut sent = 0_u64;
        loop {
            let some = (0..SENDS).map(|_| &chats[choice.index(chats.len())]);
            self.send(some)?;
            let now = Instant::now();
            if begin <= now {
                sent += SENDS as u64;
            }
            if begin + span.counted <= now {
                // The last transaction ended a little late.
                return Ok(crate::as_float(sent) / (now - begin).as_secs_f64());
            }
        }
    }

    /// Has the sellers of some chats write, in one transaction.
    fn send<'c>(&mut self, chats: impl Iterator<Item = &'c Chat>) -> anyhow::Result<()> {
        let transaction = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)?;
        for chat in chats {
            let now = SystemClock.now();
            self.last_message = now.as_microsecond().max(self.last_message + 1);
            write(&transaction, chat, self.last_message, now)?;
        }
        transaction.prepare_cached(LAST_IDS)?.execute([self.last_message])?;
        transaction.commit()?;
        Ok(())
    }
}

fn write(db: &Connection, chat: &Chat, message: i64, now: Timestamp) -> anyhow::Result<()> {
    let Chat { id, seller, buyer, .. } = chat;
    let (id, now) = (id.get(), now.as_millisecond());
    let (by_seller, by_buyer): (i64, i64) = db
        .prepare_cached(CHAT)?
        .query_row([id, message, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
    db.prepare_cached(MESSAGE)?
        .execute(params![id, message, seller, TEXT, now, by_seller, by_buyer])?;
    db.prepare_cached(SEARCHABLE)?.execute([message, id])?;
    for (account, unread) in [(*seller, 0), (*buyer, 1)] {
        let sequence: i64 =
            db.prepare_cached(STATE)?.query_row([account, unread], |row| row.get(0))?;
        db.prepare_cached(LOG)?.execute([account, sequence, id, message, now])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rusqlite::types::Value;
    use torg::server::{Server, Surroundings};
    use torg::settings::{self, Sources};

    use super::*;
    use crate::load;
    use crate::sqlite::prepared::{Copy, Prepared};
    use crate::town::Plan;

    /// In milliseconds.
    const TEST_TIME_MAX: i64 = 600_000;

    /// Every row of every table, with what can be different on both sides struck out.
    fn rows(copy: &Copy, begin: Timestamp, first_new: i64) -> BTreeMap<String, Vec<Vec<Value>>> {
        let database = Connection::open(copy.database()).unwrap();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table'";
        let mut tables = database.prepare(tables).unwrap();
        let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let times = begin.as_millisecond()..begin.as_millisecond() + TEST_TIME_MAX;
        let strike_out = |value| {
            let Value::Integer(number) = value else { return value };
            if first_new <= number {
                Value::Text("new message".to_owned())
            } else if times.contains(&number) {
                Value::Text("now".to_owned())
            } else {
                value
            }
        };
        let read = |table: String| {
            let mut all = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = all.column_count();
            let all = all.query_map([], |row| {
                (0..columns).map(|column| Ok(strike_out(row.get(column)?))).collect()
            });
            let mut all: Vec<Vec<Value>> = all.unwrap().collect::<Result<_, _>>().unwrap();
            all.sort_by_key(|row| format!("{row:?}"));
            (table, all)
        };
        tables.map(|table| read(table.unwrap())).collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_rows_are_those_of_torg() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let two_chats = Plan { sellers: 1, chats_of_seller: 2, buyers: 2 };
        let prepared = Prepared::build(two_chats).await.unwrap();
        let [by_torg, by_plain] = [(); 2].map(|()| prepared.copy().unwrap());
        let chats = &prepared.town.chats;
        let mut plain = Plain::open(&by_plain.database()).unwrap();
        let first_new = plain.last_message + 1;
        let begin = SystemClock.now();

        let mut settings = settings::load(&Sources::default()).unwrap();
        settings.listen = "127.0.0.1:0".parse().unwrap();
        by_torg.folder().clone_into(&mut settings.data_dir);
        let server = Server::start(&settings, Surroundings::of_this_machine()).await.unwrap();
        let mut connection = load::Connection::open(server.address()).await.unwrap();
        for chat in [&chats[0], &chats[1], &chats[0]] {
            connection.ask(&chat.send(TEXT)).await.unwrap();
        }
        server.stop().await.unwrap();
        plain.send([&chats[0], &chats[1], &chats[0]].into_iter()).unwrap();

        let [torg, plain] = [by_torg, by_plain].map(|copy| rows(&copy, begin, first_new));
        for (table, rows) in &torg {
            assert_eq!(Some(rows), plain.get(table), "{table}");
        }
        assert!(
            torg["messages"].iter().flatten().any(|value| *value == Value::Text("now".to_owned()))
        );
    }
}
