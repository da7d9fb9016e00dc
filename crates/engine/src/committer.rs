//! The group commit: commands wait here while the batch before them is being committed, and then go together.
//!
//! There is no timer. An idle server commits each command at once; a loaded one finds its batches by itself. Only where
//! very many wait are batches committed side by side: a batch costs the store much the same whatever its size.

use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use domain::batch::{Batch, Submission};
use domain::commands::{Answer, Command};
use domain::id::{AccountId, ChatId};
use domain::policy::Policy;
use futures_util::FutureExt as _;
use moka::sync::Cache;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::error::EngineError;
use crate::metrics::Metrics;
use crate::store::{Committed, Store, StoreError};
use crate::wakeups::Wakeups;

/// The most commands in one transaction.
const BATCH_MAX: usize = 256;
/// The most commands that wait. Beyond, callers are told to come back.
const QUEUE_MAX: usize = 4096;
/// From so many callers on, batches are committed side by side. Fewer would only be split into batches each of which costs
/// almost as much as one of all of them (docs/performance.md).
const SIDE_BY_SIDE_MIN: usize = 80;
/// A caller waits so long for its answer: a database that hangs neither commits nor fails.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// So many chats are remembered with who sells in them.
const SELLERS_KEPT: u64 = 100_000;

/// Takes commands and answers when they are durable.
pub(crate) struct Committer {
    lanes: Vec<mpsc::Sender<Waiting>>,
    callers: AtomicUsize,
    sellers: Cache<ChatId, AccountId>,
    stop: watch::Sender<bool>,
}

struct Waiting {
    submission: Submission,
    answer: oneshot::Sender<Result<Answer, EngineError>>,
}

/// Somebody who waits for an answer, as long as this lives.
struct Caller<'c>(&'c AtomicUsize);

impl<'c> Caller<'c> {
    fn count(callers: &'c AtomicUsize) -> Self {
        callers.fetch_add(1, Relaxed);
        Self(callers)
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Committer {
    /// Starts the tasks that commit, on the current runtime: as many as batches are committed side by side.
    pub(crate) fn start(
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        wakeups: &Arc<Wakeups>,
        side_by_side: NonZeroUsize,
        metrics: &Metrics,
    ) -> Self {
        let (stop, stopping) = watch::channel(false);
        let sellers = Cache::new(SELLERS_KEPT);
        let lanes = (0..side_by_side.get()).map(|_| {
            let (queue, waiting) = mpsc::channel(QUEUE_MAX / side_by_side);
            let commits = Commits {
                store: Arc::clone(store),
                clock: Arc::clone(clock),
                wakeups: Arc::clone(wakeups),
                sellers: sellers.clone(),
                metrics: metrics.clone(),
                // A store that commits side by side is another program, and idles only when it has nothing else to do. One
                // inside this program is to be kept busy: while it commits, those who were answered ask again.
                gather: 1 < side_by_side.get(),
            };
            tokio::spawn(commit_batches(commits, waiting, stopping.clone()));
            queue
        });
        Self { lanes: lanes.collect(), callers: AtomicUsize::new(0), sellers, stop }
    }

    /// Carries out `command`. When this answers, the outcome is durable and visible to every later read, or it is said to
    /// be unknown. Dropping the future does not take the command back.
    pub(crate) async fn run(
        &self,
        command: Command,
        policy: Arc<Policy>,
    ) -> Result<Answer, EngineError> {
        let (answer, answered) = oneshot::channel();
        let _caller = Caller::count(&self.callers);
        let lane = self.lane_of(&command);
        let waiting = Waiting { submission: Submission { command, policy }, answer };
        lane.try_send(waiting).map_err(|problem| match problem {
            mpsc::error::TrySendError::Full(_) => EngineError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => EngineError::Unavailable,
        })?;
        match tokio::time::timeout(ANSWER_TIME_MAX, answered).await {
            Ok(Ok(answer)) => answer,
            // Nobody is left to answer, or nobody does; it may be carried out all the same.
            Ok(Err(_)) | Err(_) => Err(EngineError::OutcomeUnknown),
        }
    }

    /// Accepts nothing more, and returns when everything accepted is answered.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        for lane in &self.lanes {
            lane.closed().await;
        }
        // Each task holds a receiver of the channel until it has answered everyone.
        self.stop.closed().await;
    }

