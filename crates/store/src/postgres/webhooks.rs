//! Webhooks, how far they have come, and what was delivered.
//!
//! Whoever changes several rows of a webhook locks them in one order: the account's row, where it must stay as it was
//! counted, then the webhook, how far it has come, what waits.

pub(super) mod deliveries;
pub(super) mod leases;
pub(super) mod progress;
pub(super) mod subscriptions;

use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::id::{AccountId, WebhookId};
use engine::store::{
    Delivery, LeasedWebhook, NotStored, ProgressChange, ResumeFrom, StoreError, UrlUse, Webhook,
    WebhookProgress, WebhookStore,
};

use super::PostgresStore;

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn create_webhook(
        &self,
        webhook: &Webhook,
        webhooks_max: usize,
        url_use: UrlUse,
    ) -> Result<Result<Webhook, NotStored>, StoreError> {
        subscriptions::create(&self.db, webhook, webhooks_max, url_use).await
    }

    async fn webhooks_of(&self, account: AccountId) -> Result<Vec<Webhook>, StoreError> {
        subscriptions::of_account(&self.db, account).await
    }

    async fn webhook(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<Option<(Webhook, WebhookProgress)>, StoreError> {
        let read = self.db.snapshot(async |transaction| {
            let webhook = subscriptions::by_id(transaction, account, id).await?;
            Ok(webhook.zip(progress::of(transaction, account, id).await?))
        });
        read.await
    }

    async fn replace_webhook(
        &self,
        before: &Webhook,
        after: &Webhook,
        url_use: UrlUse,
    ) -> Result<Result<(), NotStored>, StoreError> {
        subscriptions::replace(&self.db, before, after, url_use).await
    }

    async fn switch_on_webhook(
        &self,
        before: &Webhook,
        from: ResumeFrom,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        subscriptions::switch_on(&self.db, before, from, now).await
    }

    async fn move_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        position: i64,
    ) -> Result<bool, StoreError> {
        let moved = self.db.transaction(async |transaction| {
            progress::move_to(transaction, account, id, position).await
        });
        moved.await
    }

    async fn delete_webhook(&self, account: AccountId, id: WebhookId) -> Result<bool, StoreError> {
        let deleted = subscriptions::delete(&self.db, account, id).await?;
        if deleted {
            deliveries::forget_of_webhook(&self.db, account, id).await?;
        }
        Ok(deleted)
    }

    async fn lease_webhooks(
        &self,
        holder: &str,
        formats: &[&str],
        term: Duration,
    ) -> Result<Vec<LeasedWebhook>, StoreError> {
        leases::lease(&self.db, holder, formats, term).await
    }

    async fn release_webhook(
        &self,
        holder: &str,
        account: AccountId,
        id: WebhookId,
    ) -> Result<(), StoreError> {
        leases::release(&self.db, holder, account, id).await
    }

    async fn save_progress(
        &self,
        holder: &str,
        change: ProgressChange,
    ) -> Result<bool, StoreError> {
        progress::save(&self.db, holder, &change).await
    }

    async fn add_delivery(
        &self,
        account: AccountId,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        deliveries::add_one(&self.db, account, delivery).await
    }

    async fn deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        deliveries::page(&self.db, account, webhook, before, limit).await
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<(), StoreError> {
        deliveries::forget(&self.db, before).await
    }
}
