//! Webhooks, and what was delivered to them.

use domain::id::WebhookId;
use engine::store::Delivery;
use serde::Serialize;
use utoipa::ToSchema;
use webhooks::{Attempt, WebhookReport};

use crate::names::{DeliveryOutcomeName, WebhookStateName};
use crate::values::Time;

/// A webhook and how it does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookView {
    id: i64,
    /// In whose words it is told.
    format: String,
    url: String,
    /// Whether the URL is called as it is, where the format would add to its path.
    exact_url: bool,
    name: String,
    /// The types of pushes that are wanted; empty for all.
    types: Vec<String>,
    state: WebhookStateName,
    created_at: Time,
    /// Until when pushes are signed with the secret before the present one too.
    previous_secret_until: Option<Time>,
    /// Every event up to this sequence was taken up: it is settled, or among those that wait.
    position: i64,
    /// The newest sequence of the account's log.
    newest: i64,
    /// How many events were not told yet, those included of which the format says nothing.
    lag: i64,
    /// How many events were taken up and wait for their first or next attempt.
    waiting: usize,
    /// When the first push failed, if none was accepted since.
    failing_since: Option<Time>,
    /// The oldest event that failed and waits to be repeated. If it never gets through, replay from the one behind it
    /// leaves it out.
    failing_sequence: Option<i64>,
    /// The latest attempt or note, pings included.
    last_delivery: Option<DeliveryView>,
}

/// An attempt to push, or a note of what was done instead: then `attempt` is 0, and `reason` says what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// When it began.
    at: Time,
    /// The type of the push, in the format's words; null for a note.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// The event that was pushed; null for a ping and for a note.
    sequence: Option<i64>,
    /// 1 for the first attempt, 0 for a note.
    attempt: u32,
    outcome: DeliveryOutcomeName,
    /// Why it was not accepted, in the format's words, or what a note says.
    reason: Option<String>,
    /// The status of the answer; null when there was none.
    status: Option<u16>,
    duration_ms: i64,
    /// The first 1,024 bytes of the answer's body.
    response: String,
}

impl WebhookView {
    pub(crate) fn of(report: WebhookReport) -> Self {
        let lag = report.lag();
        let failing_sequence = report.failing_sequence();
        let WebhookReport { webhook, progress, newest, last_delivery } = report;
        Self {
            id: webhook.id.get(),
            format: webhook.format,
            url: webhook.url,
            exact_url: webhook.url_is_exact,
            name: webhook.name,
            types: webhook.types,
            state: webhook.state.into(),
            created_at: Time(webhook.created_at),
            previous_secret_until: Time::of(webhook.previous_secret.map(|(_, until)| until)),
            position: progress.position,
            newest,
            lag,
            waiting: progress.waiting.len(),
            failing_since: Time::of(progress.health.failing_since),
            failing_sequence,
            last_delivery: last_delivery.map(DeliveryView::of),
        }
    }
}

impl DeliveryView {
    /// A ping, which belongs to no event and is not repeated.
    pub(crate) fn of_ping(attempt: &Attempt) -> Self {
        // Whose ping it was is not shown, and it may be that of a webhook that was not made.
        Self::of(attempt.ping_delivery(WebhookId::LARGEST))
    }

    pub(crate) fn of(delivery: Delivery) -> Self {
        let Delivery {
            id: _,
            webhook: _,
            sequence,
            kind,
            attempt,
            at,
            duration_ms,
            status,
            outcome,
            reason,
            response,
        } = delivery;
        Self {
            at: Time(at),
            kind: (!kind.is_empty()).then_some(kind),
            sequence,
            attempt,
            outcome: outcome.into(),
            reason: (!reason.is_empty()).then_some(reason),
            status,
            duration_ms,
            response,
        }
    }
}
