//! What a store keeps of webhooks.

use domain::Timestamp;
use domain::id::{AccountId, ChatId, WebhookId};

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
    /// Every entry up to this sequence was taken up: it is settled, or among [`Self::waiting`].
    pub position: i64,
    /// Entries whose push has failed and is to be repeated, by rising sequence.
    pub waiting: Vec<WaitingPush>,
    /// When the first push failed, if none was accepted since.
    pub failing_since: Option<Timestamp>,
    /// Whether the receiver could be reached since then.
    pub was_reached: bool,
    /// Whether the account was told that its webhook fails.
    pub has_alarmed: bool,
    /// Since when attempts are counted.
    pub counted_since: Timestamp,
    /// How many attempts there were.
    pub attempts: u32,
    /// How many of them were answered with status 200.
    pub answered_200: u32,
}

/// An entry whose push is to be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingPush {
    /// Its place in the log.
    pub sequence: i64,
    /// Where it happened.
    pub chat: Option<ChatId>,
    /// How often it was attempted.
    pub attempts: u32,
    /// When to attempt it again.
    pub next_attempt_at: Timestamp,
}

/// One attempt to push, as the delivery log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Rises with every attempt of the server.
    pub id: i64,
    /// To which webhook.
    pub webhook: WebhookId,
    /// Of which entry; none for a ping.
    pub sequence: Option<i64>,
    /// The type of the push, in the format's words.
    pub kind: String,
    /// The how many-th attempt, from 1.
    pub attempt: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What came of it.
    pub outcome: DeliveryOutcome,
    /// Why it failed, in the format's words; empty when it did not.
    pub reason: String,
    /// The first 1,024 bytes of the answer's body, as text; what is no UTF-8 is replaced.
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
