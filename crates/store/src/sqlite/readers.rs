//! Read-only connections, lent to one query each.
//!
//! A request asks for its key, its account and its chat before it does anything. To find a row by its key takes a few
//! microseconds, and handing that to another thread and back takes more than the reading: so what visits few pages of the
//! database is read where it is asked for. What may take long gets a thread that may block, and never one of the runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};

use engine::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connections::DatabaseFile;
use super::error::store_error;
use super::writer::{Writing, lock};

/// So many pages of the database are few: even if none of them is in memory, the disk has them in one or two milliseconds.
const FEW_PAGES: usize = 16;

/// So many rows that lie next to each other share a page, roughly.
const ROWS_OF_PAGE: usize = 16;

/// How many pages a range of so many rows takes.
pub(super) const fn pages_of(rows: usize) -> usize {
    rows.div_ceil(ROWS_OF_PAGE)
}

/// A pool of read-only connections. As many queries run at a time as there are connections; the others wait.
pub(super) struct Readers {
    idle: Arc<Idle>,
    permits: Arc<Semaphore>,
    connections: u32,
    writer: Weak<Writing>,
}

/// Those that nobody has borrowed, and the file to which they are, which is let go after them.
struct Idle {
    connections: Mutex<Vec<Connection>>,
    _file: DatabaseFile,
}

impl Readers {
    /// A pool of these connections to `file`, which `writer` writes.
    pub(super) fn new(
        connections: Vec<Connection>,
        file: DatabaseFile,
        writer: Weak<Writing>,
    ) -> Self {
        let count = u32::try_from(connections.len()).unwrap_or(u32::MAX);
        let permits = Arc::new(Semaphore::new(connections.len()));
        let idle = Arc::new(Idle { connections: Mutex::new(connections), _file: file });
        Self { idle, permits, connections: count, writer }
    }

    /// Runs `query` on a thread that may block, over one snapshot of the database.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut lent = self.lend().await?;
        match tokio::task::spawn_blocking(move || snapshot(lent.connection()?, query)).await {
            Ok(answer) => answer,
            Err(failure) => Err(StoreError::Failed(failure.to_string())),
        }
    }

    /// Runs `query`, which visits about as many pages of the database, over one snapshot of it: on this thread if they are
    /// few, and then with the writer's memory, if nobody writes. A row that is found by a key of its own is a page; for a
    /// range of rows see [`pages_of`]. The index for search is out of reach.
    pub(super) async fn read_pages<T: Send + 'static>(
        &self,
        pages: usize,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if FEW_PAGES < pages {
            return self.read(query).await;
        }
        // Also for the writer's connection, so that nobody reads any more when the store is closed.
        let mut lent = self.lend().await?;
        let writer = self.writer.upgrade();
        let mut of_writer = writer.as_deref().and_then(Writing::connection_if_idle);
        let connection = match &mut of_writer {
            Some(connection) => connection,
            None => lent.connection()?,
        };
        catch_unwind(AssertUnwindSafe(|| snapshot(connection, query)))
            .unwrap_or_else(|_| Err(StoreError::Failed("a query has panicked".to_owned())))
    }

    /// A connection, as soon as one is idle.
    async fn lend(&self) -> Result<Lent, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let connection = Some(lock(&self.idle.connections).pop().ok_or_else(closed)?);
        Ok(Lent { connection, idle: Arc::clone(&self.idle), _permit: permit })
    }

    /// Waits for the queries that were asked, refuses later ones and closes the connections.
    pub(super) async fn finish(&self) {
        // The semaphore is fair: whoever asked earlier is served first, whoever asks later finds it closed.
        if let Ok(all) = self.permits.acquire_many(self.connections).await {
            self.permits.close();
            all.forget();
        }
        lock(&self.idle.connections).clear();
    }
}

/// Brings its connection back, whatever happens to the query, and also when the caller no longer waits.
struct Lent {
    connection: Option<Connection>,
    idle: Arc<Idle>,
    /// Given back after the connection, as fields are dropped after the whole.
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    fn connection(&mut self) -> Result<&mut Connection, StoreError> {
        self.connection.as_mut().ok_or_else(closed)
    }
}

