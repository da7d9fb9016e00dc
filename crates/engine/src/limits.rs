//! How often somebody may ask: windows aligned to the clock, and how much may be in work at the same time.
//!
//! One process counts by itself. Where several replicas serve the same marketplace, they share a [`UnitLedger`]: each
//! leases some units of a window at a time and spends them by itself, so that a quota holds for all of them together,
//! and few requests wait for the ledger.

mod leasing;
mod ledger;
#[cfg(test)]
mod tests;
mod windows;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{SignedDuration, Timestamp};

use self::leasing::{Leasing, failure};
pub use self::ledger::{FORGOTTEN_AT_ONCE, Lease, UnitLedger, UnitWindow};
use self::windows::{Subject, Window, Windows, milliseconds, timestamp, window_end_ms};
use crate::error::EngineError;

/// So many units in each window of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many; 0 means without a limit.
    pub units: u32,
    /// The length of a window, in whole milliseconds. Windows begin at multiples of it since 1970.
    pub window: SignedDuration,
}

/// What became of a request for one unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whether the unit was there.
    pub allowed: bool,
    /// The quota's units.
    pub limit: u32,
    /// Units left in this window: those that nobody has taken, and those that this replica has leased. It lags behind
    /// what other replicas have leased since this one last asked the ledger.
    pub remaining: u32,
    /// When the next window begins.
    pub until: Timestamp,
}

impl Taken {
    /// Seconds until the next window, rounded up, at least 1: what a `Retry-After` says.
    pub fn retry_after_seconds(&self, now: Timestamp) -> i64 {
        let milliseconds = self.until.as_millisecond() - now.as_millisecond();
        milliseconds
            .div_euclid(1000)
            .saturating_add(i64::from(milliseconds.rem_euclid(1000) != 0))
            .max(1)
    }

    fn without_limit(quota: Quota, now: Timestamp) -> Self {
        let until = timestamp(window_end_ms(quota, now));
        Self { allowed: true, limit: u32::MAX, remaining: u32::MAX, until }
    }
}

/// Counts what was used. A request costs a short lock of one of several maps; with a ledger, some wait for a lease.
#[derive(Debug, Default)]
pub struct Limits {
    windows: Arc<Mutex<Windows>>,
    /// None: all is counted here.
    leasing: Option<Arc<Leasing>>,
    in_work: Arc<Mutex<HashMap<Subject, u32>>>,
}

impl Limits {
    /// Counts together with everybody who has the same ledger; alone without one.
    pub fn new(ledger: Option<Arc<dyn UnitLedger>>) -> Self {
        let leasing = ledger.map(|ledger| Arc::new(Leasing::of(ledger)));
        Self { leasing, ..Self::default() }
    }

