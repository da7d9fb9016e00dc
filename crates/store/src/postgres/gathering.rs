//! Lookups that go together: while one statement is on its way, whoever wants the same kind of thing waits, and the next
//! statement looks up for all of them.
//!
//! Every request has its key, its account and its chat looked up. One statement for each would cost the database more
//! than the sends do. There is no timer: an idle server looks up at once. Nobody is answered by a statement that was sent
//! before they asked.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use engine::store::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::database::Database;

/// The most that one statement looks up.
const TOGETHER_MAX: usize = 256;
/// So many wait in the queue itself; whoever comes then waits for a place in it.
const QUEUE_MAX: usize = 1024;
/// So many statements of a kind are on their way side by side.
const SIDE_BY_SIDE: usize = 2;

/// A kind of thing that is found by a unique key.
pub(super) trait Lookup: Sized + 'static {
    /// By what it is found.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is found.
    type Found: Clone + Send + Sync + 'static;

    /// What is found by those of `keys` by which something is found.
    fn look_up(
        db: &Database,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<FoundByKey<Self>, StoreError>> + Send;
}

/// What a statement has found, each thing with the key by which it was asked for.
pub(super) type FoundByKey<L> = Vec<(<L as Lookup>::Key, <L as Lookup>::Found)>;

/// Looks up one kind of thing, for many at once.
pub(super) struct Gathering<L: Lookup> {
    queue: mpsc::Sender<Waiting<L>>,
}

struct Waiting<L: Lookup> {
    key: L::Key,
    answer: oneshot::Sender<Result<Option<L::Found>, StoreError>>,
}

impl<L: Lookup> Gathering<L> {
    /// Starts the tasks that look up, on the current runtime. They end with this.
    pub(super) fn start(db: &Arc<Database>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        for _ in 0..SIDE_BY_SIDE {
            tokio::spawn(look_up_together::<L>(Arc::clone(db), Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// What is found by `key`.
    pub(super) async fn get(&self, key: L::Key) -> Result<Option<L::Found>, StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Waiting { key, answer }).await.is_err() {
            return Err(ended());
        }
        answered.await.unwrap_or_else(|_| Err(ended()))
    }
}

async fn look_up_together<L: Lookup>(
    db: Arc<Database>,
    queue: Arc<tokio::sync::Mutex<mpsc::Receiver<Waiting<L>>>>,
) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    loop {
        if queue.lock().await.recv_many(&mut together, TOGETHER_MAX).await == 0 {
            return;
        }
        let keys: Vec<L::Key> = together.iter().map(|waiting| waiting.key.clone()).collect();
        let found = L::look_up(&db, &keys).await;
        let found = found.map(|found| found.into_iter().collect::<HashMap<_, _>>());
        for Waiting { key, answer } in together.drain(..) {
            let answered = found.as_ref().map(|found| found.get(&key).cloned());
            // A caller that has gone away does not need the answer.
            let _ = answer.send(answered.map_err(Clone::clone));
        }
    }
}

fn ended() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
