//! One way to a receiver.

use std::sync::Arc;

use engine::access::Caller;
use engine::store::{LogEntry, WaitingPush, Webhook};
use engine::{Engine, EngineError};
use tokio::sync::Semaphore;

use super::Assignment;
use crate::attempt::{self, Attempt};
use crate::format::{Purpose, Push, PushFormat};
use crate::lanes::Taken;
use crate::subscriptions::Shared;

/// Everything that an attempt needs.
pub(super) struct Errand {
    shared: Arc<Shared>,
    format: Arc<dyn PushFormat>,
    webhook: Arc<Webhook>,
    permits: Arc<Semaphore>,
}

/// What came of an errand.
pub(super) enum Landed {
    /// A push of this entry, as it was before.
    Push(WaitingPush, Outcome),
    /// A ping.
    Ping(Attempt),
}

/// What came of the push of an entry.
pub(super) enum Outcome {
    /// The receiver was called.
    Attempted(Attempt),
    /// The format has nothing to say of this entry.
    Unspoken,
    /// The log keeps this entry no more.
    Forgotten,
    /// It did not come to an attempt.
    Prevented(EngineError),
}

impl Errand {
    pub(super) fn new(
        given: &Assignment,
        webhook: &Arc<Webhook>,
        permits: &Arc<Semaphore>,
    ) -> Self {
        Self {
            shared: Arc::clone(&given.shared),
            format: Arc::clone(&given.format),
            webhook: Arc::clone(webhook),
            permits: Arc::clone(permits),
        }
    }

    /// Pushes an entry.
    pub(super) async fn push(self, taken: Taken) -> Landed {
        let outcome = self.push_entry(&taken).await.unwrap_or_else(Outcome::Prevented);
        Landed::Push(taken.push, outcome)
    }

    async fn push_entry(&self, taken: &Taken) -> Result<Outcome, EngineError> {
        let read;
        let logged = match &taken.logged {
            Some(logged) => logged,
            None => match self.read(taken.push.sequence).await? {
                Some(logged) => {
                    read = logged;
                    &read
                }
                None => return Ok(Outcome::Forgotten),
            },
        };
        match self.format.render(&self.webhook, logged).await? {
            Some(push) => Ok(Outcome::Attempted(self.attempt(Purpose::Event, &push).await)),
            None => Ok(Outcome::Unspoken),
        }
    }

    /// Asks the receiver whether it listens.
    pub(super) async fn ping(self) -> Landed {
        let push = self.format.ping(&self.webhook, self.engine().now());
        Landed::Ping(self.attempt(Purpose::Ping, &push).await)
    }

    async fn attempt(&self, purpose: Purpose, push: &Push) -> Attempt {
        // It is never closed; without a permit the attempt would be as good.
        let _permit = self.permits.acquire().await;
        let (client, format) = (&self.shared.client, &*self.format);
        let now = self.engine().now();
        attempt::attempt(client, format, &self.webhook, purpose, push, now).await
    }

    async fn read(&self, sequence: i64) -> Result<Option<LogEntry>, EngineError> {
        let caller = Caller::account_holder(self.webhook.account);
        let page = self.engine().events(&caller, sequence - 1, 1).await?;
        Ok(page.entries.into_iter().next().filter(|logged| logged.sequence == sequence))
    }

    fn engine(&self) -> &Engine {
        &self.shared.engine
    }
}