/// Several statements of one query must see the same state, so each query is a transaction.
fn snapshot<T>(
    connection: &mut Connection,
    query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    let read = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        let answer = query(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    };
    read().map_err(|e| store_error(&e))
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            lock(&self.idle.connections).push(connection);
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::thread;

    use super::super::checkpoint::LogIsLong;
    use super::super::writer::Writer;
    use super::*;

    fn one_reader() -> Readers {
        beside(Weak::new())
    }

    fn beside(writer: Weak<Writing>) -> Readers {
        let file = DatabaseFile::open(Path::new("/dev/null")).unwrap();
        Readers::new(vec![Connection::open_in_memory().unwrap()], file, writer)
    }

    /// Of the two connections of a test only the writer's knows the table.
    fn knows_the_table(db: &Connection) -> rusqlite::Result<bool> {
        db.table_exists(None, "names")
    }

    #[tokio::test]
    async fn few_pages_are_read_with_the_writer_s_memory_unless_it_writes() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE names (name TEXT)").unwrap();
        let file = DatabaseFile::open(Path::new("/dev/null")).unwrap();
        let writer = Writer::start(connection, file, LogIsLong::default()).unwrap();
        let readers = beside(writer.writing().unwrap());
        assert!(readers.read_pages(FEW_PAGES, knows_the_table).await.unwrap());
        assert!(!readers.read_pages(FEW_PAGES + 1, knows_the_table).await.unwrap());

        let panics = |db: &Connection| {
            if db.is_autocommit() { Ok(()) } else { panic!("on purpose") }
        };
        assert!(readers.read_pages(1, panics).await.is_err());
        assert!(readers.read_pages(1, knows_the_table).await.unwrap(), "it goes on");

        let (begun, has_begun) = std::sync::mpsc::channel();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let busy = writer.run(move |_| (begun.send(()), wait.recv().is_ok()).1);
        let (was_busy, known) = tokio::join!(busy, async {
            has_begun.recv().unwrap();
            let known = readers.read_pages(1, knows_the_table).await;
            release.send(()).unwrap();
            known.unwrap()
        });
        assert!(was_busy.unwrap() && !known);
        writer.take().unwrap().finish();
        assert!(!readers.read_pages(1, knows_the_table).await.unwrap(), "the writer has ended");
    }

    #[tokio::test]
    async fn few_pages_are_read_where_they_are_asked_for_and_many_are_not() {
        let readers = one_reader();
        let here = thread::current().id();
        let thread = |_: &Connection| Ok(thread::current().id());
        assert_eq!(readers.read_pages(FEW_PAGES, thread).await.unwrap(), here);
        assert_ne!(readers.read_pages(FEW_PAGES + 1, thread).await.unwrap(), here);
        assert_ne!(readers.read(thread).await.unwrap(), here);
    }

    #[tokio::test]
    async fn a_panic_costs_no_connection() {
        let readers = one_reader();
        for pages in [1, FEW_PAGES + 1] {
            let panics = |db: &Connection| {
                if db.is_autocommit() { Ok(()) } else { panic!("on purpose") }
            };
            let failed = readers.read_pages(pages, panics).await;
            assert!(matches!(failed, Err(StoreError::Failed(_))));
            let one = |db: &Connection| db.query_row("SELECT 1", [], |row| row.get::<_, i64>(0));
            assert_eq!(readers.read_pages(pages, one).await.unwrap(), 1);
        }
    }

    #[tokio::test]
    async fn few_pages_wait_for_a_connection_and_do_not_stop_the_runtime() {
        let readers = Arc::new(one_reader());
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let long = Arc::clone(&readers);
        let long = tokio::spawn(async move { long.read(move |_| Ok(wait.recv().is_ok())).await });
        let few = Arc::clone(&readers);
        tokio::task::yield_now().await;
        let few = tokio::spawn(async move { few.read_pages(1, |_| Ok(())).await });
        tokio::task::yield_now().await;
        assert!(!few.is_finished(), "the only connection is lent");
        release.send(()).unwrap();
        assert!(long.await.unwrap().unwrap());
        few.await.unwrap().unwrap();
        readers.finish().await;
        let refused = readers.read_pages(1, |_| Ok(())).await;
        assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    }
}
