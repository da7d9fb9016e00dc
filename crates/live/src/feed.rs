//! A feed: the logs of accounts in one wire's words. What several connections of an account need is read and rendered
//! once.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use domain::id::AccountId;
use engine::access::Caller;
use engine::store::{LogEntry, LogPage};
use engine::wakeups::{Heard, Listener, Signal};
use engine::{Engine, EngineError};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// So many entries are read from a log at once.
const PAGE_ENTRIES: usize = 100;
/// So many frames of an account are kept for its other connections.
const KEPT_FRAMES: usize = 64;
/// How long a reader rests when its log could not be read; twice as long after each further failure.
const REST_AFTER_FAILURE: Duration = Duration::from_millis(250);
/// After so many failures in a row, some 16 seconds, a reader gives up. Until then a database that hiccups ends nothing.
const FAILURES_MAX: u32 = 7;

/// Puts entries into the words of a wire.
#[async_trait]
pub trait Render: Send + Sync + 'static {
    /// What an entry becomes, for instance the bytes that are written.
    type Content: Send + Sync + 'static;

    /// One content for each of `entries` of the log of `account`, in the same order; none where the wire has nothing to
    /// say.
    async fn render(
        &self,
        account: AccountId,
        entries: &[LogEntry],
    ) -> Result<Vec<Option<Self::Content>>, EngineError>;
}

/// An entry of a log, rendered.
#[derive(Debug)]
pub struct Frame<C> {
    /// The entry itself.
    pub logged: LogEntry,
    /// What it became.
    pub content: Option<C>,
    /// Whether a connection has noted that it was handed over.
    handed_over: AtomicBool,
}

/// The logs of accounts in one wire's words. Cloning is cheap.
pub struct Feed<R: Render>(Arc<Shared<R>>);

struct Shared<R: Render> {
    engine: Engine,
    render: R,
    tails: SyncMutex<HashMap<AccountId, Weak<Tail<R::Content>>>>,
}

/// The end of one account's log, as far as its connections have come.
struct Tail<C> {
    window: Mutex<Window<C>>,
}

struct Window<C> {
    /// Rising, without a gap, and ending at [`Self::end`].
    frames: VecDeque<Arc<Frame<C>>>,
    /// The last sequence that was read.
    end: i64,
    /// Where the log ended at that time.
    newest: i64,
}

/// One connection's place in the log of its account.
pub struct Reader<R: Render> {
    feed: Feed<R>,
    account: AccountId,
    tail: Option<Arc<Tail<R::Content>>>,
    listener: Listener,
    position: i64,
    /// Whether there may be entries behind the position, without a wake-up.
    behind: bool,
    /// What went wrong since the log was last read.
    failures: Failures,
}

/// Failures in a row. They outlive a dropped future, so that a reader that is asked again and again rests all the same.
#[derive(Default)]
struct Failures {
    count: u32,
    resting_until: Option<Instant>,
}

/// What a connection meets next.
pub enum Next<C> {
    /// Entries, rising and without a gap.
    Frames(Vec<Arc<Frame<C>>>),
    /// Something that no log keeps.
    Signal(Signal),
    /// What follows the reader's position is no longer kept: it has to begin anew.
    CutOff {
        /// The oldest sequence that is still kept.
        oldest: i64,
    },
}

impl<R: Render> Clone for Feed<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Render> Feed<R> {
    /// A feed of the logs behind `engine`.
    pub fn new(engine: Engine, render: R) -> Self {
        Self(Arc::new(Shared { engine, render, tails: SyncMutex::default() }))
    }

    /// Reads the log of `account` behind `position`.
    pub fn read(&self, account: AccountId, position: i64) -> Reader<R> {
        // Before the first look at the log, so that nothing falls between the two.
        let listener = self.0.engine.listen(account);
        let tail = self.tail_of(account);
        Reader {
            feed: self.clone(),
            account,
            tail: Some(tail),
            listener,
            position,
            behind: true,
            failures: Failures::default(),
        }
    }

    fn tail_of(&self, account: AccountId) -> Arc<Tail<R::Content>> {
        let mut tails = self.tails();
        if let Some(tail) = tails.get(&account).and_then(Weak::upgrade) {
            return tail;
        }
        let window = Window { frames: VecDeque::new(), end: 0, newest: 0 };
        let tail = Arc::new(Tail { window: Mutex::new(window) });
        tails.insert(account, Arc::downgrade(&tail));
        tail
    }

