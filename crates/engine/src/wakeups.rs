//! Waking those who read the logs: live connections and pushes sleep until a commit, or until somebody has something to
//! say that no log keeps.
//!
//! A wake-up is a hint, the log is the truth: a reader that is woken reads on from its own position. Should a wake-up be
//! lost, the next look at the store makes up for it (see `Wakeups::catch_up`): every few seconds, and about once a second
//! while other processes may work on the store and are not heard.

#[cfg(test)]
mod tests;
mod told;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

use domain::Timestamp;
use domain::id::{AccountId, ChatId};
use tokio::sync::{broadcast, watch};

use crate::metrics::Metrics;
use crate::relay::{GROWN_MAX, News, Relay};
use crate::store::{Grown, Pulse, Store, StoreError};
use told::Told;
pub use told::ToldEvents;

/// How often to look at the store for what no wake-up told, while others are heard or there are none.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How often while others may go unheard. A little more often than every second, so that whoever is connected with a key
/// that was revoked elsewhere is sent away within a second.
const UNHEARD_LOOK_INTERVAL: Duration = Duration::from_millis(800);
/// A question that takes longer is given up, and the look with it; the next one may fare better.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// So many accounts are looked at together.
const LOOK_ACCOUNTS: usize = 500;
/// So many signals may wait for a listener; of more, the oldest are lost, which costs it no entry. Each of them takes room
/// for every account with a listener, whether it waits or not.
const SIGNALS_MAX: usize = 8;

/// What happens now and is not worth keeping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Somebody is typing in a chat.
    Typing {
        /// Where.
        chat: ChatId,
        /// Who.
        by: AccountId,
    },
    /// Somebody with whom the listener shares a chat came or went.
    Presence {
        /// Who.
        account: AccountId,
        /// Whether one of their clients is connected.
        online: bool,
        /// Since when.
        at: Timestamp,
    },
    /// A key or a session of the account ended, or the account was put out of use: whoever is connected with one must
    /// have it checked again.
    CredentialsChanged,
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The log has grown.
    Entries,
    /// Something that no log keeps.
    Signal(Signal),
}

/// Who listens to which account.
pub(crate) struct Wakeups {
    lines: RwLock<HashMap<AccountId, Arc<Line>>>,
    relay: Arc<dyn Relay>,
    /// Whether others may work on the store who are not heard.
    unheard: watch::Sender<bool>,
    /// Whether the last look at the store went well.
    store_answers: AtomicBool,
    metrics: Metrics,
}

/// What all listeners of one account hear.
#[derive(Debug)]
struct Line {
    newest: watch::Sender<i64>,
    told: Mutex<Told>,
    signals: broadcast::Sender<Signal>,
    /// The revision of the account's credentials at the last look.
    credentials: AtomicI64,
}

/// No look was taken yet.
const NOT_LOOKED: i64 = -1;

/// Hears of one account. Whoever listens first and reads the log then misses nothing.
pub struct Listener {
    account: AccountId,
    newest: watch::Receiver<i64>,
    signals: broadcast::Receiver<Signal>,
    wakeups: Arc<Wakeups>,
}

impl Wakeups {
    /// Nobody listens yet. What is heard here is told to the others by `relay`.
    pub(crate) fn new(relay: Arc<dyn Relay>, metrics: Metrics) -> Self {
        Self {
            lines: RwLock::default(),
            relay,
            unheard: watch::Sender::new(false),
            store_answers: AtomicBool::new(true),
            metrics,
        }
    }

    /// Listens to `account` from now on.
    pub(crate) fn listen(self: &Arc<Self>, account: AccountId) -> Listener {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(account).or_insert_with(|| {
            Arc::new(Line {
                newest: watch::Sender::new(0),
                told: Mutex::default(),
                signals: broadcast::Sender::new(SIGNALS_MAX),
                credentials: AtomicI64::new(NOT_LOOKED),
            })
        });
        Listener {
            account,
            newest: line.newest.subscribe(),
            signals: line.signals.subscribe(),
            wakeups: Arc::clone(self),
        }
    }

    /// Wakes those who listen to logs that this process has made grow, here and at the other replicas.
    pub(crate) fn wake(&self, mut grown: Grown) {
        self.wake_here(&grown);
        while !grown.logs.is_empty() {
            let logs = grown.logs.split_off(GROWN_MAX.min(grown.logs.len()));
            // What was said goes with the first part, which is almost always the only one.
            let rest = Grown { logs, said: Vec::new() };
            self.relay.tell(News::Grown(std::mem::replace(&mut grown, rest)));
        }
    }

    /// Wakes those who listen here to logs that have grown.
    pub(crate) fn wake_here(&self, grown: &Grown) {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        for growth in &grown.logs {
            if let Some(line) = lines.get(&growth.account) {
                line.told().add(growth.entries.iter().map(|logged| {
                    let said = grown.said_in(&logged.entry).cloned();
                    (logged.clone(), said)
                }));
                line.newest.send_if_modified(|newest| {
                    let grown = *newest < growth.newest();
                    *newest = growth.newest().max(*newest);
                    grown
                });
            }
        }
    }

    /// What those who listen here to `account` were told of the log behind `after`; nothing where that does not begin right
    /// behind it.
    pub(crate) fn told_behind(&self, account: AccountId, after: i64) -> ToldEvents {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.get(&account).map_or_else(ToldEvents::default, |line| line.told().behind(after))
    }