    /// Takes one unit of `quota` for `subject`. Fails only when the ledger has to be asked and cannot be.
    pub async fn take(
        &self,
        what: &'static str,
        subject: &str,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Taken, EngineError> {
        self.count(what, subject, quota, now, |window| window.take(quota)).await
    }

    /// What is left of `quota` for `subject`, without taking anything. Fails as [`Self::take`] does.
    pub async fn look(
        &self,
        what: &'static str,
        subject: &str,
        quota: Quota,
        now: Timestamp,
    ) -> Result<Taken, EngineError> {
        self.count(what, subject, quota, now, |window| window.look(quota)).await
    }

    /// Asks the window that is counted in, and the ledger as long as the window cannot tell.
    async fn count(
        &self,
        what: &'static str,
        subject: &str,
        quota: Quota,
        now: Timestamp,
        ask: impl Fn(&mut Window) -> Option<Taken>,
    ) -> Result<Taken, EngineError> {
        if quota.units == 0 {
            return Ok(Taken::without_limit(quota, now));
        }
        let subject = (what, subject.to_owned());
        let in_hand = if self.leasing.is_some() { 0 } else { quota.units };
        loop {
            let lease = {
                let mut windows = lock(&self.windows);
                let window = windows.window(&subject, quota, in_hand, now);
                match (ask(window), &self.leasing) {
                    (Some(taken), _) => return Ok(taken),
                    (None, None) => return Ok(window.left(quota)),
                    (None, Some(leasing)) => {
                        leasing.join(&self.windows, window, &subject, quota, now)
                    }
                }
            };
            lease.ended().await?;
        }
    }

    /// Lets `subject` do something if no replica has let it within the last `interval`. Unlike the windows of
    /// [`Self::take`], the interval begins when it is taken. Fails as [`Self::take`] does.
    pub async fn take_once(
        &self,
        what: &'static str,
        subject: &str,
        interval: SignedDuration,
        now: Timestamp,
    ) -> Result<Taken, EngineError> {
        let Some(leasing) = &self.leasing else {
            return Ok(self.take_once_here(what, subject, interval, now));
        };
        let key = (what, subject.to_owned());
        let known = lock(&self.windows).taken_until(&key, now);
        if let Some(until) = known {
            return Ok(once(false, until));
        }
        let until = interval_end(interval, now);
        let before = leasing.ledger.take_once(what, subject, now, until).await;
        let before = before.map_err(|error| failure(&error))?;
        let taken = once(before.is_none(), before.unwrap_or(until));
        lock(&self.windows).note_taken(key, taken.until, now);
        Ok(taken)
    }

    /// Like [`Self::take_once`] for this replica alone, without asking anybody: for what may happen somewhat more often.
    pub fn take_once_here(
        &self,
        what: &'static str,
        subject: &str,
        interval: SignedDuration,
        now: Timestamp,
    ) -> Taken {
        let key = (what, subject.to_owned());
        let mut windows = lock(&self.windows);
        if let Some(until) = windows.taken_until(&key, now) {
            return once(false, until);
        }
        let until = interval_end(interval, now);
        windows.note_taken(key, until, now);
        once(true, until)
    }

    /// Gives one unit back to this replica, since the fault was the server's. The answer says what is left.
    pub fn give_back(
        &self,
        what: &'static str,
        subject: &str,
        quota: Quota,
        taken: Taken,
    ) -> Taken {
        let mut windows = lock(&self.windows);
        match windows.ending_at(&(what, subject.to_owned()), taken.until.as_millisecond()) {
            Some(window) => {
                window.in_hand = window.in_hand.saturating_add(1).min(quota.units);
                Taken { remaining: window.left(quota).remaining, ..taken }
            }
            None => taken,
        }
    }

    /// Lets `subject` begin something, unless `at_once_max` of it are in work already (0: without a limit). It is in
    /// work until the pass is dropped. Each replica counts what it has in work itself: a pass that is in the hand of a
    /// replica that died could be taken from it by a timeout only.
    pub fn enter(&self, what: &'static str, subject: &str, at_once_max: u32) -> Option<Pass> {
        let key = (what, subject.to_owned());
        let mut in_work = lock(&self.in_work);
        let count = in_work.entry(key.clone()).or_default();
        if at_once_max != 0 && at_once_max <= *count {
            return None;
        }
        *count += 1;
        Some(Pass { key, in_work: Arc::clone(&self.in_work) })
    }
}

fn once(allowed: bool, until: Timestamp) -> Taken {
    Taken { allowed, limit: 1, remaining: 0, until }
}

fn interval_end(interval: SignedDuration, now: Timestamp) -> Timestamp {
    timestamp(now.as_millisecond().saturating_add(milliseconds(interval)))
}

/// Something that is in work.
#[derive(Debug)]
pub struct Pass {
    key: Subject,
    in_work: Arc<Mutex<HashMap<Subject, u32>>>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut in_work = lock(&self.in_work);
        if let Some(count) = in_work.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                in_work.remove(&self.key);
            }
        }
    }
}

/// Counters stay true when a holder of the lock panics: nothing between taking and returning it can fail.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
