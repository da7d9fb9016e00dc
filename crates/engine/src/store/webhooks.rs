//! What a store keeps of webhooks, and how it shares them out among the servers that push.

use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::id::{AccountId, ChatId, WebhookId};

use super::StoreError;

/// The part of a store that keeps webhooks. A webhook of another account does not exist.
#[async_trait]
pub trait WebhookStore: Send + Sync + 'static {
    /// Stores a new webhook under a new id (the one in `webhook` is ignored), unless its account has `webhooks_max`
    /// already, or its URL is another one's. It begins behind the newest entry of the log.
    async fn create_webhook(
        &self,
        webhook: &Webhook,
        webhooks_max: usize,
        url_use: UrlUse,
    ) -> Result<Result<Webhook, NotStored>, StoreError>;

    /// The webhooks of an account, by rising id.
    async fn webhooks_of(&self, account: AccountId) -> Result<Vec<Webhook>, StoreError>;

    /// One webhook and how far it has come.
    async fn webhook(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<Option<(Webhook, WebhookProgress)>, StoreError>;

    /// Stores `after` where `before` stands, unless something else stands there by now, or the URL is a new one and
    /// another webhook's.
    async fn replace_webhook(
        &self,
        before: &Webhook,
        after: &Webhook,
        url_use: UrlUse,
    ) -> Result<Result<(), NotStored>, StoreError>;

    /// Switches on a webhook that stands like `before`: what waits is attempted at once and counts as not attempted yet,
    /// and its health begins anew. False when it stands otherwise by now, and then nothing is stored.
    async fn switch_on_webhook(
        &self,
        before: &Webhook,
        from: ResumeFrom,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Puts a webhook behind the entry `position`, and drops what waits. False when it does not exist.
    async fn move_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        position: i64,
    ) -> Result<bool, StoreError>;

    /// Forgets a webhook with its delivery log. False when it does not exist.
    async fn delete_webhook(&self, account: AccountId, id: WebhookId) -> Result<bool, StoreError>;

    /// Takes the active webhooks in one of `formats` that nobody holds, and renews those that `holder` holds. Those of an
    /// account that is out of use are nobody's until it is in use again. All are `holder`'s for `term` from now on, by the
    /// clock of the store's machine; they are answered, by rising id.
    async fn lease_webhooks(
        &self,
        holder: &str,
        formats: &[&str],
        term: Duration,
    ) -> Result<Vec<LeasedWebhook>, StoreError>;

    /// Lets others take a webhook, if `holder` holds it.
    async fn release_webhook(
        &self,
        holder: &str,
        account: AccountId,
        id: WebhookId,
    ) -> Result<(), StoreError>;

    /// Saves how far a webhook has come, in one transaction with what was delivered. False when `holder` does not hold
    /// it any more, or when it was moved, switched on or switched off meanwhile; then nothing is stored.
    async fn save_progress(&self, holder: &str, change: ProgressChange)
    -> Result<bool, StoreError>;

    /// Adds to the delivery log of a webhook of `account`; the id in `delivery` is ignored.
    async fn add_delivery(&self, account: AccountId, delivery: &Delivery)
    -> Result<(), StoreError>;

    /// What was delivered to a webhook, newest first, with ids below `before`, at most `limit`.
    async fn deliveries(
        &self,
        account: AccountId,
        webhook: WebhookId,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Forgets what was delivered before `before`.
    async fn forget_deliveries(&self, before: Timestamp) -> Result<(), StoreError>;
}

/// How many webhooks of an account in one format may have the same URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlUse {
    /// Any number.
    Shared,
    /// One.
    Sole,
}

/// Why a webhook was not stored. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// The account has as many as it may have.
    TooMany,
    /// Another one has its URL, which may be one's only.
    UrlTaken,
    /// It was changed or deleted meanwhile.
    Outdated,
}

/// A webhook that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// Its [`WebhookProgress::revision`].
    pub revision: i64,
}

/// Where a webhook that is switched on goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeFrom {
    /// Where it stopped, with what waits.
    Position,
    /// Behind the newest entry of the log.
    Newest,
}