    /// Tells everybody who listens here to `account`.
    pub(crate) fn signal_here(&self, account: AccountId, signal: Signal) {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&account) {
            // Nobody may be left by now.
            let _ = line.signals.send(signal);
        }
    }

    /// What the replicas tell one another.
    pub(crate) fn relay(&self) -> &dyn Relay {
        &*self.relay
    }

    /// Whether anybody listens to `account` here.
    pub(crate) fn is_heard(&self, account: AccountId) -> bool {
        self.lines.read().unwrap_or_else(PoisonError::into_inner).contains_key(&account)
    }

    /// Whether the last look at the store went well.
    pub(crate) fn store_answers(&self) -> bool {
        self.store_answers.load(Ordering::Relaxed)
    }

    /// How many listen here.
    pub(crate) fn listeners(&self) -> usize {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.values().map(|line| line.newest.receiver_count()).sum()
    }

    /// The accounts to which somebody listens here.
    pub(crate) fn accounts(&self) -> Vec<AccountId> {
        self.lines.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Has the store looked at now; and from now on often, if others may go `unheard`.
    pub(crate) fn look_now(&self, unheard: bool) {
        // Also wakes when it was so before.
        self.unheard.send_replace(unheard);
    }

    /// Whether the store is looked at often, since others may go unheard.
    pub(crate) fn looks_often(&self) -> bool {
        *self.unheard.borrow()
    }

    /// Looks at the store again and again: logs may have grown and credentials may have changed without a wake-up, by
    /// another process or because a wake-up was lost. Ends when the engine does.
    pub(crate) async fn catch_up(wakeups: Weak<Self>, store: Arc<dyn Store>) {
        let subscribe = |wakeups: Arc<Self>| wakeups.unheard.subscribe();
        let Some(mut unheard) = wakeups.upgrade().map(subscribe) else { return };
        loop {
            // Who wanted a look during the last one gets one of its own: that one may have come too early.
            let often = *unheard.borrow();
            let interval = if often { UNHEARD_LOOK_INTERVAL } else { LOOK_INTERVAL };
            // Either the time is over, or somebody wants a look at once, or this is the end.
            let _ = tokio::time::timeout(interval, unheard.changed()).await;
            let Some(wakeups) = wakeups.upgrade() else { return };
            wakeups.look_and_tell(&*store).await;
        }
    }

    async fn look_and_tell(&self, store: &dyn Store) {
        let looked = self.look(store).await;
        self.metrics.note_look();
        let answered = self.store_answers.swap(looked.is_ok(), Ordering::Relaxed);
        // Each change is said once.
        match looked {
            Ok(()) if !answered => tracing::info!("the store answers again"),
            Err(error) if answered => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the store does not answer; live connections hear of nothing until it does"
            ),
            Ok(()) | Err(_) => {}
        }
    }

    async fn look(&self, store: &dyn Store) -> Result<(), StoreError> {
        let accounts = self.accounts();
        if accounts.is_empty() {
            // It is asked all the same, so that it is known whether it answers.
            pulses_in_time(store, &[]).await?;
        }
        for accounts in accounts.chunks(LOOK_ACCOUNTS) {
            for pulse in pulses_in_time(store, accounts).await? {
                self.feel(pulse);
            }
        }
        Ok(())
    }

    fn feel(&self, pulse: Pulse) {
        let Pulse { account, newest, credentials } = pulse;
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = lines.get(&account) else { return };
        // Also downwards: a hint beyond the end of the log, of an installation with the same subjects, would make all true
        // ones look old.
        line.newest.send_if_modified(|told| std::mem::replace(told, newest) != newest);
        line.told().end_at(newest);
        // The first look at an account counts as a change: it may have come since the first listener was let in.
        if line.credentials.swap(credentials, Ordering::Relaxed) != credentials {
            let _ = line.signals.send(Signal::CredentialsChanged);
        }
    }

    /// Forgets an account to which nobody listens any more.
    fn tidy(&self, account: AccountId) {
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        if lines.get(&account).is_some_and(|line| line.newest.receiver_count() == 0) {
            lines.remove(&account);
        }
    }
}

impl Line {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pulses_in_time(
    store: &dyn Store,
    accounts: &[AccountId],
) -> Result<Vec<Pulse>, StoreError> {
    let answer = tokio::time::timeout(ANSWER_TIME_MAX, store.pulses(accounts)).await;
    answer.unwrap_or_else(|_| Err(StoreError::Unavailable("it takes too long to answer".into())))
}

impl Listener {
    /// Waits for the next thing to hear. Dropping the future loses nothing.
    pub async fn heard(&mut self) -> Heard {
        tokio::select! {
            biased;
            Ok(()) = self.newest.changed() => Heard::Entries,
            signal = next_of(&mut self.signals) => Heard::Signal(signal),
        }
    }

    /// Like [`Self::heard`], for readers to whom somebody else tells of entries.
    pub async fn signal(&mut self) -> Signal {
        next_of(&mut self.signals).await
    }

    /// The newest sequence of which the listener was told; 0 before the first time. The log may be longer.
    pub fn newest(&self) -> i64 {
        *self.newest.borrow()
    }

    /// Like [`Self::heard`], for readers that care for entries only.
    pub async fn entries(&mut self) {
        if self.newest.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn next_of(signals: &mut broadcast::Receiver<Signal>) -> Signal {
    match signals.recv().await {
        Ok(signal) => signal,
        // Who comes, goes or types is soon told again. The one signal that must not be lost is this.
        Err(broadcast::error::RecvError::Lagged(_)) => Signal::CredentialsChanged,
        // The line lives for as long as anybody listens to it.
        Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // The receiver itself is dropped after this, so that the last one counts as one.
        let (_unused, nobody) = watch::channel(0);
        self.newest = nobody;
        self.wakeups.tidy(self.account);
    }
}
