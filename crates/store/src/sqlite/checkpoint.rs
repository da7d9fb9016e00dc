//! Moves committed pages from the write-ahead log into the database file, off the path of commits: SQLite would
//! otherwise do it inside the commit that happens to fill the log.

use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use rusqlite::Connection;

/// A checkpoint is due when the log has so many pages (4 MiB).
pub(super) const WAL_PAGES: i32 = 1024;

/// The checkpointing thread.
pub(super) struct Checkpointer {
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Starts the thread, which makes a checkpoint on `own` whenever `due` rings, until nobody can ring any more.
    pub(super) fn start(own: Connection, due: Receiver<()>) -> std::io::Result<Self> {
        let thread = std::thread::Builder::new()
            .name("store-checkpointer".to_owned())
            .spawn(move || checkpoint_when(&due, &own))?;
        Ok(Self { thread })
    }

    /// Waits for the thread; whoever can ring must be gone.
    pub(super) fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the store's checkpointer had stopped by a panic");
        }
    }
}

fn checkpoint_when(due: &Receiver<()>, connection: &Connection) {
    while due.recv().is_ok() {
        // PASSIVE waits for nobody: what a reader still needs stays in the log until the next time.
        let done =
            connection.pragma_update_and_check(None, "wal_checkpoint", "PASSIVE", |_| Ok(()));
        if let Err(error) = done {
            tracing::warn!(%error, "a checkpoint failed; the write-ahead log grows until one succeeds");
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
