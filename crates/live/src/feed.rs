//! A feed: the logs of accounts in one wire's words. What several connections of an account need is read and rendered
//! once.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::id::AccountId;
use engine::access::Caller;
use engine::queries::Delivery;
use engine::store::{LogEntry, Said};
use engine::wakeups::{Heard, Listener, Signal};
use engine::{Engine, EngineError};
use tokio::time::{Instant, sleep_until};

use crate::tail::{Place, Tail};

/// So many entries are read from a log at once.
const PAGE_ENTRIES: usize = 100;
/// How long a reader rests when its log could not be read; twice as long after each further failure.
const REST_AFTER_FAILURE: Duration = Duration::from_millis(250);
/// After so many failures in a row, some 16 seconds, a reader gives up. Until then a database that hiccups ends nothing.
const FAILURES_MAX: u32 = 7;

/// Puts entries into the words of a wire.
#[async_trait]
pub trait Render: Send + Sync + 'static {
    /// What an entry becomes, for instance the bytes that are written.
    type Content: Send + Sync + 'static;

    /// What each of `entries` of the log of `account` becomes, in the same order. Some of what was `said` in them was told
    /// with them.
    async fn render(
        &self,
        account: AccountId,
        entries: &[LogEntry],
        said: &[Said],
    ) -> Result<Vec<Rendered<Self::Content>>, EngineError>;
}

/// What an entry became.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered<C> {
    /// None where the wire has nothing to say.
    pub content: Option<C>,
    /// What is to be noted once the content was written to a client.
    pub delivery: Option<Delivery>,
}

/// An entry of a log, rendered.
#[derive(Debug)]
pub struct Frame<C> {
    /// The entry itself.
    pub logged: LogEntry,
    /// What it became.
    pub content: Option<C>,
    delivery: Option<Delivery>,
    /// Whether a connection has noted that it was handed over.
    handed_over: AtomicBool,
}

/// The logs of accounts in one wire's words. Cloning is cheap.
pub struct Feed<R: Render>(Arc<Shared<R>>);

struct Shared<R: Render> {
    engine: Engine,
    render: R,
    tails: SyncMutex<HashMap<AccountId, Arc<Tail<R::Content>>>>,
}

/// One connection's place in the log of its account.
pub struct Reader<R: Render> {
    feed: Feed<R>,
    account: AccountId,
    tail: Arc<Tail<R::Content>>,
    listener: Listener,
    position: i64,
    /// What went wrong since the log was last read from further back than the window.
    failures: Failures,
}

