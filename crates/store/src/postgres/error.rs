//! What goes wrong with PostgreSQL, in the words of the engine.

use std::error::Error as _;

use engine::store::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::{Severity, SqlState};

/// Says what an error outside of COMMIT means: nothing was written.
pub(crate) fn store_error(error: &Error) -> StoreError {
    if is_away(error) {
        StoreError::Unavailable(in_words(error))
    } else {
        StoreError::Failed(in_words(error))
    }
}

/// Says what an error of COMMIT means, or of a statement that is a transaction by itself. Unless the server says that it
/// has rolled back, the transaction may have been committed: its answer did not come, or cannot be read, or it is that the
/// server ends the connection.
pub(super) fn commit_error(error: &Error) -> StoreError {
    if is_refusal(error) { store_error(error) } else { StoreError::OutcomeUnknown(in_words(error)) }
}

/// Says why no connection could be had: nothing was written.
pub(super) fn pool_error(error: &deadpool_postgres::PoolError) -> StoreError {
    match error {
        deadpool_postgres::PoolError::Backend(error) => StoreError::Unavailable(in_words(error)),
        deadpool_postgres::PoolError::Timeout(_)
        | deadpool_postgres::PoolError::Closed
        | deadpool_postgres::PoolError::NoRuntimeSpecified
        | deadpool_postgres::PoolError::PostCreateHook(_) => {
            StoreError::Unavailable(error.to_string())
        }
    }
}

/// Whether the same transaction may succeed when it is run again: others were in its way.
pub(super) fn is_collision(error: &Error) -> bool {
    error.code().is_some_and(|code| {
        [
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::LOCK_NOT_AVAILABLE,
            SqlState::UNIQUE_VIOLATION,
        ]
        .contains(code)
    })
}

/// Whether the server says that it has rolled back, and goes on. What ends a connection is more than an ERROR.
fn is_refusal(error: &Error) -> bool {
    /// Connection exceptions and system errors: a proxy says so of its own connection to the server.
    const OF_PROXIES: [&str; 2] = ["08", "58"];
    error.as_db_error().is_some_and(|said| {
        said.parsed_severity() == Some(Severity::Error)
            && !OF_PROXIES.iter().any(|class| said.code().code().starts_with(class))
    })
}

/// Whether the server is not there, or not for us: the connection broke, it shuts down or starts, it has no room.
fn is_away(error: &Error) -> bool {
    /// Connection exceptions, lack of resources, operator intervention, system errors.
    const CLASSES: [&str; 4] = ["08", "53", "57", "58"];
    match error.code() {
        Some(code) => {
            CLASSES.iter().any(|class| code.code().starts_with(class))
                || *code == SqlState::READ_ONLY_SQL_TRANSACTION
                || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                || *code == SqlState::LOCK_NOT_AVAILABLE
        }
        // Everything that the server did not say itself, but for what this program cannot read.
        None => {
            error.is_closed()
                || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        }
    }
}

/// The error with its causes. The server's words may quote a row, and so a text of a chat: they are left out.
pub(super) fn in_words(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{}: {}", said.code().code(), said.message()),
        None => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::connections;
    use super::super::database::Database;
    use super::*;

    #[tokio::test]
    async fn what_the_server_refuses_is_not_written_and_what_it_does_not_answer_may_be() {
        let schema = local_services::fresh_schema().unwrap();
        let db = Database::new(connections::pool(schema.url(), 1).unwrap());
        let connection = db.connection().await.unwrap();
        connection.batch_execute("CREATE TABLE numbers (number BIGINT)").await.unwrap();
        connection.batch_execute("SET default_transaction_read_only = on").await.unwrap();
        drop(connection);

        let refused = db.execute("INSERT INTO numbers VALUES (1)", &[]).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
        let ended = db.execute("SELECT pg_terminate_backend(pg_backend_pid())", &[]).await;
        assert!(matches!(ended, Err(StoreError::OutcomeUnknown(_))), "{ended:?}");
    }
}
