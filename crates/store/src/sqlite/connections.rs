//! How connections to the database are opened.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::store::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Result};

use super::search_index;

/// How long a statement waits for another process that holds a lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// The write-ahead log is cut to this size when it starts anew.
pub(super) const WAL_BYTES_KEPT: i64 = 192 << 20;
/// Pages that the writer keeps in memory. With SQLite's own 2 MiB a large batch would write its pages more than once; and of
/// many pages SQLite looks at every one after most commits, which takes longer than to read some of them again.
const WRITER_CACHE_KIB: i64 = 16 << 10;
/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS_KEPT: usize = 256;

/// The file of the database, open beside its connections, so that the system can be told to write it down.
///
/// When a process closes a file it loses all its locks on it, SQLite's among them. So whoever has a connection has this as
/// well, and lets the connection go first.
#[derive(Clone)]
pub(super) struct DatabaseFile(Arc<File>);

impl DatabaseFile {
    /// Opens the file, which must exist.
    pub(super) fn open(file: &Path) -> std::result::Result<Self, StoreError> {
        Ok(Self(Arc::new(File::open(file).map_err(|error| not_written(&error))?)))
    }

    /// Returns when the disk has all that was written to the file so far.
    pub(super) fn write_down(&self) -> std::result::Result<(), StoreError> {
        self.0.sync_data().map_err(|error| not_written(&error))
    }
}

fn not_written(error: &io::Error) -> StoreError {
    StoreError::Failed(format!("the file of the database: {error}"))
}

/// The connection of a thread that writes, or moves the log into the database.
pub(super) fn open_for_writing(file: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// A connection that reads, with the index for search attached as `search`.
pub(super) fn open_for_reading(file: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let index = search_index::file_of(file);
    connection.execute("ATTACH ?1 AS search", [index.to_string_lossy()])?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Has `connection` keep what it has prepared. Unless a plan may not depend on values, SQLite prepares some statements anew
/// for each set of them, most histories among these.
pub(super) fn keep_statements(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::super::messages;
    use super::super::migrate::migrate;
    use super::*;

    #[test]
    fn other_values_are_no_reason_to_prepare_a_statement_again() {
        let mut connection = Connection::open_in_memory().unwrap();
        keep_statements(&connection).unwrap();
        migrate(&mut connection).unwrap();
        let mut page = connection.prepare(messages::BACKWARD).unwrap();
        for (chat, from, limit) in [(1, 10, 50), (2, 20, 100), (3, 30, 10)] {
            assert!(!page.exists([chat, from, limit]).unwrap());
        }
        assert_eq!(page.get_status(StatementStatus::RePrepare), 0);
    }

    /// `NORMAL` gains little and loses acknowledged messages at a power loss; a kill of the process would not show it.
    #[test]
    fn every_commit_waits_for_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open_for_writing(&folder.path().join("torg.sqlite")).unwrap();
        let read = |pragma: &str| -> String {
            let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
            format!("{:?}", connection.pragma_query_value(None, pragma, value).unwrap())
        };
        assert_eq!(read("synchronous"), "Integer(2)", "FULL");
        assert_eq!(read("journal_mode"), "Text(\"wal\")");
    }
}
