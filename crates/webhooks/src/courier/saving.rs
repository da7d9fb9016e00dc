//! What a courier knows, from the store and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::EngineError;
use engine::store::{Delivery, DeliveryOutcome, ProgressChange, WaitingPush, WebhookState};
use tokio::time::Instant;

use super::{Courier, REST, Turn};
use crate::lanes::Lanes;

impl Courier {
    /// Begins where the store says. False when the webhook is not to be pushed to any more.
    pub(super) async fn load(&mut self) -> bool {
        let (account, id) = (self.webhook.account, self.webhook.id);
        let (webhook, progress) = loop {
            match self.engine().webhook_store().webhook(account, id).await {
                Ok(Some(found)) => break found,
                Ok(None) => return false,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, webhook = id.get(), "cannot load a webhook");
                }
            }
            tokio::select! {
                () = self.given.end.cancelled() => return false,
                () = tokio::time::sleep(REST) => {}
            }
        };
        if webhook.state != WebhookState::Active {
            return false;
        }
        self.webhook = Arc::new(webhook);
        self.revision = progress.revision;
        self.health = progress.health;
        self.taken_up = progress.position;
        self.reached = progress.position;
        self.lanes = Lanes::new(self.given.format.order());
        self.waiting = BTreeMap::new();
        for push in progress.waiting {
            self.waiting.insert(push.sequence, push);
            self.lanes.take_up_waiting(push);
        }
        // What was delivered before a reload stays worth a line.
        self.save_at = if self.deliveries.is_empty() { None } else { Some(Instant::now()) };
        (self.given_up, self.is_behind, self.is_pinging) = (None, true, false);
        true
    }

    /// Saves what has come of everything so far. False when it was based on what is outdated.
    pub(super) async fn save(&mut self, switches_off: bool) -> Result<bool, EngineError> {
        let waiting = self.lanes.waiting_up_to(self.reached);
        let is_new = |push: &&WaitingPush| self.waiting.get(&push.sequence) != Some(push);
        let change = ProgressChange {
            account: self.webhook.account,
            webhook: self.webhook.id,
            revision: self.revision,
            position: self.reached,
            health: self.health,
            waiting: waiting.values().filter(is_new).copied().collect(),
            settled: self
                .waiting
                .keys()
                .filter(|&sequence| !waiting.contains_key(sequence))
                .copied()
                .collect(),
            deliveries: self.deliveries.clone(),
            switches_off,
        };
        let saved = self.engine().webhook_store().save_progress(&self.given.holder, change).await?;
        if saved {
            self.waiting = waiting;
            self.deliveries.clear();
            self.save_at = None;
        }
        Ok(saved)
    }

    /// Nothing could be saved: the webhook was moved meanwhile, or is somebody else's.
    pub(super) async fn outdated(&mut self) -> Turn {
        self.finish_errands().await;
        let (account, id) = (self.webhook.account, self.webhook.id);
        match self.engine().webhook_store().webhook(account, id).await {
            Ok(Some((_, progress))) if progress.revision != self.revision => Turn::Reload,
            // The sender sends another courier if the webhook is still its own.
            Ok(_) | Err(_) => Turn::Finish,
        }
    }

    /// Adds a line to the delivery log that tells of no attempt.
    pub(super) fn note(&mut self, reason: String) {
        self.deliveries.push(Delivery {
            id: 0,
            webhook: self.webhook.id,
            sequence: None,
            kind: String::new(),
            attempt: 0,
            at: self.engine().now(),
            duration_ms: 0,
            status: None,
            outcome: DeliveryOutcome::Dropped,
            reason,
            response: String::new(),
        });
        self.save_at = Some(Instant::now());
    }
}
