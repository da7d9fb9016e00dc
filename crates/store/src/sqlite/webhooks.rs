//! Webhooks, how far they have come, and what was delivered.

pub(super) mod deliveries;
pub(super) mod progress;
pub(super) mod subscriptions;

use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::id::{AccountId, WebhookId};
use engine::clock::{Clock as _, SystemClock};
use engine::store::{
    Delivery, LeasedWebhook, NotStored, ProgressChange, ResumeFrom, StoreError, UrlUse, Webhook,
    WebhookProgress, WebhookStore,
};
use rusqlite::Connection;

use super::SqliteStore;

/// So many deliveries are forgotten in one transaction: sends wait for each.
const FORGET_DELIVERIES: usize = 500;

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn create_webhook(
        &self,
        webhook: &Webhook,
        webhooks_max: usize,
        url_use: UrlUse,
    ) -> Result<Result<Webhook, NotStored>, StoreError> {
        let webhook = webhook.clone();
        let create =
            move |db: &Connection| subscriptions::create(db, webhook, webhooks_max, url_use);
        self.writer.transaction(create).await
    }

    async fn webhooks_of(&self, account: AccountId) -> Result<Vec<Webhook>, StoreError> {
        self.readers.read(move |db| subscriptions::of_account(db, account)).await
    }

    async fn webhook(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<Option<(Webhook, WebhookProgress)>, StoreError> {
        let read = move |db: &Connection| match subscriptions::by_id(db, account, id)? {
            Some(webhook) => Ok(progress::of(db, account, id)?.map(|progress| (webhook, progress))),
            None => Ok(None),
        };
        self.readers.read(read).await
    }

    async fn replace_webhook(
        &self,
        before: &Webhook,
        after: &Webhook,
        url_use: UrlUse,
    ) -> Result<Result<(), NotStored>, StoreError> {
        let (before, after) = (before.clone(), after.clone());
        let replace = move |db: &Connection| subscriptions::replace(db, &before, &after, url_use);
        self.writer.transaction(replace).await
    }

    async fn switch_on_webhook(
        &self,
        before: &Webhook,
        from: ResumeFrom,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let before = before.clone();
        self.writer.transaction(move |db| subscriptions::switch_on(db, before, from, now)).await
    }

    async fn move_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        position: i64,
    ) -> Result<bool, StoreError> {
        self.writer.transaction(move |db| progress::move_to(db, account, id, position)).await
    }

    async fn delete_webhook(&self, account: AccountId, id: WebhookId) -> Result<bool, StoreError> {
        let deleted =
            self.writer.transaction(move |db| subscriptions::delete(db, account, id)).await?;
        if deleted {
            let forget = move |db: &Connection| {
                deliveries::forget_of_webhook(db, account, id, FORGET_DELIVERIES)
            };
            while self.writer.transaction(forget).await? == FORGET_DELIVERIES {}
        }
        Ok(deleted)
    }

    async fn lease_webhooks(
        &self,
        holder: &str,
        formats: &[&str],
        term: Duration,
    ) -> Result<Vec<LeasedWebhook>, StoreError> {
        let holder = holder.to_owned();
        let formats: Vec<_> = formats.iter().map(|&format| format.to_owned()).collect();
        let lease = move |db: &Connection| {
            let now = SystemClock.now();
            let until = now.checked_add(term).unwrap_or(Timestamp::MAX);
            progress::lease(db, &holder, &formats, now, until)
        };
        self.writer.transaction(lease).await
    }

    async fn release_webhook(
        &self,
        holder: &str,
        account: AccountId,
        id: WebhookId,
    ) -> Result<(), StoreError> {
        let holder = holder.to_owned();
        self.writer.transaction(move |db| progress::release(db, &holder, account, id)).await
    }

    async fn save_progress(
        &self,
        holder: &str,
        change: ProgressChange,
    ) -> Result<bool, StoreError> {
        let holder = holder.to_owned();
        self.writer.transaction(move |db| progress::save(db, &holder, &change)).await
    }

    async fn add_delivery(
        &self,
        account: AccountId,
        delivery: &Delivery,
    ) -> Result<(), StoreError> {
        let delivery = delivery.clone();
        self.writer.transaction(move |db| deliveries::add(db, account, &delivery)).await
    }

    async fn deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.readers.read(move |db| deliveries::page(db, account, webhook, before, limit)).await
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<(), StoreError> {
        let forget = move |db: &Connection| deliveries::forget(db, before, FORGET_DELIVERIES);
        while self.writer.transaction(forget).await? == FORGET_DELIVERIES {}
        Ok(())
    }
}
