//! What goes wrong in SQLite, in the words of the engine.

use engine::store::StoreError;
use rusqlite::{Error, ErrorCode};

/// Says what an error outside of COMMIT means: nothing was written.
pub(super) fn store_error(error: &Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure,
        ) => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Failed(error.to_string()),
    }
}

/// Says what an error of COMMIT means. After a failed write or sync of the log the frames of the transaction may be on
/// the disk or not: a restart may find it committed.
pub(super) fn commit_error(error: &Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => StoreError::OutcomeUnknown(error.to_string()),
        _ => store_error(error),
    }
}