/// Failures in a row. They outlive a dropped future, so that a reader that is asked again and again rests all the same.
#[derive(Default)]
pub(crate) struct Failures {
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
            tail,
            listener,
            position,
            failures: Failures::default(),
        }
    }

    fn tail_of(&self, account: AccountId) -> Arc<Tail<R::Content>> {
        let mut tails = self.tails();
        let tail = tails.entry(account).or_insert_with(|| Arc::new(Tail::new()));
        tail.window().readers += 1;
        Arc::clone(tail)
    }

    fn tails(&self) -> MutexGuard<'_, HashMap<AccountId, Arc<Tail<R::Content>>>> {
        self.0.tails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries behind `after`, rendered. Tries again for a while when the log cannot be read.
    async fn load_at_last(
        &self,
        account: AccountId,
        after: i64,
        failures: &mut Failures,
    ) -> Result<Loaded<R::Content>, EngineError> {
        loop {
            if let Some(until) = failures.resting_until {
                sleep_until(until).await;
            }
            match self.load(account, after).await {
                Ok(loaded) => {
                    *failures = Failures::default();
                    return Ok(loaded);
                }
                Err(error) => failures.note(error)?,
            }
        }
    }

    async fn load(
        &self,
        account: AccountId,
        after: i64,
    ) -> Result<Loaded<R::Content>, EngineError> {
        let shared = &*self.0;
        let caller = Caller::account_holder(account);
        let told = shared.engine.told_events(&caller, after);
        let (entries, said, newest) = if let Some(last) = told.entries.last() {
            let newest = last.sequence;
            (told.entries, told.said, newest)
        } else {
            let page = shared.engine.events(&caller, after, PAGE_ENTRIES).await?;
            if page.is_cut_off(after) {
                return Ok(Loaded::CutOff { oldest: page.oldest });
            }
            (page.entries, Vec::new(), page.newest)
        };
        if entries.is_empty() {
            return Ok(Loaded::Frames { frames: Vec::new(), newest });
        }
        let rendered = shared.render.render(account, &entries, &said).await?;
        let frames = entries.into_iter().zip(rendered).map(|(logged, rendered)| {
            let Rendered { content, delivery } = rendered;
            Arc::new(Frame { logged, content, delivery, handed_over: AtomicBool::new(false) })
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
        let tail = Arc::clone(&self.tail);
        loop {
            // From before the look at the window, so that no move falls between the two.
            let mut moved = pin!(tail.moved.notified());
            moved.as_mut().enable();
            let place = tail.window().place_of(self.position);
            match place {
                Place::Within(frames) => return Ok(self.hand_out(frames)),
                Place::Before { end } => {
                    if let Some(next) = self.read_alone(end).await? {
                        return Ok(next);
                    }
                    continue;
                }
                Place::AtTheEnd => {}
            }
            tokio::select! {
                biased;
                () = moved => {}
                signal = self.listener.signal() => return Ok(Next::Signal(signal)),
                mut failures = tail.on_watch.lock() => {
                    if let Some(next) = self.keep_watch(&tail, &mut failures).await? {
                        return Ok(next);
                    }
                }
            }
        }
    }

    /// Comes from further back, and reads a page for itself; where the window begins, it goes on with the others. None when
    /// nothing is left before its `end`.
    async fn read_alone(&mut self, end: i64) -> Result<Option<Next<R::Content>>, EngineError> {
        let loading = self.feed.load_at_last(self.account, self.position, &mut self.failures);
        Ok(match loading.await? {
            Loaded::Frames { frames, .. } if frames.is_empty() => {
                self.position = end;
                None
            }
            Loaded::Frames { frames, .. } => Some(self.hand_out(frames)),
            Loaded::CutOff { oldest } => Some(Next::CutOff { oldest }),
        })
    }

    /// Is on watch until there is something for this reader; none when somebody else has moved the window before.
    async fn keep_watch(
        &mut self,
        tail: &Tail<R::Content>,
        failures: &mut Failures,
    ) -> Result<Option<Next<R::Content>>, EngineError> {
        // What was told while others were on watch is seen here, and heard below.
        let mut may_go_on = tail.window().may_go_on(self.listener.newest());
        loop {
            let Some(end) = tail.window().end_before(self.position) else { return Ok(None) };
            if !may_go_on {
                match self.listener.heard().await {
                    // It may be in the window already.
                    Heard::Entries => may_go_on = end < self.listener.newest(),
                    Heard::Signal(signal) => return Ok(Some(Next::Signal(signal))),
                }
                continue;
            }
            match self.feed.load_at_last(self.account, end, failures).await? {
                // What the others have not read is forgotten, and this one does not need it.
                Loaded::CutOff { .. } if end < self.position => tail.skip_to(self.position),
                Loaded::CutOff { oldest } => return Ok(Some(Next::CutOff { oldest })),
                Loaded::Frames { mut frames, newest } => {
                    let last = frames.last().map(|last| last.logged.sequence);
                    // Whoever is up to date waits for the next wake-up, and does not look again for nothing.
                    let newest = newest.max(self.listener.newest());
                    may_go_on = last.is_some_and(|last| last < newest);
                    tail.append(&frames);
                    frames.retain(|frame| self.position < frame.logged.sequence);
                    if !frames.is_empty() {
                        return Ok(Some(self.hand_out(frames)));
                    }
                }
            }
        }
    }

    fn hand_out(&mut self, frames: Vec<Arc<Frame<R::Content>>>) -> Next<R::Content> {
        self.position = frames.last().map_or(self.position, |last| last.logged.sequence);
        Next::Frames(frames)
    }

    /// Notes that these frames were written to a client: their messages count as delivered. A failure must not end the
    /// connection: the next fetch says it again.
    pub async fn delivered(&self, frames: &[Arc<Frame<R::Content>>]) {
        // One connection speaks for all that share a frame.
        let first_time = frames.iter().filter_map(|frame| {
            let delivery = frame.delivery?;
            (!frame.handed_over.swap(true, Ordering::Relaxed)).then_some(delivery)
        });
        let caller = Caller::account_holder(self.account);
        self.feed.0.engine.note_deliveries(&caller, first_time).await;
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

impl<R: Render> Drop for Reader<R> {
    fn drop(&mut self) {
        let mut tails = self.feed.tails();
        let mut window = self.tail.window();
        window.readers -= 1;
        if window.readers == 0 {
            tails.remove(&self.account);
        }
    }
}
