//! The one connection that writes, and its thread. SQLite has one writer at a time anyway: a queue is cheaper than many who
//! wait for a lock, and fair.
//!
//! On an idle server nobody waits, and to wake a thread and be woken by it takes longer than the disk: there a small job may
//! be done where it is asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;

use engine::store::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::LogIsLong;
use super::connections::DatabaseFile;
use super::error::{commit_error, store_error};

/// So many jobs may wait; the next one waits for room.
const QUEUE_JOBS: usize = 64;

/// The runtime must have so many threads if one of them is to wait for the disk: the others serve everybody else.
const RUNTIME_THREADS_MIN: usize = 2;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Hands work to the writing thread.
pub(super) struct Writer {
    running: Mutex<Option<Running>>,
}

/// The writing thread while it takes work.
pub(super) struct Running {
    queue: mpsc::Sender<Job>,
    writing: Arc<Writing>,
    thread: JoinHandle<()>,
}

/// What it takes to write.
pub(super) struct Writing {
    connection: Mutex<Connection>,
    log_is_long: LogIsLong,
    /// Let go after the connection.
    _file: DatabaseFile,
}

impl Writing {
    /// The connection, unless somebody uses it, for who wants to read a little: it never has to read a page of the database
    /// again, while all others forget what they know whenever something was committed. It must be given back outside of a
    /// transaction, and not by a panic.
    pub(super) fn connection_if_idle(&self) -> Option<MutexGuard<'_, Connection>> {
        self.connection.try_lock().ok()
    }
}

impl Writer {
    /// Starts the thread; `connection`, one to `file`, is its own from now on.
    pub(super) fn start(
        connection: Connection,
        file: DatabaseFile,
        log_is_long: LogIsLong,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE_JOBS);
        let connection = Mutex::new(connection);
        let writing = Arc::new(Writing { connection, log_is_long, _file: file });
        let by_thread = Arc::clone(&writing);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write(&by_thread, jobs))?;
        Ok(Self { running: Mutex::new(Some(Running { queue, writing, thread })) })
    }

    /// What this writes with, until it ends.
    pub(super) fn writing(&self) -> Result<Weak<Writing>, StoreError> {
        self.of_running(|running| Arc::downgrade(&running.writing))
    }

    /// Runs `work`, which is small, on this thread if nobody is writing, and otherwise like [`run`](Self::run).
    pub(super) async fn run_here<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let writing = self.of_running(|running| Arc::clone(&running.writing))?;
        let threads = tokio::runtime::Handle::current().metrics().num_workers();
        // To let a long log start anew is up to the writing thread, and may take a while.
        if threads < RUNTIME_THREADS_MIN || writing.log_is_long.is_set() {
            return self.run(work).await;
        }
        let Some(mut connection) = writing.connection_if_idle() else {
            return self.run(work).await;
        };
        attempt(&mut connection, work).ok_or_else(gave_up)
    }

    /// Runs `work` on the writing thread. Once it is queued it is done, also when the caller no longer waits.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let queue = self.of_running(|running| running.queue.clone())?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Nobody may be waiting any more; the work is done all the same.
            let _ = answer.send(work(connection));
        });
        queue.send(job).await.map_err(|_| closed())?;
        answered.await.map_err(|_| gave_up())
    }

    /// Runs `work` in one transaction on the writing thread.
    pub(super) async fn transaction<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.run(move |connection| in_transaction(connection, work)).await?
    }

    /// A part of what runs, as long as work is taken.
    fn of_running<T>(&self, part: impl FnOnce(&Running) -> T) -> Result<T, StoreError> {
        lock(&self.running).as_ref().map(part).ok_or_else(closed)
    }

    /// Takes no more work; what was queued is still done. None when that was asked before.
    pub(super) fn take(&self) -> Option<Running> {
        lock(&self.running).take()
    }
}

impl Running {
    /// Blocks until all that was queued is done. The connection is closed then, or when a job that is done elsewhere ends.
    pub(super) fn finish(self) {
        drop((self.queue, self.writing));
        if self.thread.join().is_err() {
            tracing::error!("the store's writer had stopped by a panic");
        }
    }
}

/// Runs `work` in one transaction: all of it is stored when this returns, or nothing.
pub(super) fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    // IMMEDIATE, so that what is read stays true until it is written, also beside another process.
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)
        .map_err(|e| store_error(&e))?;
    let value = work(&transaction).map_err(|e| store_error(&e))?;
    transaction.commit().map_err(|e| commit_error(&e))?;
    Ok(value)
}

fn write(writing: &Writing, mut jobs: mpsc::Receiver<Job>) {
    while let Some(job) = jobs.blocking_recv() {
        let mut connection = lock(&writing.connection);
        attempt(&mut connection, job);
        writing.log_is_long.restart(&mut connection);
    }
}

