//! Moves committed pages from the write-ahead log into the database file, off the path of commits: SQLite would
//! otherwise do it inside the commit that happens to fill the log.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

/// A checkpoint is due when the log has so many pages (4 MiB).
const WAL_PAGES: i32 = 1024;

/// The checkpointing thread. It ends when the connection that wakes it is closed.
pub(super) struct Checkpointer {
    thread: JoinHandle<()>,
}

impl Checkpointer {
    /// Starts the thread on `own`, and lets every commit of `writer` that leaves a long log wake it.
    pub(super) fn start(
        writer: &mut Connection,
        own: Connection,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        // Room for one: while a checkpoint runs, one more may wait.
        let (wake, due) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpointer".to_owned())
            .spawn(move || checkpoint_when(&due, &own))?;
        writer.wal_hook(Some(move |_: &mut _, pages| {
            if WAL_PAGES <= pages {
                ring(&wake);
            }
            Ok(())
        }))?;
        Ok(Self { thread })
    }

    /// Waits for the thread, whose waking connection must be closed.
    pub(super) fn finish(self) {
        if self.thread.join().is_err() {
            tracing::error!("the store's checkpointer had stopped by a panic");
        }
    }
}

fn ring(wake: &SyncSender<()>) {
    match wake.try_send(()) {
        // It will come anyway, or it has gone because the store is being closed.
        Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
    }
}

fn checkpoint_when(due: &Receiver<()>, connection: &Connection) {
    while due.recv().is_ok() {
        // PASSIVE waits for nobody: what a reader still needs stays in the log until the next time.
        if let Err(error) =
            connection.pragma_update_and_check(None, "wal_checkpoint", "PASSIVE", |_| Ok(()))
        {
            tracing::warn!(%error, "a checkpoint failed; the write-ahead log grows until one succeeds");
        }
    }
}
