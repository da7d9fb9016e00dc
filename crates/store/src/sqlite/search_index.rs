//! The index for search: a file beside the database that follows the messages a moment later, on a thread of its own.
//!
//! A row of an index inside the commit would halve the rate of commits. Until the index has caught up, a search reads
//! the newest and the edited messages themselves (see `search.rs`), so nothing is ever missed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::store::StoreError;
use rusqlite::{Connection, Result, TransactionBehavior, params, params_from_iter};

use super::connections::{BUSY_TIMEOUT, DatabaseFile, WAL_BYTES_KEPT, keep_statements};
use super::error::store_error;
use crate::cells::number;
use crate::substring::{fold, pairs};

const SCHEMA: &str = include_str!("../../migrations/sqlite/search.sql");

/// The version of the schema and of the folding. With another one, an index is made anew.
const VERSION: i64 = 3;

/// So many messages are added in one transaction, and so many edited ones.
const MESSAGES_AT_A_TIME: i64 = 2000;

/// How long the index rests after it has caught up, so that many small commits are taken together.
const REST: Duration = Duration::from_millis(200);

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
    keep_statements(&index)?;
    Ok(index)
}

/// The thread that follows the messages.
pub(super) struct Indexer {
    thread: JoinHandle<()>,
}

impl Indexer {
    /// Starts the thread, which adds the messages of `source`, a connection to `file`, to `index` whenever `due` rings, until nobody can ring
    /// any more.
    pub(super) fn start(
        mut index: Connection,
        source: Connection,
        file: DatabaseFile,
        due: Receiver<()>,
    ) -> std::io::Result<Self> {
        let thread =
            std::thread::Builder::new().name("store-indexer".to_owned()).spawn(move || {
                follow(&mut index, &source, &due);
                // In this order: whoever closes the index last moves its log, and must be able to write.
                drop((source, index, file));
            })?;
        Ok(Self { thread })
    }

    /// Waits for the thread; whoever can ring must be gone.
    pub(super) fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the store's indexer had stopped by a panic");
        }
    }
}

