//! One attempt to push, and what came of it.

use std::time::{Duration, Instant};

use domain::Timestamp;
use domain::id::WebhookId;
use engine::store::{Delivery, DeliveryOutcome, Webhook};

use crate::client::PushClient;
use crate::format::{Purpose, Push, PushFormat, Unanswered, Verdict};
use crate::target::Target;

/// So much of an answer's body is kept, in bytes.
const KEPT_RESPONSE_BYTES: usize = 1024;

/// An attempt to push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The type of the push, in the format's words.
    pub kind: &'static str,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What the format thinks of it.
    pub verdict: Verdict,
    /// The first 1,024 bytes of the answer's body, as text; what is no UTF-8 is replaced.
    pub response: String,
}

impl Attempt {
    /// Whether the receiver has it.
    pub fn is_accepted(&self) -> bool {
        self.verdict == Verdict::Accepted
    }

    /// Why it failed, in the format's words; empty when it did not.
    pub fn reason(&self) -> &'static str {
        match self.verdict {
            Verdict::Accepted => "",
            Verdict::Declined { reason } | Verdict::Failed { reason } => reason,
            Verdict::Gone => "the receiver wants no more pushes",
        }
    }

    /// How the delivery log keeps a ping of `webhook`, which belongs to no entry and is not repeated.
    pub fn ping_delivery(&self, webhook: WebhookId) -> Delivery {
        self.delivery(webhook, None, 1, false)
    }

    /// How the delivery log keeps it, as the `number`-th attempt for the entry `sequence`. Whoever drops the push says so.
    pub(crate) fn delivery(
        &self,
        webhook: WebhookId,
        sequence: Option<i64>,
        number: u32,
        is_dropped: bool,
    ) -> Delivery {
        let outcome = match self.verdict {
            Verdict::Accepted => DeliveryOutcome::Accepted,
            Verdict::Declined { .. } => DeliveryOutcome::Declined,
            Verdict::Failed { .. } | Verdict::Gone if is_dropped => DeliveryOutcome::Dropped,
            Verdict::Failed { .. } | Verdict::Gone => DeliveryOutcome::Failed,
        };
        Delivery {
            id: 0,
            webhook,
            sequence,
            kind: self.kind.to_owned(),
            attempt: number,
            at: self.at,
            duration_ms: i64::try_from(self.duration.as_millis()).unwrap_or(i64::MAX),
            status: self.status,
            outcome,
            reason: self.reason().to_owned(),
            response: self.response.clone(),
        }
    }
}

/// Pushes once, at `now`.
pub(crate) async fn attempt(
    client: &PushClient,
    format: &dyn PushFormat,
    webhook: &Webhook,
    purpose: Purpose,
    push: &Push,
    now: Timestamp,
) -> Attempt {
    let path = if webhook.url_is_exact { "" } else { push.path };
    let begun = Instant::now();
    let answer = match Target::parse(&webhook.url) {
        Ok(target) => client.post(&target, path, push, format.answer_time_max(purpose)).await,
        // It was one when it was stored.
        Err(_) => Err(Unanswered::NoConnection),
    };
    let duration = begun.elapsed();
    match answer {
        Ok(answer) => {
            let kept = &answer.body[..answer.body.len().min(KEPT_RESPONSE_BYTES)];
            // No store has to be able to keep U+0000.
            let response = String::from_utf8_lossy(kept).replace('\0', "\u{FFFD}");
            Attempt {
                kind: push.kind,
                at: now,
                duration,
                status: Some(answer.status.as_u16()),
                verdict: format.judge(purpose, &answer),
                response,
            }
        }
        Err(why) => Attempt {
            kind: push.kind,
            at: now,
            duration,
            status: None,
            verdict: Verdict::Failed { reason: format.unanswered(why) },
            response: String::new(),
        },
    }
}
