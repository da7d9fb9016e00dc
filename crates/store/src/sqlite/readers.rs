//! Read-only connections, lent to one query each.

use std::sync::{Arc, Mutex};

use engine::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Semaphore;

use super::error::store_error;
use super::writer::lock;

/// A pool of read-only connections. As many queries run at a time as there are connections; the others wait.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    connections: u32,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX);
        let permits = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), permits, connections: count }
    }

    /// Runs `query` on a thread that may block, over one snapshot of the database.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let idle = Arc::clone(&self.idle);
        let work = move || {
            // Held until the connection is back, also when the caller no longer waits.
            let _permit = permit;
            let connection = lock(&idle).pop().ok_or_else(closed)?;
            let mut lent = Lent { connection: Some(connection), idle };
            let connection = lent.connection.as_mut().ok_or_else(closed)?;
            snapshot(connection, query).map_err(|e| store_error(&e))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer,
            Err(failure) => Err(StoreError::Failed(failure.to_string())),
        }
    }

    /// Waits for the queries that were asked, refuses later ones and closes the connections.
    pub(super) async fn finish(&self) {
        // The semaphore is fair: whoever asked earlier is served first, whoever asks later finds it closed.
        if let Ok(all) = self.permits.acquire_many(self.connections).await {
            self.permits.close();
            all.forget();
        }
        lock(&self.idle).clear();
    }
}

/// Several statements of one query must see the same state, so each query is a transaction.
fn snapshot<T>(
    connection: &mut Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let answer = query(&transaction)?;
    transaction.commit()?;
    Ok(answer)
}

/// Brings its connection back, whatever happens to the query.
struct Lent {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            lock(&self.idle).push(connection);
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
