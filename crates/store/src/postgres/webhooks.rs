//! Webhooks, how far they have come, and what was delivered.

use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::id::{AccountId, WebhookId};
use engine::store::{
    Delivery, LeasedWebhook, NotStored, ProgressChange, ResumeFrom, StoreError, UrlUse, Webhook,
    WebhookProgress, WebhookStore,
};

use super::PostgresStore;
use super::database::unbuilt;

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn create_webhook(
        &self,
        _webhook: &Webhook,
        _webhooks_max: usize,
        _url_use: UrlUse,
    ) -> Result<Result<Webhook, NotStored>, StoreError> {
        unbuilt()
    }

    async fn webhooks_of(&self, _account: AccountId) -> Result<Vec<Webhook>, StoreError> {
        unbuilt()
    }

    async fn webhook(
        &self,
        _account: AccountId,
        _id: WebhookId,
    ) -> Result<Option<(Webhook, WebhookProgress)>, StoreError> {
        unbuilt()
    }

    async fn replace_webhook(
        &self,
        _before: &Webhook,
        _after: &Webhook,
        _url_use: UrlUse,
    ) -> Result<Result<(), NotStored>, StoreError> {
        unbuilt()
    }

    async fn switch_on_webhook(
        &self,
        _before: &Webhook,
        _from: ResumeFrom,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        unbuilt()
    }

    async fn move_webhook(
        &self,
        _account: AccountId,
        _id: WebhookId,
        _position: i64,
    ) -> Result<bool, StoreError> {
        unbuilt()
    }

    async fn delete_webhook(
        &self,
        _account: AccountId,
        _id: WebhookId,
    ) -> Result<bool, StoreError> {
        unbuilt()
    }

    async fn lease_webhooks(
        &self,
        _holder: &str,
        _formats: &[&str],
        _term: Duration,
    ) -> Result<Vec<LeasedWebhook>, StoreError> {
        unbuilt()
    }

    async fn release_webhook(
        &self,
        _holder: &str,
        _account: AccountId,
        _id: WebhookId,
    ) -> Result<(), StoreError> {
        unbuilt()
    }

    async fn save_progress(
        &self,
        _holder: &str,
        _change: ProgressChange,
    ) -> Result<bool, StoreError> {
        unbuilt()
    }

    async fn add_delivery(
        &self,
        _account: AccountId,
        _delivery: &Delivery,
    ) -> Result<(), StoreError> {
        unbuilt()
    }

    async fn deliveries(
        &self,
        _account: AccountId,
        _webhook: WebhookId,
        _before: Option<i64>,
        _limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        unbuilt()
    }

    async fn forget_deliveries(&self, _before: Timestamp) -> Result<(), StoreError> {
        unbuilt()
    }
}
