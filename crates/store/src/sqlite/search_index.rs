//! The index for search: a file beside the database that follows the messages a moment later, on a thread of its own.
//!
//! A row of an index inside the commit would halve the rate of commits. Until the index has caught up, a search reads
//! the newest messages themselves (see `search.rs`), so nothing is ever missed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::store::StoreError;
use rusqlite::{Connection, Result, TransactionBehavior, params};

use super::connections::{BUSY_TIMEOUT, STATEMENTS_KEPT, WAL_BYTES_KEPT};
use super::error::store_error;
use crate::substring::{fold, pairs};

const SCHEMA: &str = include_str!("../../migrations/sqlite/search.sql");

/// The version of the schema and of the folding. With another one, an index is made anew.
const VERSION: i64 = 1;

/// So many messages are added in one transaction.
const MESSAGES_AT_A_TIME: i64 = 500;

/// How long the index rests after it has caught up, so that many small commits are taken together.
const REST: Duration = Duration::from_millis(50);

/// The file of the index of the database in `file`.
pub(super) fn file_of(file: &Path) -> PathBuf {
    with_suffix(file, ".search")
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Opens the index of the database in `file`. One that cannot be read, or is of another version, is made anew.
pub(super) fn open(file: &Path) -> std::result::Result<Connection, StoreError> {
    let file = file_of(file);
    match open_existing(&file) {
        Ok(Some(index)) => return Ok(index),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the index for search is broken and is made anew"),
    }
    for suffix in ["", "-wal", "-shm"] {
        match fs::remove_file(with_suffix(&file, suffix)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(StoreError::Failed(format!("the index for search: {error}")));
            }
            Ok(()) | Err(_) => {}
        }
    }
    let make = || {
        let mut index = connect(&file)?;
        let transaction = index.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
        Ok(index)
    };
    make().map_err(|error| store_error(&error))
}

fn open_existing(file: &Path) -> Result<Option<Connection>> {
    if !file.exists() {
        return Ok(None);
    }
    let index = connect(file)?;
    let version: i64 = index.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((version == VERSION).then_some(index))
}

fn connect(file: &Path) -> Result<Connection> {
    let index = Connection::open(file)?;
    index.busy_timeout(BUSY_TIMEOUT)?;
    index.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // Whole after a loss of power, though perhaps not up to date: then it catches up again.
    index.pragma_update(None, "synchronous", "NORMAL")?;
    index.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    index.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(index)
}

/// The thread that follows the messages.
pub(super) struct Indexer {
    thread: JoinHandle<()>,
}

impl Indexer {
    /// Starts the thread, which adds the messages of `source` to `index` whenever `due` rings, until nobody can ring
    /// any more.
    pub(super) fn start(
        index: Connection,
        source: Connection,
        due: Receiver<()>,
    ) -> std::io::Result<Self> {
        let thread = std::thread::Builder::new()
            .name("store-indexer".to_owned())
            .spawn(move || follow(index, &source, &due))?;
        Ok(Self { thread })
    }

    /// Waits for the thread; whoever can ring must be gone.
    pub(super) fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the store's indexer had stopped by a panic");
        }
    }
}

fn follow(mut index: Connection, source: &Connection, due: &Receiver<()>) {
    while due.recv().is_ok() {
        loop {
            let began = Instant::now();
            match add_messages(&mut index, source) {
                Ok(added) if added < MESSAGES_AT_A_TIME => break,
                Ok(_) if due.try_recv() == Err(TryRecvError::Disconnected) => return,
                // Whatever the load, half a core is enough: commits need the others.
                Ok(_) => std::thread::sleep(began.elapsed()),
                Err(error) => {
                    tracing::warn!(%error, "the index for search stays behind");
                    break;
                }
            }
        }
        std::thread::sleep(REST);
    }
}

const NEW_MESSAGES: &str = "SELECT searchable_messages.message_id, messages.text, chats.id, chats.seller_id, \
    chats.buyer_id FROM searchable_messages \
    CROSS JOIN messages ON messages.chat_id = searchable_messages.chat_id \
        AND messages.id = searchable_messages.message_id \
    CROSS JOIN chats ON chats.id = searchable_messages.chat_id \
    WHERE searchable_messages.message_id > ?1 ORDER BY searchable_messages.message_id LIMIT ?2";

