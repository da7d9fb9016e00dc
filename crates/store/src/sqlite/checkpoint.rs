//! Moves committed pages from the write-ahead log into the database file, off the path of commits: SQLite would
//! otherwise do it inside the commit that happens to fill the log.
//!
//! The log starts anew only when nothing in it is needed any more, which never comes to pass while commit follows
//! commit. So a log that has become long is finished by the writer itself, between two batches, after the checkpointer
//! has moved all but the newest pages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, Result};

use super::connections::BUSY_TIMEOUT;

/// A checkpoint is due when the log has so many pages (4 MiB).
pub(super) const WAL_PAGES: i32 = 1024;

/// The log is to start anew when it has so many pages (64 MiB).
const WAL_PAGES_MAX: i64 = 16 * 1024;

/// How long the writer waits for queries that still read from the log, before it lets the log grow until the next time.
const RESTART_TIMEOUT: Duration = Duration::from_millis(50);

/// The checkpointing thread.
pub(super) struct Checkpointer {
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Starts the thread, which makes a checkpoint on `own` whenever `due` rings, until nobody can ring any more.
    pub(super) fn start(
        own: Connection,
        due: Receiver<()>,
        log_is_long: LogIsLong,
    ) -> std::io::Result<Self> {
        let thread = std::thread::Builder::new()
            .name("store-checkpointer".to_owned())
            .spawn(move || checkpoint_when(&due, &own, &log_is_long))?;
        Ok(Self { thread })
    }

    /// Waits for the thread; whoever can ring must be gone.
    pub(super) fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the store's checkpointer had stopped by a panic");
        }
    }
}

fn checkpoint_when(due: &Receiver<()>, connection: &Connection, log_is_long: &LogIsLong) {
    while due.recv().is_ok() {
        // PASSIVE waits for nobody: what a reader still needs stays in the log until the next time.
        match checkpoint(connection, "PASSIVE") {
            Ok(pages) if WAL_PAGES_MAX <= pages => log_is_long.0.store(true, Ordering::Relaxed),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; the write-ahead log grows until one succeeds");
            }
        }
    }
}

/// How many pages the log has after a checkpoint.
fn checkpoint(connection: &Connection, mode: &str) -> Result<i64> {
    let mut pages = 0;
    connection.pragma_update_and_check(None, "wal_checkpoint", mode, |row| {
        pages = row.get(1)?;
        Ok(())
    })?;
    Ok(pages)
}

/// Set by the checkpointer when the writer is to let the log start anew.
#[derive(Clone, Default)]
pub(super) struct LogIsLong(Arc<AtomicBool>);

impl LogIsLong {
    /// Lets the log start anew, if that was asked for. To be called by the writer outside of a transaction.
    pub(super) fn restart(&self, writer: &Connection) {
        if !self.0.swap(false, Ordering::Relaxed) {
            return;
        }
        let restarted = writer
            .busy_timeout(RESTART_TIMEOUT)
            .and_then(|()| checkpoint(writer, "RESTART"))
            .and_then(|_| writer.busy_timeout(BUSY_TIMEOUT));
        if let Err(error) = restarted {
            tracing::warn!(%error, "the write-ahead log could not start anew");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_starts_anew_when_it_is_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("torg.sqlite");
        let writer = super::super::open_for_writing(&file).unwrap();
        writer.execute_batch("CREATE TABLE texts (text TEXT)").unwrap();
        let log_is_long = LogIsLong::default();
        let write = || {
            for _ in 0..100 {
                writer.execute("INSERT INTO texts VALUES (hex(randomblob(2000)))", []).unwrap();
            }
            log_is_long.restart(&writer);
            std::fs::metadata(folder.path().join("torg.sqlite-wal")).unwrap().len()
        };
        let once = write();
        assert!(once < write(), "nobody has asked");
        log_is_long.0.store(true, Ordering::Relaxed);
        let long = write();
        assert_eq!(write(), long, "the log is written from its beginning again");
        assert!(!log_is_long.0.load(Ordering::Relaxed));
    }
}
