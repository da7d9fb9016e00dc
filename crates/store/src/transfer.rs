//! Moving a whole installation from SQLite to PostgreSQL: everything with its ids, times, sequences and positions.
//!
//! Tables are copied page by page, each page in one transaction with the note how far the copy has come, so that it can
//! be interrupted at any time and run again. Then both sides are counted and summed, and the logs are checked for gaps.
//! Until that is done no server starts on the copy.

mod check;
mod source;
mod tables;
mod target;

use std::path::Path;

use engine::store::StoreError;

pub use check::Difference;

use crate::postgres::open_database;
use source::Source;
use tables::TABLES;
use target::{Standing, Target};

/// Why a transfer did not come to its end. What was copied stays, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of the databases failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SQLite failed.
    #[error("the SQLite database cannot be read")]
    Sqlite(#[from] rusqlite::Error),
    /// The PostgreSQL database belongs to somebody else.
    #[error(
        "the PostgreSQL database already holds data that is not of an interrupted transfer from this SQLite database; \
         name an empty database, or an empty schema"
    )]
    TargetInUse,
    /// The copy is not what the original is.
    #[error(
        "the copy differs from the original: {0}; drop it and transfer again, and please report this"
    )]
    Different(Difference),
    /// The process is shutting down.
    #[error("the transfer was interrupted; run it again to go on")]
    Interrupted,
}

/// What a transfer has done so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many rows of a table are copied.
    Copied {
        /// Which table.
        table: &'static str,
        /// How many of its rows, those of earlier runs included.
        rows: i64,
    },
    /// Everything is copied; both sides are compared now.
    Checking,
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// Everything is there, and was compared.
    Complete {
        /// How many rows, those of earlier runs included.
        rows: i64,
    },
    /// An earlier run had completed it. Nothing was touched.
    Earlier,
}

/// Copies the database in the file `from` to the PostgreSQL database at the URL `to`, and tells `progress` how far it has
/// come. No server may use either of them meanwhile. The bytes of attachments are not in the database: their folder, or
/// their bucket, stays where it is or is copied as it is.
pub async fn transfer(
    from: &Path,
    to: &str,
    mut progress: impl FnMut(Progress),
) -> Result<Transferred, TransferError> {
    let mut source = Source::open(from)?;
    let db = open_database(to).await?;
    let mut target = Target::connect(&db).await?;
    match target.standing(&source.name()?).await? {
        Standing::Ours => {}
        Standing::Complete => return Ok(Transferred::Earlier),
        Standing::Foreign => return Err(TransferError::TargetInUse),
    }

    let mut rows = 0;
    for table in &TABLES {
        let columns = target.columns(table).await?;
        let mut copied = target.copied(table).await?;
        while !copied.is_complete {
            let page;
            (source, page) = tokio::task::spawn_blocking({
                let (columns, after) = (columns.clone(), copied.last_key.clone());
                move || {
                    let page = source.page(table, &columns, after.as_deref());
                    (source, page)
                }
            })
            .await
            .map_err(|_| TransferError::Interrupted)?;
            copied = target.copy(table, &columns, copied, page?).await?;
            progress(Progress::Copied { table: table.name, rows: copied.rows });
        }
        rows += copied.rows;
    }
    target.finish_copy(&source.last_ids()?).await?;

    progress(Progress::Checking);
    for table in &TABLES {
        let columns = target.columns(table).await?;
        check::compare(table, &columns, &source, &target).await?;
    }
    check::logs_are_whole(&target).await?;
    target.complete().await?;
    Ok(Transferred::Complete { rows })
}
