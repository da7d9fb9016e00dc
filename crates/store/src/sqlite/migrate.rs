//! Brings a database to the schema of this program: forward only, one transaction, under the writer's lock.

use engine::store::StoreError;
use rusqlite::{Connection, params};

use super::cells::SqliteCells;
use super::writer::in_transaction;
use crate::cells::Cells as _;
use crate::migrations::{Migration, Run, hash_of, pending};

const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, sql: include_str!("../../migrations/sqlite/0001_chats.sql") }];

const MADE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version INTEGER PRIMARY KEY,
    -- SHA-256 of the migration's text.
    hash    BLOB NOT NULL
) STRICT";

/// Runs the migrations that `connection`'s database has not seen.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    in_transaction(connection, |connection| {
        connection.execute_batch(MADE)?;
        let run = connection
            .prepare("SELECT version, hash FROM schema_migrations")?
            .query_map([], |row| {
                let mut cells = SqliteCells::of(row);
                Ok(Run { version: cells.take()?, hash: cells.bytes_32()? })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let pending = match pending(MIGRATIONS, &run) {
            Ok(pending) => pending,
            Err(refusal) => return Ok(Err(refusal)),
        };
        for migration in pending {
            connection.execute_batch(migration.sql)?;
            connection.execute(
                "INSERT INTO schema_migrations (version, hash) VALUES (?1, ?2)",
                params![migration.version, hash_of(migration)],
            )?;
        }
        Ok(Ok(()))
    })?
}

/// The version that SQLite itself must have: older ones can lose committed transactions after the write-ahead log was
/// reset.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Refuses a SQLite that may lose data.
pub(super) fn check_sqlite() -> Result<(), StoreError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        let version = rusqlite::version();
        return Err(StoreError::Failed(format!("SQLite {version} is too old; 3.51.3 is needed")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_brought_up_to_date_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let runs: i64 = connection
            .query_row("SELECT count(*) FROM schema_migrations", [], |row| row.get(0))
            .unwrap();
        assert_eq!(usize::try_from(runs), Ok(MIGRATIONS.len()));
    }

    #[test]
    fn a_database_of_a_newer_version_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection
            .execute("INSERT INTO schema_migrations VALUES (1000, zeroblob(32))", [])
            .unwrap();
        let refusal = migrate(&mut connection).unwrap_err();
        assert!(refusal.to_string().contains("newer version"), "{refusal}");
    }

    #[test]
    fn a_migration_that_has_changed_since_it_was_run_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.execute("UPDATE schema_migrations SET hash = zeroblob(32)", []).unwrap();
        let refusal = migrate(&mut connection).unwrap_err();
        assert!(refusal.to_string().contains("migration 1 has changed"), "{refusal}");
    }
}
