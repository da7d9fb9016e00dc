//! The way of a batch: lock and load what it touches, let the domain decide, write what has changed.
//!
//! Two round trips and one wait for the disk, whatever the number of commands. All statements of a round trip are sent
//! before the first answer is awaited.

pub(super) mod chats;
mod columns;
pub(super) mod load;
mod reach;
pub(super) mod write;

use std::collections::HashMap;

use deadpool_postgres::Object;
use domain::batch::{Batch, Outcome};
use domain::id::ChatId;
use engine::store::{Committed, Growth, StoreError};

use super::database::{Database, Parties};
use super::error::is_collision;
use load::Loaded;

/// How often a batch is run that other servers got in the way of.
const ATTEMPTS_MAX: usize = 5;

/// What went wrong with a batch.
enum Trouble {
    /// Nothing was written, and the same batch may succeed at once: others were in its way, or the connection had ended
    /// while nobody used it.
    Again(StoreError),
    /// There is no use in repeating it now.
    Final(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

/// Runs `batch` in one transaction. When the database refuses a statement, its commands are run one by one, so that the
/// one which cannot be stored fails alone.
pub(super) async fn commit(db: &Database, batch: Batch) -> Committed {
    match Box::pin(repeat(db, &batch)).await {
        Ok((outcome, logs)) => Committed::decided(outcome, logs),
        Err(StoreError::Failed(reason)) if 1 < batch.submissions.len() => {
            tracing::warn!(reason, "a batch failed; its commands are run one by one");
            let mut all = Committed::default();
            for single in batch.singly() {
                all.add(Box::pin(commit(db, single)).await);
            }
            all
        }
        Err(failure) => Committed::failed(batch.submissions.len(), &failure),
    }
}

async fn repeat(db: &Database, batch: &Batch) -> Result<(Outcome, Vec<Growth>), StoreError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match Box::pin(attempt(db, batch)).await {
            Ok(done) => return Ok(done),
            Err(Trouble::Again(reason)) if attempts < ATTEMPTS_MAX => {
                tracing::debug!(%reason, attempts, "a batch is run again");
            }
            Err(Trouble::Again(failure) | Trouble::Final(failure)) => return Err(failure),
        }
    }
}

async fn attempt(db: &Database, batch: &Batch) -> Result<(Outcome, Vec<Growth>), Trouble> {
    let connection = Connection(Some(db.connection().await?));
    let client = connection.client()?;
    let Loaded { world, locked, reserved_up_to } = load::load(db, client, batch).await?;
    let mut parties: HashMap<ChatId, Parties> =
        world.chats.iter().map(|(&id, chat)| (id, Parties::of(chat))).collect();

    let outcome = batch.run(world);
    let changes = &outcome.changes;
    load::require_reserved(reserved_up_to, changes)?;
    parties.extend(changes.chats.iter().map(|(&id, change)| (id, Parties::of(&change.after))));

    let logs = write::write(client, changes, &locked, &parties).await?;
    connection.keep();
    if !changes.messages.is_empty() || !changes.updated_messages.is_empty() {
        db.ring_indexer();
    }
    for change in changes.chats.values().filter(|change| change.before.is_none()) {
        db.remember(&change.after);
    }
    Ok((outcome, logs))
}

/// What an error of a statement before the first change means.
fn before_changes(error: &tokio_postgres::Error) -> Trouble {
    let meaning = super::error::store_error(error);
    if is_collision(error) || error.is_closed() {
        Trouble::Again(meaning)
    } else {
        Trouble::Final(meaning)
    }
}

/// A connection that is thrown away, and with it whatever it holds, unless it is kept: it may be in the middle of a
/// transaction. Also when something panics.
struct Connection(Option<Object>);

impl Connection {
    fn client(&self) -> Result<&Object, StoreError> {
        self.0
            .as_ref()
            .ok_or_else(|| StoreError::Failed("the connection was given back".to_owned()))
    }

    /// Lets others have it.
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            drop(Object::take(open));
        }
    }
}