fn follow(index: &mut Connection, source: &Connection, due: &Receiver<()>) {
    while due.recv().is_ok() {
        loop {
            let began = Instant::now();
            match catch_up(index, source) {
                Ok(round) if round.is_last() => break,
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

macro_rules! select_searchable {
    ($position:literal, $which:literal) => {
        concat!(
            "SELECT searchable_messages.",
            $position,
            ", messages.id, messages.text, chats.id, chats.seller_id, chats.buyer_id FROM searchable_messages \
             CROSS JOIN messages ON messages.chat_id = searchable_messages.chat_id \
             AND messages.id = searchable_messages.message_id \
             CROSS JOIN chats ON chats.id = searchable_messages.chat_id WHERE searchable_messages.",
            $position,
            " > ?1 AND ",
            $which,
            " ORDER BY searchable_messages.",
            $position,
            " LIMIT ?2"
        )
    };
}

pub(super) const NEW_MESSAGES: &str = select_searchable!("message_id", "TRUE");
/// The edits of messages that are in the index already.
pub(super) const NEW_EDITS: &str =
    select_searchable!("edit", "searchable_messages.message_id <= ?3");
pub(super) const NEWEST_EDIT: &str =
    "SELECT coalesce(max(edit), 0) FROM searchable_messages WHERE edit IS NOT NULL";

/// What one round brings into the index.
struct Round {
    messages: News,
    edits: News,
}

/// The next rows of a selection.
struct News {
    texts: Vec<Searchable>,
    /// Where the last row stands; without any, where the selection begins.
    end: i64,
}

/// A message as the index needs it.
struct Searchable {
    message: i64,
    text: String,
    chat: i64,
    seller: i64,
    buyer: i64,
}

impl Round {
    /// Reads what `source` has behind these positions, all of it from one state of the database. The state is let go before
    /// anything is written: as long as somebody reads from it, the write-ahead log cannot start anew, and sends wait for that.
    fn read(source: &Connection, message: i64, edit: i64) -> Result<Self> {
        let source = source.unchecked_transaction()?;
        let mut edits = News::read(&source, NEW_EDITS, &[edit, MESSAGES_AT_A_TIME, message])?;
        if edits.are_all() {
            // Whatever else was edited comes into the index later, and with the text that it has by then.
            edits.end = source.prepare_cached(NEWEST_EDIT)?.query_row([], |row| row.get(0))?;
        }
        let messages = News::read(&source, NEW_MESSAGES, &[message, MESSAGES_AT_A_TIME])?;
        Ok(Self { messages, edits })
    }

    /// Whether nothing was left for another round.
    fn is_last(&self) -> bool {
        self.messages.are_all() && self.edits.are_all()
    }
}

impl News {
    /// Reads what `sql` selects; the selection begins behind the first of its `bounds`.
    fn read(source: &Connection, sql: &str, bounds: &[i64]) -> Result<Self> {
        let mut news = Self { texts: Vec::new(), end: bounds.first().copied().unwrap_or(0) };
        let mut selected = source.prepare_cached(sql)?;
        let mut rows = selected.query(params_from_iter(bounds))?;
        while let Some(row) = rows.next()? {
            news.end = row.get(0)?;
            news.texts.push(Searchable {
                message: row.get(1)?,
                text: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
                chat: row.get(3)?,
                seller: row.get(4)?,
                buyer: row.get(5)?,
            });
        }
        Ok(news)
    }

    /// Whether the selection has no more.
    fn are_all(&self) -> bool {
        number(self.texts.len()) < MESSAGES_AT_A_TIME
    }
}

/// Adds the next messages of `source` to `index`, and the new texts of those that were edited.
fn catch_up(index: &mut Connection, source: &Connection) -> Result<Round> {
    let index = index.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (message, edit) = index.query_row("SELECT message_id, edit FROM indexed", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    let round = Round::read(source, message, edit)?;
    for searchable in round.edits.texts.iter().chain(&round.messages.texts) {
        put(&index, searchable)?;
    }
    let ends = [round.messages.end, round.edits.end];
    index.execute("UPDATE indexed SET message_id = ?1, edit = ?2", ends)?;
    index.commit()?;
    Ok(round)
}

/// Puts a message into `index`, in place of what it knew of it.
fn put(index: &Connection, searchable: &Searchable) -> Result<()> {
    let Searchable { message, ref text, chat, seller, buyer } = *searchable;
    let places = format!("{} {} {}", of_chat(chat), of_account(seller), of_account(buyer));
    let text = fold(text);
    let mut words = pairs(&text, &shelf(seller));
    if shelf(seller) != shelf(buyer) {
        words.push(' ');
        words.push_str(&pairs(&text, &shelf(buyer)));
    }
    index
        .prepare_cached(
            "INSERT OR REPLACE INTO message_index (rowid, places, pairs) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![message, places, words])?;
    Ok(())
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
                    NULL, NULL, 0, 0, NULL, 0, NULL, NULL, 0, 0, NULL, 0, 0, 0, 1, 0, 0);
                 INSERT INTO messages VALUES (1, 5, 1, 20, NULL, 'Фара', 0, NULL, 1, 0, 0);
                 INSERT INTO searchable_messages VALUES (5, 1, NULL);",
            )
            .unwrap();
        database
    }

    const NOTHING: (usize, usize) = (0, 0);
    const ONE_MESSAGE: (usize, usize) = (1, 0);
    const ONE_EDIT: (usize, usize) = (0, 1);

    /// How many messages and how many edits a round has brought.
    fn catch_up(index: &mut Connection, source: &Connection) -> Result<(usize, usize)> {
        let round = super::catch_up(index, source)?;
        assert!(source.is_autocommit(), "what was read is let go");
        Ok((round.messages.texts.len(), round.edits.texts.len()))
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
        assert_eq!(catch_up(&mut index, &source).unwrap(), ONE_MESSAGE);
        assert_eq!(catch_up(&mut index, &source).unwrap(), NOTHING);
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
    fn an_edited_message_is_found_by_its_new_text_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("torg.sqlite");
        let database = database(&file);
        let mut index = open(&file).unwrap();
        let source = open_for_reading(&file).unwrap();
        let edit = |number: i64, text: &str| {
            database.execute("UPDATE messages SET text = ?1", [text]).unwrap();
            database.execute("UPDATE searchable_messages SET edit = ?1", [number]).unwrap();
        };
        let found = |index: &Connection, text: &str| {
            found(index, &format!("pairs : \"{}\"", pairs(text, &shelf(20))))
        };
        // It comes into the index with the text that it has by then, which is no edit of what the index knew.
        edit(1, "Бампер");
        assert_eq!(catch_up(&mut index, &source).unwrap(), ONE_MESSAGE);
        assert_eq!(catch_up(&mut index, &source).unwrap(), NOTHING);
        assert_eq!(found(&index, "бампер"), [5]);
        for (number, text, before) in [(2, "зеркало", "бампер"), (3, "стекло", "зеркало")]
        {
            edit(number, text);
            assert_eq!(catch_up(&mut index, &source).unwrap(), ONE_EDIT);
            assert_eq!(catch_up(&mut index, &source).unwrap(), NOTHING);
            assert_eq!((found(&index, text), found(&index, before)), (vec![5], vec![]));
        }
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
            let source = open_for_reading(&file).unwrap();
            assert_eq!(catch_up(&mut index, &source).unwrap(), ONE_MESSAGE);
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
        let source = open_for_reading(&file).unwrap();
        assert_eq!(catch_up(&mut index, &source).unwrap(), ONE_MESSAGE);
    }
}