    /// Where many wait, commands about the chats of one seller go the same way, so that batches side by side seldom wait
    /// for one another. Where the seller is not known yet, any way will do.
    fn lane_of(&self, command: &Command) -> &mpsc::Sender<Waiting> {
        if self.callers.load(Relaxed) < SIDE_BY_SIDE_MIN {
            return &self.lanes[0];
        }
        let number = match command.chat() {
            Some(chat) => self.sellers.get(&chat).map_or(chat.get(), AccountId::get),
            None => 0,
        };
        &self.lanes[usize::try_from(number).unwrap_or_default() % self.lanes.len()]
    }
}

/// What a commit takes part in.
struct Commits {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wakeups: Arc<Wakeups>,
    sellers: Cache<ChatId, AccountId>,
    metrics: Metrics,
    /// Whether a larger batch is worth more than one at once.
    gather: bool,
}

async fn commit_batches(
    commits: Commits,
    mut queue: mpsc::Receiver<Waiting>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    loop {
        tokio::select! {
            biased;
            taken = queue.recv_many(&mut batch, BATCH_MAX) => if taken == 0 { return },
            // Also when the engine itself is gone.
            _ = stopping.wait_for(|stop| *stop), if !queue.is_closed() => {
                queue.close();
                continue;
            }
        }
        if commits.gather {
            // Requests that have come meanwhile are read first, and go along.
            tokio::task::yield_now().await;
            while batch.len() < BATCH_MAX
                && let Ok(another) = queue.try_recv()
            {
                batch.push(another);
            }
        }
        commits.commit(std::mem::take(&mut batch)).await;
    }
}

impl Commits {
    async fn commit(&self, waiting: Vec<Waiting>) {
        let (submissions, callers): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|Waiting { submission, answer }| (submission, answer)).unzip();
        let commands = submissions.len();
        let began = Instant::now();
        let committing = self.store.commit(Batch { submissions, now: self.clock.now() });
        // Whatever is wrong with one batch, the next one is committed.
        let committed = AssertUnwindSafe(committing).catch_unwind().await.unwrap_or_else(|_| {
            Committed::failed(commands, &StoreError::Failed("a commit has panicked".to_owned()))
        });
        self.metrics.note_batch(&committed, began.elapsed());
        for (caller, answer) in callers.into_iter().zip(committed.answers) {
            if let Ok(Answer::Opened { chat, .. } | Answer::Posted { chat, .. }) = &answer {
                self.sellers.insert(chat.id, chat.seller.account);
            }
            // A caller that has gone away does not need the answer.
            let _ = caller.send(answer.map_err(EngineError::from));
        }
        self.wakeups.wake(committed.grown);
    }
}

#[cfg(test)]
mod tests {
    use domain::commands::{SteerChat, Steering};

    use super::*;

    fn id(number: i64) -> ChatId {
        ChatId::new(number).unwrap()
    }

    #[test]
    fn only_where_many_wait_do_sellers_part() {
        let (lanes, _queues): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel(1)).unzip();
        let committer = Committer {
            lanes,
            callers: AtomicUsize::new(0),
            sellers: Cache::new(10),
            stop: watch::Sender::new(false),
        };
        for (chat, seller) in [(1, 7), (2, 7), (3, 8)] {
            committer.sellers.insert(id(chat), AccountId::new(seller).unwrap());
        }
        let lane = |chat| {
            let steering = SteerChat { chat: id(chat), steering: Steering::Close };
            let lane = committer.lane_of(&Command::SteerChat(steering));
            committer.lanes.iter().position(|other| other.same_channel(lane)).unwrap()
        };
        let lanes = || [1, 2, 3, 4, 5].map(lane);
        let few: Vec<_> =
            (1..SIDE_BY_SIDE_MIN).map(|_| Caller::count(&committer.callers)).collect();
        assert_eq!(lanes(), [0; 5]);
        let one_more = Caller::count(&committer.callers);
        assert_eq!(lanes(), [1, 1, 0, 0, 1], "by seller, where that is known");
        drop(one_more);
        assert_eq!(lanes(), [0; 5]);
        drop(few);
    }
}
