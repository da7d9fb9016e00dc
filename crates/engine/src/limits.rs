//! How often somebody may ask: windows aligned to the clock, and how much may be in work at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{SignedDuration, Timestamp};

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
    /// Units left in this window.
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
}

/// Who asks for what: each pair has windows of its own.
type Subject = (&'static str, String);

/// Counts what was used. Costs one short lock of one of several maps.
#[derive(Debug, Default)]
pub struct Limits {
    windows: Mutex<Windows>,
    in_work: Arc<Mutex<HashMap<Subject, u32>>>,
}

#[derive(Debug, Default)]
struct Windows {
    used: HashMap<Subject, Window>,
    /// The number of windows at which those that are over are thrown away.
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    until_ms: i64,
    used: u32,
}

impl Limits {
    /// Takes one unit of `quota` for `subject`.
    pub fn take(&self, what: &'static str, subject: &str, quota: Quota, now: Timestamp) -> Taken {
        let until_ms = window_end(quota, now);
        let until = Timestamp::from_millisecond(until_ms).unwrap_or(Timestamp::MAX);
        if quota.units == 0 {
            return Taken { allowed: true, limit: u32::MAX, remaining: u32::MAX, until };
        }
        let mut windows = lock(&self.windows);
        windows.sweep(now);
        let window =
            windows.used.entry((what, subject.to_owned())).or_insert(Window { until_ms, used: 0 });
        if !window.counts_for(until_ms, quota) {
            *window = Window { until_ms, used: 0 };
        }
        let allowed = window.used < quota.units;
        window.used += u32::from(allowed);
        let until = Timestamp::from_millisecond(window.until_ms).unwrap_or(Timestamp::MAX);
        Taken { allowed, limit: quota.units, remaining: quota.units - window.used, until }
    }

    /// What is left of `quota` for `subject`, without taking anything.
    pub fn look(&self, what: &'static str, subject: &str, quota: Quota, now: Timestamp) -> Taken {
        let until_ms = window_end(quota, now);
        let until = Timestamp::from_millisecond(until_ms).unwrap_or(Timestamp::MAX);
        if quota.units == 0 {
            return Taken { allowed: true, limit: u32::MAX, remaining: u32::MAX, until };
        }
        let windows = lock(&self.windows);
        let window = windows.used.get(&(what, subject.to_owned()));
        let used = window
            .filter(|window| window.counts_for(until_ms, quota))
            .map_or(0, |window| window.used);
        let remaining = quota.units.saturating_sub(used);
        Taken { allowed: remaining != 0, limit: quota.units, remaining, until }
    }

    /// Lets `subject` do something if it was not let within the last `interval`. Unlike the windows of [`Self::take`],
    /// the interval begins when it is taken.
    pub fn take_once(
        &self,
        what: &'static str,
        subject: &str,
        interval: SignedDuration,
        now: Timestamp,
    ) -> Taken {
        let length_ms = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX);
        let now_ms = now.as_millisecond();
        let mut windows = lock(&self.windows);
        windows.sweep(now);
        let window = windows
            .used
            .entry((what, subject.to_owned()))
            .or_insert(Window { until_ms: now_ms, used: 1 });
        let allowed = window.until_ms <= now_ms;
        if allowed {
            window.until_ms = now_ms.saturating_add(length_ms);
        }
        let until = Timestamp::from_millisecond(window.until_ms).unwrap_or(Timestamp::MAX);
        Taken { allowed, limit: 1, remaining: 0, until }
    }

    /// Gives one unit back, since the fault was the server's. The answer says what is left.
    pub fn give_back(
        &self,
        what: &'static str,
        subject: &str,
        quota: Quota,
        taken: Taken,
    ) -> Taken {
        let mut windows = lock(&self.windows);
        match windows.used.get_mut(&(what, subject.to_owned())) {
            Some(window) if window.until_ms == taken.until.as_millisecond() => {
                window.used = window.used.saturating_sub(1);
                Taken { remaining: quota.units.saturating_sub(window.used), ..taken }
            }
            Some(_) | None => taken,
        }
    }

    /// Lets `subject` begin something, unless `at_once_max` of it are in work already (0: without a limit). It is in
    /// work until the pass is dropped.
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

impl Windows {
    /// Keeps the memory bounded by the number of subjects of the current windows.
    fn sweep(&mut self, now: Timestamp) {
        const SWEEP_AT_LEAST: usize = 1024;
        if self.sweep_at.max(SWEEP_AT_LEAST) <= self.used.len() {
            let now_ms = now.as_millisecond();
            self.used.retain(|_, window| now_ms < window.until_ms);
            self.sweep_at = self.used.len() * 2;
        }
    }
}

impl Window {
    /// Whether a request whose own window ends at `until_ms` counts in this one. A request that read the clock just
    /// before a window began and comes late must not begin the count anew.
    fn counts_for(&self, until_ms: i64, quota: Quota) -> bool {
        let ahead_ms = self.until_ms.saturating_sub(until_ms);
        ahead_ms == 0 || ahead_ms == window_length_ms(quota)
    }
}

fn window_length_ms(quota: Quota) -> i64 {
    i64::try_from(quota.window.as_millis()).unwrap_or(i64::MAX).max(1)
}

fn window_end(quota: Quota, now: Timestamp) -> i64 {
    let length_ms = window_length_ms(quota);
    now.as_millisecond().div_euclid(length_ms).saturating_add(1).saturating_mul(length_ms)
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

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_AN_HOUR: Quota = Quota { units: 2, window: SignedDuration::from_hours(1) };

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_window_ends_at_the_full_hour_and_the_next_begins_fresh() {
        let limits = Limits::default();
        let now = at("2026-11-21T10:59:59.999Z");
        assert_eq!(
            limits.take("send", "7", TWO_AN_HOUR, now),
            Taken { allowed: true, limit: 2, remaining: 1, until: at("2026-11-21T11:00:00Z") }
        );
        assert!(limits.take("send", "7", TWO_AN_HOUR, now).allowed);
        let refused = limits.take("send", "7", TWO_AN_HOUR, now);
        assert!(!refused.allowed);
        assert_eq!((refused.remaining, refused.retry_after_seconds(now)), (0, 1));
        assert!(limits.take("send", "7", TWO_AN_HOUR, at("2026-11-21T11:00:00Z")).allowed);
    }

    #[test]
    fn what_is_let_once_an_interval_waits_for_all_of_it() {
        let limits = Limits::default();
        let minute = SignedDuration::from_mins(1);
        let take = |time| limits.take_once("mail", "7", minute, at(time));
        assert!(take("2026-11-21T10:00:59Z").allowed);
        let refused = take("2026-11-21T10:01:58.001Z");
        assert!(!refused.allowed);
        assert_eq!(refused.until, at("2026-11-21T10:01:59Z"));
        assert!(take("2026-11-21T10:01:59Z").allowed);
        assert!(limits.take_once("mail", "8", minute, at("2026-11-21T10:01:59Z")).allowed);
    }

    #[test]
    fn subjects_and_methods_do_not_share_windows() {
        let limits = Limits::default();
        let now = at("2026-11-21T10:00:00Z");
        for subject in ["7", "8"] {
            for what in ["send", "list"] {
                assert_eq!(limits.take(what, subject, TWO_AN_HOUR, now).remaining, 1);
            }
        }
    }

    #[test]
    fn a_unit_given_back_can_be_taken_again() {
        let limits = Limits::default();
        let now = at("2026-11-21T10:00:00Z");
        limits.take("send", "7", TWO_AN_HOUR, now);
        let taken = limits.take("send", "7", TWO_AN_HOUR, now);
        assert_eq!(limits.give_back("send", "7", TWO_AN_HOUR, taken).remaining, 1);
        assert!(limits.take("send", "7", TWO_AN_HOUR, now).allowed);
    }

    #[test]
    fn a_request_that_comes_late_does_not_begin_the_count_anew() {
        let limits = Limits::default();
        let (before, after) = (at("2026-11-21T10:59:59.999Z"), at("2026-11-21T11:00:00Z"));
        limits.take("send", "7", TWO_AN_HOUR, after);
        assert_eq!(limits.take("send", "7", TWO_AN_HOUR, before).remaining, 0);
        assert!(!limits.take("send", "7", TWO_AN_HOUR, after).allowed);
        // A clock that was put back is believed.
        assert!(limits.take("send", "7", TWO_AN_HOUR, at("2026-11-21T08:00:00Z")).allowed);
    }

    #[test]
    fn looking_takes_nothing() {
        let limits = Limits::default();
        let now = at("2026-11-21T10:00:00Z");
        assert_eq!(limits.look("send", "7", TWO_AN_HOUR, now).remaining, 2);
        let taken = limits.take("send", "7", TWO_AN_HOUR, now);
        assert_eq!(limits.look("send", "7", TWO_AN_HOUR, now), taken);
        limits.take("send", "7", TWO_AN_HOUR, now);
        assert!(!limits.look("send", "7", TWO_AN_HOUR, now).allowed);
        assert_eq!(limits.look("send", "7", TWO_AN_HOUR, at("2026-11-21T11:00:00Z")).remaining, 2);
    }

    #[test]
    fn windows_that_are_over_are_forgotten() {
        let limits = Limits::default();
        for subject in 0..5000 {
            limits.take("send", &subject.to_string(), TWO_AN_HOUR, at("2026-11-21T10:00:00Z"));
        }
        for subject in 0..5000 {
            limits.take("send", &subject.to_string(), TWO_AN_HOUR, at("2026-11-21T11:00:00Z"));
        }
        assert!(lock(&limits.windows).used.len() <= 10_000);
        limits.take("send", "0", TWO_AN_HOUR, at("2026-11-21T12:00:00Z"));
        assert!(lock(&limits.windows).used.len() <= 5001);
    }

    #[test]
    fn a_dropped_pass_makes_room() {
        let limits = Limits::default();
        let first = limits.enter("parallel", "7", 1);
        assert!(first.is_some());
        assert!(limits.enter("parallel", "7", 1).is_none());
        drop(first);
        assert!(limits.enter("parallel", "7", 1).is_some());
        assert!(lock(&limits.in_work).is_empty());
    }
}
