//! Time, asked for and never grabbed: the demo and the tests own it.

use std::sync::atomic::{AtomicI64, Ordering};

use domain::{SignedDuration, Timestamp};

/// Tells the time, to the millisecond.
pub trait Clock: Send + Sync + 'static {
    /// The time now. It may stand still or step back.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the machine's clock is read"
    )]
    fn now(&self) -> Timestamp {
        to_millisecond(Timestamp::now())
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { now_ms: AtomicI64::new(start.as_millisecond()) }
    }

    /// Moves the clock, forward or back.
    pub fn advance(&self, by: SignedDuration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Puts the clock at `now`.
    pub fn set(&self, now: Timestamp) {
        self.now_ms.store(now.as_millisecond(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// Cuts what is below a millisecond: nothing finer is stored or compared.
fn to_millisecond(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

/// The machine's clock, moved by some time. It goes on running. The demo tells of the last ten days by it.
#[derive(Debug, Default)]
pub struct ShiftedClock {
    shift_ms: AtomicI64,
}

impl ShiftedClock {
    /// Puts the clock at `now`, from where it goes on.
    pub fn shift_to(&self, now: Timestamp) {
        let shift_ms = now.as_millisecond() - SystemClock.now().as_millisecond();
        self.shift_ms.store(shift_ms, Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let shift_ms = self.shift_ms.load(Ordering::SeqCst);
        let now_ms = SystemClock.now().as_millisecond().saturating_add(shift_ms);
        Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::MAX)
    }
}