/// A subscription of an account to its log, by pushes to a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Which.
    pub id: WebhookId,
    /// Whose log.
    pub account: AccountId,
    /// In whose words it is told: `native`, `ozon`, `yandex-market`.
    pub format: String,
    /// Where to, an absolute http or https URL.
    pub url: String,
    /// Whether the URL is taken as it is, where a format would add to its path.
    pub url_is_exact: bool,
    /// For people.
    pub name: String,
    /// The types of pushes that are wanted, in the format's words; empty for all.
    pub types: Vec<String>,
    /// With what pushes are signed, in formats that sign.
    pub secret: [u8; 32],
    /// What signed before, and until when it still does beside the new one.
    pub previous_secret: Option<([u8; 32], Timestamp)>,
    /// Whether it is pushed to.
    pub state: WebhookState,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Webhook {
    /// Whether pushes of the type `push_type` are wanted.
    pub fn wants(&self, push_type: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|wanted| wanted == push_type)
    }
}

/// Whether a webhook is pushed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookState {
    /// It is.
    Active,
    /// Not until its owner wants it again. Its position stays.
    Paused,
    /// Not until it is confirmed again: its receiver did not answer as it should.
    SwitchedOff,
}

/// How far a webhook has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookProgress {
    /// Another one each time that the webhook is moved, switched on or switched off: what was read before is then
    /// outdated.
    pub revision: i64,
    /// Every entry up to this sequence was taken up: it is settled, or among [`Self::waiting`].
    pub position: i64,
    /// Entries that were taken up and are not settled, by rising sequence.
    pub waiting: Vec<WaitingPush>,
    /// How its receiver does.
    pub health: WebhookHealth,
}

/// How the receiver of a webhook does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookHealth {
    /// When the first push failed, if none was accepted since.
    pub failing_since: Option<Timestamp>,
    /// Whether the receiver could be reached since then.
    pub was_reached: bool,
    /// Whether the account was told that its webhook fails.
    pub has_alarmed: bool,
    /// When it was asked last whether it listens.
    pub pinged_at: Timestamp,
    /// Since when attempts are counted.
    pub counted_since: Timestamp,
    /// How many attempts there were.
    pub attempts: u32,
    /// How many of them were answered with status 200.
    pub answered_200: u32,
}

impl WebhookHealth {
    /// The health of a receiver that has answered a ping, or of which nothing is known, at `now`.
    pub fn unknown(now: Timestamp) -> Self {
        Self {
            failing_since: None,
            was_reached: false,
            has_alarmed: false,
            pinged_at: now,
            counted_since: now,
            attempts: 0,
            answered_200: 0,
        }
    }
}

/// What has come of some pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressChange {
    /// Whose webhook.
    pub account: AccountId,
    /// Which.
    pub webhook: WebhookId,
    /// The [`WebhookProgress::revision`] that all this is based on.
    pub revision: i64,
    /// As [`WebhookProgress::position`].
    pub position: i64,
    /// As [`WebhookProgress::health`].
    pub health: WebhookHealth,
    /// What waits from now on, or waits otherwise than before.
    pub waiting: Vec<WaitingPush>,
    /// The sequences that wait no more.
    pub settled: Vec<i64>,
    /// For the delivery log; the ids are ignored.
    pub deliveries: Vec<Delivery>,
    /// Whether the webhook is switched off, and so is nobody's any more.
    pub switches_off: bool,
}

/// An entry that was taken up and is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingPush {
    /// Its place in the log.
    pub sequence: i64,
    /// Where it happened.
    pub chat: Option<ChatId>,
    /// How often it was attempted. 0 for an entry that waits for another one of its chat.
    pub attempts: u32,
    /// When to attempt it again; never before those that it waits for.
    pub next_attempt_at: Timestamp,
}

/// One attempt to push, as the delivery log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Rises with every attempt of the server.
    pub id: i64,
    /// To which webhook.
    pub webhook: WebhookId,
    /// Of which entry; none for a ping, and for a line that tells of no attempt.
    pub sequence: Option<i64>,
    /// The type of the push, in the format's words.
    pub kind: String,
    /// The how many-th attempt, from 1; 0 for a line that tells of something else, such as why a webhook was switched off.
    pub attempt: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What came of it.
    pub outcome: DeliveryOutcome,
    /// Why it failed, in the format's words, or what else the line tells; empty for an attempt that did not fail.
    pub reason: String,
    /// The first 1,024 bytes of the answer's body, as text; what is no UTF-8 is replaced, and so is U+0000.
    pub response: String,
}

/// What came of an attempt to push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver has it.
    Accepted,
    /// The receiver did not want it; it is not repeated.
    Declined,
    /// It is repeated.
    Failed,
    /// It was the last attempt.
    Dropped,
}
