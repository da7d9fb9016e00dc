//! The way of a batch: lock and load what it touches, let the domain decide, write what has changed.

use domain::batch::Batch;
use engine::store::{Committed, StoreError};

use super::database::Database;

pub(super) async fn commit(_db: &Database, batch: Batch) -> Committed {
    Committed::failed(batch.submissions.len(), &StoreError::Failed("not built".to_owned()))
}
