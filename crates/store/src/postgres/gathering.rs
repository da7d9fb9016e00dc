//! Lookups that go together: while one statement is on its way, whoever wants the same kind of thing waits, and the next
//! statement looks up for all of them.
//!
//! Every request has its key, its account and its chat looked up, and every live stream its log, its messages and their
//! chats. One statement for each would cost the database more than the sends do. An idle server looks up at once. Nobody
//! is answered by a statement that was sent before they asked.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use engine::store::StoreError;
use futures_util::FutureExt as _;
use futures_util::future::try_join_all;
use tokio::sync::{mpsc, oneshot};

use super::database::Database;

/// The most that one statement looks up.
const TOGETHER_MAX: usize = 256;
/// So many wait in the queue itself; whoever comes then waits for a place in it.
const QUEUE_MAX: usize = 1024;
/// A question for more things than this has a statement of its own.
const FEW: usize = 8;

/// A kind of thing that is found by a unique key.
pub(super) trait Lookup: Sized + 'static {
    /// By what it is found.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is found.
    type Found: Clone + Send + Sync + 'static;
    /// How long to wait for more, when the last statement looked up several: whoever asks does not mind, and many may be
    /// about to ask.
    const PATIENCE: Duration = Duration::ZERO;

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
    db: Arc<Database>,
    queue: mpsc::Sender<Waiting<L>>,
}

struct Waiting<L: Lookup> {
    key: L::Key,
    answer: oneshot::Sender<Result<Option<L::Found>, StoreError>>,
}

impl<L: Lookup> Gathering<L> {
    /// Starts the task that looks up, on the current runtime. It ends with this.
    pub(super) fn start(db: &Arc<Database>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(look_up_together::<L>(Arc::clone(db), waiting));
        Self { db: Arc::clone(db), queue }
    }

    /// What is found by `key`.
    pub(super) async fn get(&self, key: L::Key) -> Result<Option<L::Found>, StoreError> {
        let (answer, answered) = oneshot::channel();
        if self.queue.send(Waiting { key, answer }).await.is_err() {
            return Err(ended());
        }
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// What is found by those of `keys` by which something is found, once each.
    pub(super) async fn get_all(&self, keys: &[L::Key]) -> Result<Vec<L::Found>, StoreError> {
        let unique: HashSet<&L::Key> = keys.iter().collect();
        if unique.len() <= FEW {
            let found = try_join_all(unique.into_iter().map(|key| self.get(key.clone()))).await?;
            return Ok(found.into_iter().flatten().collect());
        }
        let unique: Vec<_> = unique.into_iter().cloned().collect();
        let found = L::look_up(&self.db, &unique).await?;
        Ok(found.into_iter().map(|(_, found)| found).collect())
    }
}

async fn look_up_together<L: Lookup>(db: Arc<Database>, mut queue: mpsc::Receiver<Waiting<L>>) {
    let mut together = Vec::with_capacity(TOGETHER_MAX);
    let mut were_several = false;
    while queue.recv_many(&mut together, TOGETHER_MAX).await != 0 {
        if were_several && !L::PATIENCE.is_zero() {
            tokio::time::sleep(L::PATIENCE).await;
        } else {
            // What has woken one of many, as a commit wakes streams, has woken the others, too: they are about to ask.
            tokio::task::yield_now().await;
        }
        while together.len() < TOGETHER_MAX
            && let Ok(another) = queue.try_recv()
        {
            together.push(another);
        }
        were_several = 1 < together.len();

        let keys: Vec<L::Key> = together.iter().map(|waiting| waiting.key.clone()).collect();
        // Whatever is wrong with one statement, the next one is sent.
        let found = AssertUnwindSafe(L::look_up(&db, &keys)).catch_unwind().await;
        let found =
            found.unwrap_or_else(|_| Err(StoreError::Failed("a lookup has panicked".into())));
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