    fn tails(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, Weak<Tail<R::Content>>>> {
        self.0.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries behind `after`, rendered.
    async fn load(
        &self,
        account: AccountId,
        after: i64,
    ) -> Result<Loaded<R::Content>, EngineError> {
        let shared = &*self.0;
        let caller = Caller::account_holder(account);
        let page = shared.engine.events(&caller, after, PAGE_ENTRIES).await?;
        if page.is_cut_off(after) {
            return Ok(Loaded::CutOff { oldest: page.oldest });
        }
        let LogPage { entries, newest, .. } = page;
        if entries.is_empty() {
            return Ok(Loaded::Frames { frames: Vec::new(), newest });
        }
        let contents = shared.render.render(account, &entries).await?;
        let frames = entries.into_iter().zip(contents).map(|(logged, content)| {
            Arc::new(Frame { logged, content, handed_over: AtomicBool::new(false) })
        });
        Ok(Loaded::Frames { frames: frames.collect(), newest })
    }
}

enum Loaded<C> {
    Frames {
        frames: Vec<Arc<Frame<C>>>,
        /// Where the log ended.
        newest: i64,
    },
    CutOff {
        oldest: i64,
    },
}

impl<R: Render> Reader<R> {
    /// The last sequence that was handed out.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// What comes next. Dropping the future loses nothing. Answers an error when the log could not be read for a while.
    pub async fn next(&mut self) -> Result<Next<R::Content>, EngineError> {
        loop {
            if self.behind {
                match self.load_at_last().await? {
                    Loaded::CutOff { oldest } => return Ok(Next::CutOff { oldest }),
                    Loaded::Frames { frames, newest } => {
                        let last = frames.last().map(|last| last.logged.sequence);
                        self.position = last.unwrap_or(self.position);
                        // Whoever is up to date waits for the next wake-up, and does not look again for nothing. Kept
                        // frames may be older than the wake-up that led to them.
                        let newest = newest.max(self.listener.newest());
                        self.behind = last.is_some() && self.position < newest;
                        if last.is_some() {
                            return Ok(Next::Frames(frames));
                        }
                    }
                }
            }
            match self.listener.heard().await {
                Heard::Entries => self.behind = self.position < self.listener.newest(),
                Heard::Signal(signal) => return Ok(Next::Signal(signal)),
            }
        }
    }

    /// Notes that these frames were written to a client: their messages count as delivered. A failure must not end the
    /// connection: the next fetch says it again.
    pub async fn delivered(&self, frames: &[Arc<Frame<R::Content>>]) {
        // One connection speaks for all that share a frame.
        let first_time = frames.iter().filter(|frame| {
            frame.logged.entry.kind.shows_message()
                && !frame.handed_over.swap(true, Ordering::Relaxed)
        });
        let entries: Vec<_> = first_time.map(|frame| frame.logged.clone()).collect();
        if !entries.is_empty() {
            let caller = Caller::account_holder(self.account);
            self.feed.0.engine.note_handed_over(&caller, &entries).await;
        }
    }

    /// Tries again for a while when the log cannot be read.
    async fn load_at_last(&mut self) -> Result<Loaded<R::Content>, EngineError> {
        loop {
            if let Some(until) = self.failures.resting_until {
                sleep_until(until).await;
            }
            match self.load().await {
                Ok(loaded) => {
                    self.failures = Failures::default();
                    return Ok(loaded);
                }
                Err(error) => self.failures.note(error)?,
            }
        }
    }

    async fn load(&self) -> Result<Loaded<R::Content>, EngineError> {
        let after = self.position;
        let Some(tail) = &self.tail else { return self.feed.load(self.account, after).await };
        let mut window = tail.window.lock().await;
        if let Some(frames) = window.behind(after) {
            return Ok(Loaded::Frames { frames, newest: window.newest });
        }
        if after < window.end {
            // Somebody who comes from further back reads alone, until the kept frames are reached.
            drop(window);
            return self.feed.load(self.account, after).await;
        }
        let loaded = self.feed.load(self.account, after).await?;
        if let Loaded::Frames { frames, newest } = &loaded {
            let alone = Arc::strong_count(tail) == 1;
            window.append(frames, *newest, if alone { 0 } else { KEPT_FRAMES });
        }
        Ok(loaded)
    }
}

impl Failures {
    /// Begins a rest, or hands `error` out when there were too many.
    fn note(&mut self, error: EngineError) -> Result<(), EngineError> {
        self.count += 1;
        if FAILURES_MAX <= self.count {
            return Err(error);
        }
        let rest = REST_AFTER_FAILURE * 2_u32.pow(self.count - 1);
        self.resting_until = Some(Instant::now() + rest);
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            ?rest,
            "a log cannot be read for a live connection; it is tried again"
        );
        Ok(())
    }
}

impl<C> Window<C> {
    /// The kept frames behind `after`, if all that follow it are kept.
    fn behind(&self, after: i64) -> Option<Vec<Arc<Frame<C>>>> {
        let first = self.frames.front()?.logged.sequence;
        if after + 1 < first || self.end <= after {
            return None;
        }
        let skipped = usize::try_from(after + 1 - first).ok()?;
        Some(self.frames.iter().skip(skipped).cloned().collect())
    }

    /// Goes on to the end of `frames`, which were read when the log ended at `newest`, and keeps the last `kept_max` of
    /// them and of those before.
    fn append(&mut self, frames: &[Arc<Frame<C>>], newest: i64, kept_max: usize) {
        self.newest = newest;
        let (Some(first), Some(last)) = (frames.first(), frames.last()) else { return };
        if first.logged.sequence != self.end + 1 {
            self.frames.clear();
        }
        self.end = last.logged.sequence;
        self.frames.extend(frames.iter().cloned());
        let excess = self.frames.len().saturating_sub(kept_max);
        self.frames.drain(..excess);
    }
}

impl<R: Render> Drop for Reader<R> {
    fn drop(&mut self) {
        let mut tails = self.feed.tails();
        self.tail = None;
        if tails.get(&self.account).is_some_and(|tail| tail.strong_count() == 0) {
            tails.remove(&self.account);
        }
    }
}