/// Adds the next messages of `source` to `index`, and says how many there were.
fn add_messages(index: &mut Connection, source: &Connection) -> Result<i64> {
    let transaction = index.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut added = 0;
    {
        let mut newest: i64 =
            transaction.query_row("SELECT message_id FROM indexed", [], |row| row.get(0))?;
        let mut add = transaction.prepare_cached(
            "INSERT INTO message_index (rowid, places, pairs) VALUES (?1, ?2, ?3)",
        )?;
        let mut messages = source.prepare_cached(NEW_MESSAGES)?;
        let mut rows = messages.query([newest, MESSAGES_AT_A_TIME])?;
        while let Some(row) = rows.next()? {
            newest = row.get(0)?;
            let text: Option<String> = row.get(1)?;
            let (chat, seller, buyer): (i64, i64, i64) = (row.get(2)?, row.get(3)?, row.get(4)?);
            let places = format!("{} {} {}", of_chat(chat), of_account(seller), of_account(buyer));
            let text = fold(&text.unwrap_or_default());
            let mut words = pairs(&text, &shelf(seller));
            if shelf(seller) != shelf(buyer) {
                words.push(' ');
                words.push_str(&pairs(&text, &shelf(buyer)));
            }
            add.execute(params![newest, places, words])?;
            added += 1;
        }
        transaction.execute("UPDATE indexed SET message_id = ?1", [newest])?;
    }
    transaction.commit()?;
    Ok(added)
}

/// The mark of the words of an account's messages. Accounts share shelves, so that there are not too many words in all.
pub(super) fn shelf(account: i64) -> String {
    const SHELVES: i64 = 251;
    format!("{:x}", account % SHELVES)
}

/// The word for a chat in `places`.
pub(super) fn of_chat(id: i64) -> String {
    format!("c{id}")
}

/// The word for an account in `places`.
pub(super) fn of_account(id: i64) -> String {
    format!("a{id}")
}

#[cfg(test)]
mod tests {
    use super::super::connections::{open_for_reading, open_for_writing};
    use super::*;

    /// A database with one message, which was written without a store.
    fn database(file: &Path) -> Connection {
        let mut database = open_for_writing(file).unwrap();
        super::super::migrate::migrate(&mut database).unwrap();
        database
            .execute_batch(
                "INSERT INTO chats VALUES (1, zeroblob(16), 10, 20, 0, 0, NULL, 1, 1, 0, 5, 0, 0, NULL, 0,
                    NULL, NULL, 0, 0, NULL, 0, NULL, NULL, 0, 0, NULL, 0, 0, 0, 1);
                 INSERT INTO messages VALUES (1, 5, 1, 20, NULL, 'Фара', 0, 1, 0, 0);
                 INSERT INTO searchable_messages VALUES (5, 1);",
            )
            .unwrap();
        database
    }

    fn found(index: &Connection, words: &str) -> Vec<i64> {
        let sql = "SELECT rowid FROM message_index WHERE message_index MATCH ?1";
        let mut statement = index.prepare(sql).unwrap();
        statement.query_map([words], |row| row.get(0)).unwrap().collect::<Result<_>>().unwrap()
    }

    #[test]
    fn a_message_is_found_under_both_accounts_and_its_chat_once_it_was_added() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("torg.sqlite");
        let _database = database(&file);
        let mut index = open(&file).unwrap();
        let source = open_for_reading(&file).unwrap();
        assert_eq!(add_messages(&mut index, &source).unwrap(), 1);
        assert_eq!(add_messages(&mut index, &source).unwrap(), 0);
        for account in [10, 20] {
            let pairs = pairs("фар", &shelf(account));
            for place in [of_account(account), of_chat(1)] {
                assert_eq!(
                    found(&index, &format!("places : {place} AND pairs : \"{pairs}\"")),
                    [5]
                );
            }
        }
        let pairs = pairs("фар", &shelf(30));
        assert_eq!(found(&index, &format!("pairs : \"{pairs}\"")), [0; 0]);
        assert_eq!(found(&index, "places : a30"), [0; 0]);
    }

    #[test]
    fn a_broken_index_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("torg.sqlite");
        let _database = database(&file);
        drop(open(&file).unwrap());
        for damage in
            ["", "this is no database, but long enough to be taken for one".repeat(100).as_str()]
        {
            fs::write(file_of(&file), damage).unwrap();
            let mut index = open(&file).unwrap();
            assert_eq!(add_messages(&mut index, &open_for_reading(&file).unwrap()).unwrap(), 1);
        }
    }

    #[test]
    fn an_index_of_another_version_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("torg.sqlite");
        let _database = database(&file);
        let index = open(&file).unwrap();
        index.pragma_update(None, "user_version", VERSION + 1).unwrap();
        index.execute("UPDATE indexed SET message_id = 1000", []).unwrap();
        drop(index);
        let mut index = open(&file).unwrap();
        assert_eq!(add_messages(&mut index, &open_for_reading(&file).unwrap()).unwrap(), 1);
    }
}
