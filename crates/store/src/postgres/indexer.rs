//! The task that works off the queue of the index for search, a moment behind the commits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::store::StoreError;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::database::Database;
use super::search_index::{Round, Rounds};

/// So many rows of the queue are taken in one transaction.
const ROWS_AT_A_TIME: i64 = 500;
/// While there are commits, a quarter of the time is enough: they need the rest, and nobody waits for the index.
const RESTS_PER_ROUND: u32 = 3;
/// How long the index rests after a commit, so that many small ones are taken together.
const REST: Duration = Duration::from_millis(50);
/// How long it waits before it looks for what was committed on other servers, and for what their indexers left behind.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long it waits after an error, twice as long after each next one, and how long at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// So many rows that the database refuses are left in the queue, where searches find them, until the next start.
const LEFT_MAX: usize = 100;

/// The task, which ends with this.
pub(super) struct Indexer {
    task: AbortHandle,
}

impl Indexer {
    /// Starts to work off the queue of `db`.
    pub(super) fn start(db: Arc<Database>) -> Self {
        Self { task: tokio::spawn(follow(db)).abort_handle() }
    }

    /// Ends the task. A round that is under way is rolled back.
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn follow(db: Arc<Database>) {
    let mut work = Work::new();
    loop {
        let began = Instant::now();
        match work.round(&db).await {
            Next::AtOnce => {
                if timeout(Duration::ZERO, db.indexer_rung()).await.is_ok() {
                    sleep(began.elapsed() * RESTS_PER_ROUND).await;
                }
            }
            Next::WhenRung => {
                if timeout(LOOK_INTERVAL, db.indexer_rung()).await.is_ok() {
                    sleep(REST).await;
                }
            }
            Next::After(pause) => sleep(pause).await,
        }
    }
}

/// When the next round is due.
enum Next {
    AtOnce,
    WhenRung,
    After(Duration),
}

/// How the task fares.
struct Work {
    rounds: Rounds,
    /// Fewer after the database has refused some, until the one that it refuses stands alone.
    rows_at_a_time: i64,
    /// Where the rows stand that the database refused.
    left: Vec<i64>,
    /// How long to pause after the next error.
    pause: Duration,
}

impl Work {
    fn new() -> Self {
        Self {
            rounds: Rounds::default(),
            rows_at_a_time: ROWS_AT_A_TIME,
            left: Vec::new(),
            pause: FIRST_PAUSE,
        }
    }

    async fn round(&mut self, db: &Database) -> Next {
        let Self { rounds, rows_at_a_time, left, .. } = self;
        let outcome =
            db.transaction(async |transaction| rounds.go(transaction, *rows_at_a_time, left).await);
        match outcome.await {
            Ok(round) => {
                if self.pause != FIRST_PAUSE {
                    tracing::info!("the index for search follows the messages again");
                    self.pause = FIRST_PAUSE;
                }
                match round {
                    Round::OfAnother => Next::After(LOOK_INTERVAL),
                    Round::Done(rows) if rows < self.rows_at_a_time => Next::WhenRung,
                    Round::Done(_) => {
                        self.rows_at_a_time = ROWS_AT_A_TIME.min(self.rows_at_a_time * 2);
                        Next::AtOnce
                    }
                }
            }
            Err(error) => Next::After(self.pause_after(&error)),
        }
    }

    /// Sees to it that what the database refuses does not hold up the rest, and says how long to wait.
    fn pause_after(&mut self, error: &StoreError) -> Duration {
        if self.pause == FIRST_PAUSE {
            tracing::warn!(%error, "the index for search stays behind");
        }
        if let StoreError::Failed(_) = error {
            if self.rows_at_a_time == 1
                && self.left.len() < LEFT_MAX
                && let Some(place) = self.rounds.begun_at()
            {
                tracing::warn!(%error, place, "a message is left out of the index for search");
                self.left.push(place);
            }
            self.rows_at_a_time = 1;
        }
        let pause = self.pause;
        self.pause = PAUSE_MAX.min(pause * 2);
        pause
    }
}
