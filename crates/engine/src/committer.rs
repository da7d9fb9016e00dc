//! The group commit: commands wait here while the batch before them is being committed, and then go together.
//!
//! There is no timer. An idle server commits each command at once; a loaded one finds its batches by itself.

use std::sync::Arc;

use domain::batch::{Batch, Submission};
use domain::commands::{Answer, Command};
use domain::policy::Policy;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::error::EngineError;
use crate::store::Store;
use crate::wakeups::Wakeups;

/// The most commands in one transaction.
const BATCH_MAX: usize = 256;
/// The most commands that wait. Beyond, callers are told to come back.
const QUEUE_MAX: usize = 4096;

/// Takes commands and answers when they are durable.
pub(crate) struct Committer {
    queue: mpsc::Sender<Waiting>,
    stop: watch::Sender<bool>,
}

struct Waiting {
    submission: Submission,
    answer: oneshot::Sender<Result<Answer, EngineError>>,
}

impl Committer {
    /// Starts the task that commits, on the current runtime.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        wakeups: Arc<Wakeups>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let (stop, stopping) = watch::channel(false);
        tokio::spawn(commit_batches(Commits { store, clock, wakeups }, waiting, stopping));
        Self { queue, stop }
    }

    /// Carries out `command`. When this answers, the outcome is durable and visible to every later read. Dropping the
    /// future does not take the command back.
    pub(crate) async fn run(
        &self,
        command: Command,
        policy: Arc<Policy>,
    ) -> Result<Answer, EngineError> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { submission: Submission { command, policy }, answer };
        self.queue.try_send(waiting).map_err(|problem| match problem {
            mpsc::error::TrySendError::Full(_) => EngineError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => EngineError::Unavailable,
        })?;
        answered.await.unwrap_or(Err(EngineError::OutcomeUnknown))
    }

    /// Accepts nothing more, and returns when everything accepted is answered.
    pub(crate) async fn stop(&self) {
        self.stop.send_replace(true);
        self.queue.closed().await;
        // The task holds a receiver of the channel until it has answered everyone.
        self.stop.closed().await;
    }
}

/// What a commit takes part in.
struct Commits {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wakeups: Arc<Wakeups>,
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
        commits.commit(std::mem::take(&mut batch)).await;
    }
}

impl Commits {
    async fn commit(&self, waiting: Vec<Waiting>) {
        let (submissions, callers): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|Waiting { submission, answer }| (submission, answer)).unzip();
        let committed = self.store.commit(Batch { submissions, now: self.clock.now() }).await;
        for (caller, answer) in callers.into_iter().zip(committed.answers) {
            // A caller that has gone away does not need the answer.
            let _ = caller.send(answer.map_err(EngineError::from));
        }
        self.wakeups.wake(&committed.grown_logs);
    }
}
