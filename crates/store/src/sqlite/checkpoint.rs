//! Moves committed pages from the write-ahead log into the database file, off the path of commits: SQLite would
//! otherwise do it inside the commit that happens to fill the log.
//!
//! The log starts anew only when nothing in it is needed any more, which never comes to pass while commit follows
//! commit. So a log that has become long is finished by the writer itself, between two batches, after the checkpointer
//! has moved all but the newest pages. SQLite has the database file written down only then: the checkpointer has it done
//! each time, or commits would wait for the whole log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use engine::store::StoreError;
use rusqlite::{Connection, Result};

use super::connections::{BUSY_TIMEOUT, DatabaseFile};
use super::error::store_error;

/// The log is to be moved and to start anew when so many pages were added to it (128 MiB). A page that was written often is
/// moved once for all of them, so a long log saves work; it is also what a start after a crash has to read.
const LOG_PAGES: i32 = 32 * 1024;

/// So many checkpoints are made, one right after the other, before the log starts anew.
const CHECKPOINTS: usize = 3;

/// The writer waits so long, so many times, for queries that still read from the log, before it lets the log grow until the
/// next time (50 ms).
const READERS_PATIENCE: Duration = Duration::from_micros(200);
const READERS_TRIES: i32 = 250;

/// The checkpointing thread.
pub(super) struct Checkpointer {
    thread: JoinHandle<(Connection, DatabaseFile)>,
}

impl Checkpointer {
    /// Starts the thread, which makes a checkpoint on `own`, a connection to `file`, whenever `due` rings, until nobody can
    /// ring any more.
    pub(super) fn start(
        own: Connection,
        file: DatabaseFile,
        due: Receiver<()>,
        log_is_long: LogIsLong,
    ) -> std::io::Result<Self> {
        let thread =
            std::thread::Builder::new().name("store-checkpointer".to_owned()).spawn(move || {
                checkpoint_when(&due, &own, &file, &log_is_long);
                (own, file)
            })?;
        Ok(Self { thread })
    }

    /// Waits for the thread; whoever can ring must be gone. Answers its connection, which may write: closed as the last one
    /// of all, it moves the whole log into the database. None, and no log is moved, if the thread has panicked.
    pub(super) fn finish(self) -> Option<(Connection, DatabaseFile)> {
        let last = self.thread.join();
        if last.is_err() {
            tracing::error!("the store's checkpointer had stopped by a panic");
        }
        last.ok()
    }
}

fn checkpoint_when(
    due: &Receiver<()>,
    connection: &Connection,
    file: &DatabaseFile,
    log_is_long: &LogIsLong,
) {
    while due.recv().is_ok() {
        match move_pages(connection, file) {
            Ok(()) => log_is_long.0.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; the write-ahead log grows until one succeeds");
            }
        }
    }
}

/// Moves what the log has.
fn move_pages(connection: &Connection, file: &DatabaseFile) -> std::result::Result<(), StoreError> {
    // The writer will move what is left, and sends wait for that: so let it be what has come during a short checkpoint, and
    // not during a long one.
    for _ in 0..CHECKPOINTS {
        // PASSIVE waits for nobody: what a reader still needs stays in the log until the next time.
        checkpoint(connection, "PASSIVE").map_err(|error| store_error(&error))?;
        file.write_down()?;
    }
    Ok(())
}

fn checkpoint(connection: &Connection, mode: &str) -> Result<()> {
    connection.pragma_update_and_check(None, "wal_checkpoint", mode, |_| Ok(()))
}

/// Waits a moment for those who read from the log, if the writer has not yet been told so too often. SQLite's own pauses
/// become much longer than a query of a few pages, after which there is a chance again.
fn wait_for_readers(tries: i32) -> bool {
    std::thread::sleep(READERS_PATIENCE);
    tries < READERS_TRIES
}

/// Says when a checkpoint is due.
#[derive(Default)]
pub(super) struct Due {
    /// How long the log was when the last one was.
    pages: i32,
}

impl Due {
    /// Whether one is due now that the log has so many pages.
    pub(super) fn is_now(&mut self, pages: i32) -> bool {
        // It has started anew.
        if pages < self.pages {
            self.pages = 0;
        }
        let is_due = self.pages + LOG_PAGES <= pages;
        if is_due {
            self.pages = pages;
        }
        is_due
    }
}

/// Set by the checkpointer when the writer is to let the log start anew.
#[derive(Clone, Default)]
pub(super) struct LogIsLong(Arc<AtomicBool>);

impl LogIsLong {
    /// Whether that was asked for.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Lets the log start anew, if that was asked for. To be called by the writer outside of a transaction.
    pub(super) fn restart(&self, writer: &mut Connection) {
        if !self.0.swap(false, Ordering::Relaxed) {
            return;
        }
        let restarted = writer
            .busy_handler(Some(wait_for_readers))
            .and_then(|()| checkpoint(writer, "RESTART"));
        // Whatever became of it: commits wait for another process as long as ever.
        let is_patient_again = writer.busy_timeout(BUSY_TIMEOUT);
        if let Err(error) = restarted.and(is_patient_again) {
            tracing::warn!(%error, "the write-ahead log could not start anew");
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::store::Store as _;

    use super::super::SqliteStore;
    use super::*;

    #[test]
    fn a_checkpoint_is_due_whenever_the_log_has_grown_by_enough() {
        let mut due = Due::default();
        let step = LOG_PAGES;
        let pages = [1, step, step + 1, 2 * step - 1, 2 * step + 5, 3 * step + 4, 3 * step + 5];
        assert_eq!(
            pages.map(|pages| due.is_now(pages)),
            [false, true, false, false, true, false, true]
        );
        assert!(!due.is_now(10), "it has started anew");
        assert!(due.is_now(step));
    }

    #[test]
    fn a_long_log_starts_anew_when_it_is_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("torg.sqlite");
        let mut writer = super::super::open_for_writing(&file).unwrap();
        writer.execute_batch("CREATE TABLE texts (text TEXT)").unwrap();
        let log_is_long = LogIsLong::default();
        let mut write = || {
            for _ in 0..100 {
                writer.execute("INSERT INTO texts VALUES (hex(randomblob(2000)))", []).unwrap();
            }
            log_is_long.restart(&mut writer);
            std::fs::metadata(folder.path().join("torg.sqlite-wal")).unwrap().len()
        };
        let once = write();
        assert!(once < write(), "nobody has asked");
        log_is_long.0.store(true, Ordering::Relaxed);
        let long = write();
        assert_eq!(write(), long, "the log is written from its beginning again");
        assert!(!log_is_long.0.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn a_store_that_was_closed_leaves_no_log_for_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("torg.sqlite")).unwrap();
        store.secret("name", [1; 32]).await.unwrap();
        store.close().await.unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["torg.sqlite", "torg.sqlite.search"]);
    }
}
