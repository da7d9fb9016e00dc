//! What is kept for a time only is forgotten afterwards: a task that looks once an hour of the engine's clock.

use domain::{SignedDuration, Timestamp};

use crate::engine::Engine;
use crate::error::EngineError;

/// How often to look.
const INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// For how long things are kept; none: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The entries of the logs.
    pub log: Option<SignedDuration>,
    /// What was delivered to webhooks.
    pub deliveries: Option<SignedDuration>,
}

impl Engine {
    /// Forgets what has been kept for long enough, now and from then on once an hour. Never ends by itself; may be
    /// dropped at any time, and run in several processes at once.
    pub async fn keep_house(&self, retention: Retention) {
        loop {
            let next = self.now().checked_add(INTERVAL);
            if let Err(error) = self.forget(retention).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "what is old was not forgotten; the next try is in an hour"
                );
            }
            let Ok(next) = next else { return };
            self.sleep_until(next).await;
        }
    }

    async fn forget(&self, retention: Retention) -> Result<(), EngineError> {
        if let Some(before) = self.long_ago(retention.deliveries) {
            self.store().forget_deliveries(before).await?;
        }
        let Some(before) = self.long_ago(retention.log) else { return Ok(()) };
        let mut after = None;
        loop {
            // The store takes some accounts at a time, so that those who write are not held up.
            after = self.store().forget_log(before, after).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Since when things are kept that are kept for so long; none where nothing is to be forgotten.
    fn long_ago(&self, kept: Option<SignedDuration>) -> Option<Timestamp> {
        self.now().checked_sub(kept?).ok()
    }
}
