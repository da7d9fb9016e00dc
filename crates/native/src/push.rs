//! Pushes of this API: an entry of the log as the API shows it, signed by Standard Webhooks 1.0.

use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64;
use domain::{SignedDuration, Timestamp};
use engine::access::Caller;
use engine::links::keyed;
use engine::store::{LogEntry, Webhook};
use engine::{Engine, EngineError};
use hmac::Mac as _;
use http::{HeaderName, HeaderValue};
use serde_json::json;
use webhooks::{
    Answer, GiveUp, Order, Purpose, Push, PushFormat, Standing, Verdict, scheduled_repeat,
};

use crate::names::EventKind;
use crate::values::Time;
use crate::views::{EventView, ShownEvent};

/// The name of the format.
pub const PUSH_FORMAT: &str = "native";

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The type of a ping.
const PING: &str = "webhook.ping";

/// After how many seconds a push is repeated the first time, the second time, and so on.
const FIRST_REPEATS_AFTER_SECONDS: [i64; 5] = [5, 30, 2 * 60, 10 * 60, 30 * 60];
const LATER_REPEATS_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// After so long a time of failing the account is told.
const ALARM_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// After so long a time of failing a webhook is switched off.
const SWITCHED_OFF_AFTER: SignedDuration = SignedDuration::from_hours(5 * 24);

/// How this API pushes.
pub fn push_format(engine: &Engine) -> impl PushFormat + use<> {
    NativePush { engine: engine.clone() }
}

/// A secret as receivers know it: `whsec_` and base64.
pub(crate) fn shown_secret(secret: &[u8; 32]) -> String {
    format!("whsec_{}", BASE64.encode(secret))
}

struct NativePush {
    engine: Engine,
}

#[async_trait]
impl PushFormat for NativePush {
    fn name(&self) -> &'static str {
        PUSH_FORMAT
    }

    fn types(&self) -> &'static [&'static str] {
        EventKind::NAMES
    }

    async fn render(
        &self,
        webhook: &Webhook,
        logged: &LogEntry,
    ) -> Result<Option<Push>, EngineError> {
        let kind = EventKind::from(logged.entry.kind).name();
        if !webhook.wants(kind) {
            return Ok(None);
        }
        let caller = Caller::account_holder(webhook.account);
        let shown =
            EventView::all(&self.engine, &caller, std::slice::from_ref(logged), &[]).await?;
        // What a push brings was not delivered by it.
        let Some(ShownEvent { view, delivery: _ }) = shown.first() else { return Ok(None) };
        // The same for every attempt, so that a receiver can tell a repeat.
        let id = format!("event_{}_{}", webhook.id, logged.sequence);
        let body = serde_json::to_vec(view).map_err(|_| EngineError::Internal)?;
        Ok(Some(signed(webhook, kind, &id, body, self.engine.now())))
    }

    fn ping(&self, webhook: &Webhook, now: Timestamp) -> Push {
        let id = format!("ping_{}_{}", webhook.id, now.as_microsecond());
        let body = json!({"kind": PING, "webhook_id": webhook.id.get(), "at": Time(now)});
        signed(webhook, PING, &id, body.to_string().into_bytes(), now)
    }

    fn judge(&self, _purpose: Purpose, answer: &Answer) -> Verdict {
        let status = answer.status;
        if status.is_success() {
            return Verdict::Accepted;
        }
        if status == http::StatusCode::GONE {
            return Verdict::Gone;
        }
        let reason = if status.is_redirection() {
            "a redirect, which is not followed"
        } else if status.is_client_error() {
            "the receiver refused it"
        } else {
            "the receiver failed"
        };
        Verdict::Failed { reason }
    }

    fn answer_time_max(&self, _purpose: Purpose) -> Duration {
        Duration::from_secs(15)
    }

    fn signs(&self) -> bool {
        true
    }

    fn order(&self) -> Order {
        Order::PerChat
    }

    fn is_confirmed_by_ping(&self) -> bool {
        false
    }

    /// No push is ever dropped.
    fn retry_after(&self, attempts: u32, _failing_for: SignedDuration) -> Option<SignedDuration> {
        scheduled_repeat(&FIRST_REPEATS_AFTER_SECONDS, attempts).or(Some(LATER_REPEATS_AFTER))
    }

    fn give_up(&self, standing: &Standing) -> GiveUp {
        let reason = "no push was accepted for five days";
        standing.give_up_after(ALARM_AFTER, SWITCHED_OFF_AFTER, reason)
    }
}

/// A push with its signatures. While a secret is being replaced there are two, the new one's first.
fn signed(webhook: &Webhook, kind: &'static str, id: &str, body: Vec<u8>, now: Timestamp) -> Push {
    let timestamp = now.as_second();
    let mut signatures = signature(webhook.secret, id, timestamp, &body);
    if let Some((previous, until)) = webhook.previous_secret
        && now < until
    {
        signatures.push(' ');
        signatures.push_str(&signature(previous, id, timestamp, &body));
    }
    let mut push = Push::json(kind, body);
    for (name, value) in [(ID, id), (TIMESTAMP, &timestamp.to_string()), (SIGNATURE, &signatures)] {
        // Ids, numbers and base64 fit into a header.
        push.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
    }
    push
}

/// The signature that a receiver computes too.
fn signature(secret: [u8; 32], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = keyed(secret);
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The vector's secret has 24 bytes. A key of HMAC is filled up with zeros, so that these 32 are the same key.
        let mut secret = [0; 32];
        secret[..24].copy_from_slice(&BASE64.decode(b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let made = signature(
            secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_shown_as_receivers_know_it() {
        let text = shown_secret(&[7; 32]);
        assert_eq!(text, "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
    }
}