/// Runs `work`; None if it panics. A panic has rolled its transaction back on its way, so the next one finds the connection
/// as it was.
fn attempt<T>(connection: &mut Connection, work: impl FnOnce(&mut Connection) -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(|| work(connection)));
    if done.is_err() {
        tracing::error!("a job of the store's writer panicked");
    }
    done.ok()
}

fn gave_up() -> StoreError {
    StoreError::Failed("the writer gave up".to_owned())
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

/// A mutex that guards nothing which a panic could leave half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::params;

    use super::*;

    fn names(connection: &Connection) -> Vec<String> {
        let mut statement = connection.prepare("SELECT name FROM names ORDER BY name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn add(connection: &mut Connection, name: &str) -> Result<(), StoreError> {
        in_transaction(connection, |db| {
            db.execute("INSERT INTO names VALUES (?1)", params![name])?;
            Ok(())
        })
    }

    fn start(connection: Connection) -> Writer {
        let file = DatabaseFile::open(Path::new("/dev/null")).unwrap();
        Writer::start(connection, file, LogIsLong::default()).unwrap()
    }

    fn empty() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE names (name TEXT PRIMARY KEY)").unwrap();
        connection
    }

    #[test]
    fn a_commit_that_fails_leaves_nothing_behind() {
        let mut connection = empty();
        connection.commit_hook(Some(|| true)).unwrap();
        assert!(matches!(add(&mut connection, "lost"), Err(StoreError::Failed(_))));
        connection.commit_hook(None::<fn() -> bool>).unwrap();
        add(&mut connection, "kept").unwrap();
        assert_eq!(names(&connection), ["kept"]);
    }

    #[test]
    fn a_statement_that_fails_takes_its_transaction_along() {
        let mut connection = empty();
        let failed = in_transaction(&mut connection, |db| {
            db.execute("INSERT INTO names VALUES ('twice')", [])?;
            db.execute("INSERT INTO names VALUES ('twice')", [])
        });
        assert!(matches!(failed, Err(StoreError::Failed(_))));
        assert_eq!(names(&connection), [""; 0]);
    }

    #[tokio::test]
    async fn a_panic_stops_neither_the_thread_nor_the_next_job() {
        let writer = start(empty());
        let failed = writer
            .transaction(|db| {
                db.execute("INSERT INTO names VALUES ('lost')", [])?;
                if db.is_autocommit() { Ok(()) } else { panic!("on purpose") }
            })
            .await;
        assert!(matches!(failed, Err(StoreError::Failed(_))));
        writer.run(|connection| add(connection, "kept")).await.unwrap().unwrap();
        assert_eq!(writer.run(|connection| names(connection)).await.unwrap(), ["kept"]);
    }

    #[tokio::test]
    async fn what_was_queued_is_done_before_the_end() {
        let writer = Arc::new(start(empty()));
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let first = Arc::clone(&writer);
        let first = tokio::spawn(async move { first.run(move |_| wait.recv().is_ok()).await });
        let second = Arc::clone(&writer);
        let second = tokio::spawn(async move {
            second.run(|connection| add(connection, "queued")).await.unwrap()
        });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        let running = writer.take().unwrap();
        release.send(()).unwrap();
        tokio::task::spawn_blocking(|| running.finish()).await.unwrap();
        assert!(first.await.unwrap().unwrap());
        second.await.unwrap().unwrap();
        assert!(matches!(writer.run(|_| ()).await, Err(StoreError::Unavailable(_))));
    }

    fn thread_name(_: &mut Connection) -> Option<String> {
        std::thread::current().name().map(str::to_owned)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_small_job_is_done_where_it_is_asked_for_unless_somebody_writes() {
        let writer = Arc::new(start(empty()));
        let here = std::thread::current().name().map(str::to_owned);
        assert_eq!(writer.run_here(thread_name).await.unwrap(), here);
        let failed = writer.run_here(|_| panic!("on purpose")).await;
        assert!(matches!(failed, Err::<(), _>(StoreError::Failed(_))));
        assert_eq!(writer.run_here(thread_name).await.unwrap(), here);

        let (release, wait) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        let busy = Arc::clone(&writer);
        let busy = tokio::spawn(async move {
            let job = move |_: &mut Connection| (begun.send(()), wait.recv().is_ok()).1;
            busy.run(job).await.unwrap()
        });
        has_begun.await.unwrap();
        let behind = writer.run_here(thread_name);
        let (behind, ()) = tokio::join!(behind, async { release.send(()).unwrap() });
        assert!(busy.await.unwrap());
        assert_eq!(behind.unwrap().as_deref(), Some("store-writer"));
    }

    #[tokio::test]
    async fn the_only_thread_of_a_runtime_never_waits_for_the_disk() {
        let writer = start(empty());
        assert_eq!(writer.run_here(thread_name).await.unwrap().as_deref(), Some("store-writer"));
    }
}
