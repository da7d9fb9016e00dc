//! Brings a database to the schema of this program: forward only, one transaction, under a lock that all replicas
//! respect.

use deadpool_postgres::Transaction;
use engine::store::StoreError;

use super::database::{Database, execute, query};
use super::error::store_error;
use crate::cells::Cells as _;
use crate::migrations::{Migration, Run, hash_of, pending};

const MIGRATIONS: &[Migration] =
    &[Migration { version: 1, sql: include_str!("../../migrations/postgres/0001_chats.sql") }];

const MADE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    version BIGINT PRIMARY KEY,
    -- SHA-256 of the migration's text.
    hash    BYTEA NOT NULL
)";

/// Whoever starts later waits for the first one and finds nothing to do. The number is any that nobody else would take;
/// schemas of one database share it.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7364726701)";

/// Runs the migrations that the database has not seen.
pub(super) async fn migrate(db: &Database) -> Result<(), StoreError> {
    db.transaction(async |transaction| {
        batch(transaction, "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
        batch(transaction, LOCK).await?;
        batch(transaction, MADE).await?;
        let run = query(transaction, "SELECT version, hash FROM schema_migrations", &[], |cells| {
            Ok(Run { version: cells.take()?, hash: cells.bytes_32()? })
        })
        .await?;
        for migration in pending(MIGRATIONS, &run)? {
            batch(transaction, migration.sql).await?;
            let hash = hash_of(migration);
            execute(
                transaction,
                "INSERT INTO schema_migrations (version, hash) VALUES ($1, $2)",
                &[&migration.version, &hash.as_slice()],
            )
            .await?;
        }
        Ok(())
    })
    .await
}

async fn batch(transaction: &Transaction<'_>, sql: &str) -> Result<(), StoreError> {
    transaction.batch_execute(sql).await.map_err(|error| store_error(&error))
}
