//! Counting: which windows run here, and what is left of each.

use std::collections::HashMap;

use domain::{SignedDuration, Timestamp};

use super::leasing::LeaseInFlight;
use super::{Quota, Taken};

/// Who asks for what: each pair has windows of its own.
pub(super) type Subject = (&'static str, String);

/// The windows that run here, and some that are over.
#[derive(Debug, Default)]
pub(super) struct Windows {
    by_subject: HashMap<Subject, Window>,
    /// The number of windows at which those that are over are thrown away.
    sweep_at: usize,
}

/// What this replica knows of one window.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) until_ms: i64,
    /// Units that can be spent here without asking anybody.
    pub(super) in_hand: u32,
    /// Units that no replica had taken when the ledger was last asked; all when it was not asked yet.
    pub(super) untaken: u32,
    /// What those who found nothing in hand wait for.
    pub(super) lease: Option<LeaseInFlight>,
    /// How many requests the last lease left with nothing.
    pub(super) unmet: usize,
}

impl Windows {
    /// The window of `subject` in which a request of `now` counts. A window that begins has `in_hand` units in hand.
    pub(super) fn window(
        &mut self,
        subject: &Subject,
        quota: Quota,
        in_hand: u32,
        now: Timestamp,
    ) -> &mut Window {
        self.sweep(now);
        let until_ms = window_end_ms(quota, now);
        let begin = || Window::begin(until_ms, quota, in_hand);
        let window = self.by_subject.entry(subject.clone()).or_insert_with(begin);
        if !window.counts_for(until_ms, quota) {
            *window = begin();
        }
        window
    }

    /// The window of `subject` that ends at `until_ms`, if it is still known.
    pub(super) fn ending_at(&mut self, subject: &Subject, until_ms: i64) -> Option<&mut Window> {
        self.by_subject.get_mut(subject).filter(|window| window.until_ms == until_ms)
    }

    /// Until when something that is let once an interval is taken, if that is known here.
    pub(super) fn taken_until(&self, subject: &Subject, now: Timestamp) -> Option<Timestamp> {
        let window = self.by_subject.get(subject)?;
        (now.as_millisecond() < window.until_ms).then(|| timestamp(window.until_ms))
    }

    /// Notes that something that is let once an interval is taken until `until`.
    pub(super) fn note_taken(&mut self, subject: Subject, until: Timestamp, now: Timestamp) {
        self.sweep(now);
        let until_ms = until.as_millisecond();
        let window = Window { until_ms, in_hand: 0, untaken: 0, lease: None, unmet: 0 };
        self.by_subject.insert(subject, window);
    }

    /// Keeps the memory bounded by the number of subjects of the current windows.
    fn sweep(&mut self, now: Timestamp) {
        const SWEEP_AT_LEAST: usize = 1024;
        if self.sweep_at.max(SWEEP_AT_LEAST) <= self.by_subject.len() {
            let now_ms = now.as_millisecond();
            self.by_subject.retain(|_, window| now_ms < window.until_ms);
            self.sweep_at = self.by_subject.len() * 2;
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_subject.len()
    }
}

impl Window {
    fn begin(until_ms: i64, quota: Quota, in_hand: u32) -> Self {
        let untaken = quota.units.saturating_sub(in_hand);
        Self { until_ms, in_hand, untaken, lease: None, unmet: 0 }
    }

    /// Spends a unit, or says that there is none. None where the ledger must be asked first.
    pub(super) fn take(&mut self, quota: Quota) -> Option<Taken> {
        if self.in_hand == 0 && self.untaken != 0 {
            return None;
        }
        let allowed = self.in_hand != 0;
        self.in_hand -= u32::from(allowed);
        Some(Taken { allowed, ..self.left(quota) })
    }

    /// What is left. None where the ledger was never asked.
    pub(super) fn look(&self, quota: Quota) -> Option<Taken> {
        let was_asked = self.in_hand != 0 || self.untaken != quota.units;
        was_asked.then(|| self.left(quota))
    }

    /// What is left, as far as it is known here.
    pub(super) fn left(&self, quota: Quota) -> Taken {
        let remaining = self.in_hand.saturating_add(self.untaken).min(quota.units);
        Taken {
            allowed: remaining != 0,
            limit: quota.units,
            remaining,
            until: timestamp(self.until_ms),
        }
    }

    /// Whether a request whose own window ends at `until_ms` counts in this one. A request that read the clock just
    /// before a window began and comes late must not begin the count anew.
    fn counts_for(&self, until_ms: i64, quota: Quota) -> bool {
        let ahead_ms = self.until_ms.saturating_sub(until_ms);
        ahead_ms == 0 || ahead_ms == window_length_ms(quota)
    }
}

fn window_length_ms(quota: Quota) -> i64 {
    milliseconds(quota.window).max(1)
}

/// When the window of `now` ends.
pub(super) fn window_end_ms(quota: Quota, now: Timestamp) -> i64 {
    let length_ms = window_length_ms(quota);
    let end_ms =
        now.as_millisecond().div_euclid(length_ms).saturating_add(1).saturating_mul(length_ms);
    end_ms.min(Timestamp::MAX.as_millisecond())
}

/// Whole milliseconds of a time span.
pub(super) fn milliseconds(span: SignedDuration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The time so many milliseconds after 1970, or the end of all times.
pub(super) fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}
