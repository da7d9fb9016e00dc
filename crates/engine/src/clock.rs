//! Time, asked for and never grabbed: the demo and the tests own it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The longest sleep without a look at the clock, which may have been set. Every live connection sleeps so, and mostly for
/// less: a shorter one would wake thousands of them for nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// Tells the time, to the millisecond.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time now. It may stand still or step back.
    fn now(&self) -> Timestamp;

    /// Waits until the clock stands at `at` or later; also when it was moved there.
    async fn sleep_until(&self, at: Timestamp);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the machine's clock is read"
    )]
    fn now(&self) -> Timestamp {
        to_millisecond(Timestamp::now())
    }

    async fn sleep_until(&self, at: Timestamp) {
        while let Some(rest) = rest_until(self.now(), at) {
            tokio::time::sleep(rest.min(LOOK_INTERVAL)).await;
        }
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: watch::Sender<i64>,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { now_ms: watch::Sender::new(start.as_millisecond()) }
    }

    /// Moves the clock, forward or back.
    pub fn advance(&self, by: SignedDuration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.send_modify(|now_ms| *now_ms = now_ms.saturating_add(by_ms));
    }

    /// Puts the clock at `now`.
    pub fn set(&self, now: Timestamp) {
        self.now_ms.send_replace(now.as_millisecond());
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(*self.now_ms.borrow()).unwrap_or(Timestamp::MAX)
    }

    async fn sleep_until(&self, at: Timestamp) {
        let at_ms = at.as_millisecond();
        // The sender is this clock.
        let _ = self.now_ms.subscribe().wait_for(|now_ms| at_ms <= *now_ms).await;
    }
}

/// The machine's clock, moved by some time. It goes on running. The demo tells of the last ten days by it.
#[derive(Debug, Default)]
pub struct ShiftedClock {
    shift_ms: AtomicI64,
    shifts: watch::Sender<()>,
}

impl ShiftedClock {
    /// Puts the clock at `now`, from where it goes on.
    pub fn shift_to(&self, now: Timestamp) {
        let shift_ms = now.as_millisecond() - SystemClock.now().as_millisecond();
        self.shift_ms.store(shift_ms, Ordering::SeqCst);
        self.shifts.send_replace(());
    }
}

#[async_trait]
impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let shift_ms = self.shift_ms.load(Ordering::SeqCst);
        let now_ms = SystemClock.now().as_millisecond().saturating_add(shift_ms);
        Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX)
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut shifts = self.shifts.subscribe();
        while let Some(rest) = rest_until(self.now(), at) {
            // A shift ends the sleep early, and so does its end.
            let _ = tokio::time::timeout(rest.min(LOOK_INTERVAL), shifts.changed()).await;
        }
    }
}

/// Cuts what is below a millisecond: nothing finer is stored or compared.
fn to_millisecond(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// How long it takes from `now` to `at`; none when `at` is not later.
fn rest_until(now: Timestamp, at: Timestamp) -> Option<Duration> {
    Duration::try_from(at.duration_since(now)).ok().filter(|rest| !rest.is_zero())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn moving_a_clock_wakes_its_sleepers() {
        let start = SystemClock.now();
        let hour = start + SignedDuration::from_hours(1);
        let manual = Arc::new(ManualClock::starting_at(start));
        let shifted = Arc::new(ShiftedClock::default());
        let sleepers = tokio::spawn({
            let (manual, shifted) = (Arc::clone(&manual), Arc::clone(&shifted));
            async move {
                manual.sleep_until(hour).await;
                shifted.sleep_until(hour).await;
            }
        });
        manual.advance(SignedDuration::from_mins(59));
        tokio::task::yield_now().await;
        assert!(!sleepers.is_finished());
        manual.advance(SignedDuration::from_mins(1));
        shifted.shift_to(hour);
        sleepers.await.unwrap();
    }

    #[tokio::test]
    async fn the_past_is_not_waited_for() {
        SystemClock.sleep_until(SystemClock.now()).await;
        SystemClock.sleep_until(Timestamp::MIN).await;
    }
}
