//! The index for search: a file beside the database that follows the messages a moment later, on a thread of its own.
//!
//! A row of an index inside the commit would halve the rate of commits. Until the index has caught up, a search reads the
//! newest messages themselves (see `search.rs`), so nothing is ever missed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::store::StoreError;
use rusqlite::{Connection, Result, TransactionBehavior, params};

use super::error::store_error;
use super::{BUSY_TIMEOUT, STATEMENTS_KEPT, WAL_BYTES_KEPT};
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
    /// Starts the thread, which adds the messages of `source` to `index` whenever `due` rings, until nobody can ring any
    /// more.
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
            match add_messages(&mut index, source) {
                Ok(added) if added < MESSAGES_AT_A_TIME => break,
                Ok(_) if due.try_recv() == Err(TryRecvError::Disconnected) => return,
                Ok(_) => {}
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
            add.execute(params![newest, places, pairs(&fold(&text.unwrap_or_default()))])?;
            added += 1;
        }
        transaction.execute("UPDATE indexed SET message_id = ?1", [newest])?;
    }
    transaction.commit()?;
    Ok(added)
}

/// The word for a chat in `places`.
pub(super) fn of_chat(id: i64) -> String {
    format!("c{id}")
}

/// The word for an account in `places`.
pub(super) fn of_account(id: i64) -> String {
    format!("a{id}")
}
