//! A feed: the logs of accounts in one wire's words. What several connections of an account need is read and rendered
//! once.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError, Weak};

use async_trait::async_trait;
use domain::id::AccountId;
use engine::access::Caller;
use engine::store::LogEntry;
use engine::wakeups::{Heard, Listener, Signal};
use engine::{Engine, EngineError};
use tokio::sync::Mutex;

/// So many entries are read from a log at once.
const PAGE_ENTRIES: usize = 100;
/// So many frames of an account are kept for its other connections.
const KEPT_FRAMES: usize = 64;

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
    /// Everything up to here counts as delivered.
    delivered: AtomicI64,
}

struct Window<C> {
    /// Rising, without a gap, and ending at [`Self::end`].
    frames: VecDeque<Arc<Frame<C>>>,
    /// The last sequence that was read.
    end: i64,
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
        Reader { feed: self.clone(), account, tail: Some(tail), listener, position, behind: true }
    }

    fn tail_of(&self, account: AccountId) -> Arc<Tail<R::Content>> {
        let mut tails = self.tails();
        if let Some(tail) = tails.get(&account).and_then(Weak::upgrade) {
            return tail;
        }
        let window = Window { frames: VecDeque::new(), end: 0 };
        let tail = Arc::new(Tail { window: Mutex::new(window), delivered: AtomicI64::new(0) });
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
        let contents = shared.render.render(account, &page.entries).await?;
        let frames = page.entries.into_iter().zip(contents);
        let frames = frames.map(|(logged, content)| Arc::new(Frame { logged, content }));
        Ok(Loaded::Frames(frames.collect()))
    }
}

enum Loaded<C> {
    Frames(Vec<Arc<Frame<C>>>),
    CutOff { oldest: i64 },
}

impl<R: Render> Reader<R> {
    /// The last sequence that was handed out.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// What comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Next<R::Content>, EngineError> {
        loop {
            if self.behind {
                match self.load().await? {
                    Loaded::CutOff { oldest } => return Ok(Next::CutOff { oldest }),
                    Loaded::Frames(frames) => match frames.last() {
                        Some(last) => {
                            self.position = last.logged.sequence;
                            return Ok(Next::Frames(frames));
                        }
                        None => self.behind = false,
                    },
                }
            }
            match self.listener.heard().await {
                Heard::Entries => self.behind = true,
                Heard::Signal(signal) => return Ok(Next::Signal(signal)),
            }
        }
    }

    /// Notes that these frames were written to a client: their messages count as delivered. A failure must not end the
    /// connection: the next fetch says it again.
    pub async fn delivered(&self, frames: &[Arc<Frame<R::Content>>]) {
        let (Some(tail), Some(last)) = (&self.tail, frames.last()) else { return };
        let last = last.logged.sequence;
        // One connection of the account speaks for all.
        if tail.delivered.fetch_max(last, Ordering::SeqCst) < last {
            let caller = Caller::account_holder(self.account);
            let entries: Vec<_> = frames.iter().map(|frame| frame.logged.clone()).collect();
            self.feed.0.engine.note_handed_over(&caller, &entries).await;
        }
    }

    async fn load(&self) -> Result<Loaded<R::Content>, EngineError> {
        let after = self.position;
        let Some(tail) = &self.tail else { return self.feed.load(self.account, after).await };
        let mut window = tail.window.lock().await;
        if let Some(kept) = window.behind(after) {
            return Ok(Loaded::Frames(kept));
        }
        if after < window.end {
            // Somebody who comes from further back reads alone, until the kept frames are reached.
            drop(window);
            return self.feed.load(self.account, after).await;
        }
        let loaded = self.feed.load(self.account, after).await?;
        if let Loaded::Frames(frames) = &loaded {
            let alone = Arc::strong_count(tail) == 1;
            window.append(frames, if alone { 0 } else { KEPT_FRAMES });
        }
        Ok(loaded)
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

    /// Goes on to the end of `frames`, and keeps the last `kept_max` of them and of those before.
    fn append(&mut self, frames: &[Arc<Frame<C>>], kept_max: usize) {
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
