//! How webhooks stand, for those who look at them.

use engine::store::{Delivery, Webhook, WebhookProgress};

/// How a webhook stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookReport {
    /// The webhook.
    pub webhook: Webhook,
    /// How far it has come.
    pub progress: WebhookProgress,
    /// Where the log of its account ends.
    pub newest: i64,
    /// The latest attempt to push to it, pings included.
    pub last_delivery: Option<Delivery>,
}

impl WebhookReport {
    /// The oldest entry that failed and waits to be repeated.
    pub fn failing_sequence(&self) -> Option<i64> {
        let failing = self.progress.waiting.iter().find(|push| 0 < push.attempts);
        failing.map(|push| push.sequence)
    }

    /// How many entries of the log its receiver was not told yet, those of which the format says nothing included.
    pub fn lag(&self) -> i64 {
        let waiting = i64::try_from(self.progress.waiting.len()).unwrap_or(i64::MAX);
        (self.newest - self.progress.position).max(0).saturating_add(waiting)
    }
}
