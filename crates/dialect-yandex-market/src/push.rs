//! API notifications: what a seller's server is told of chats (contract §8).

mod reply;

use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{Context, Side};
use domain::event::EntryKind;
use domain::{SignedDuration, Timestamp};
use engine::access::Caller;
use engine::store::{LogEntry, Webhook};
use engine::{Engine, EngineError};
use serde_json::{Value, json};
use webhooks::{Answer, GiveUp, Order, Purpose, Push, PushFormat, Standing, Unanswered, Verdict};

/// The name of the format.
pub const PUSH_FORMAT: &str = "yandex-market";

const PING: &str = "PING";
const CHAT_CREATED: &str = "CHAT_CREATED";
const CHAT_MESSAGE_SENT: &str = "CHAT_MESSAGE_SENT";
const CHAT_ARBITRAGE_STARTED: &str = "CHAT_ARBITRAGE_STARTED";
const CHAT_ARBITRAGE_FINISHED: &str = "CHAT_ARBITRAGE_FINISHED";

/// After so long a time of failing the account is told. The wire has no such warning.
const ALARM_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// After so long a time of failing a subscription is switched off (contract §8.4).
const SWITCHED_OFF_AFTER: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How this wire pushes.
pub fn push_format(engine: &Engine) -> impl PushFormat + use<> {
    Notifications { engine: engine.clone() }
}

struct Notifications {
    engine: Engine,
}

#[async_trait]
impl PushFormat for Notifications {
    fn name(&self) -> &'static str {
        PUSH_FORMAT
    }

    fn types(&self) -> &'static [&'static str] {
        &[CHAT_CREATED, CHAT_MESSAGE_SENT, CHAT_ARBITRAGE_STARTED, CHAT_ARBITRAGE_FINISHED]
    }

    /// Every message is told of, whoever wrote it; neither its text nor its author is (contract §8.2, §9 row 39).
    async fn render(
        &self,
        webhook: &Webhook,
        logged: &LogEntry,
    ) -> Result<Option<Push>, EngineError> {
        let entry = &logged.entry;
        let Some((kind, time_field)) = type_of(entry.kind) else { return Ok(None) };
        if !webhook.wants(kind) {
            return Ok(None);
        }
        let Some(id) = entry.chat else { return Ok(None) };
        let caller = Caller::account_holder(webhook.account);
        let chats = self.engine.chats(&caller, &[id]).await?;
        let Some(chat) = chats.get(&id) else { return Ok(None) };
        let sells = chat.seat(Side::Seller).account == webhook.account;
        if !sells || (is_about_dispute(kind) && is_direct(chat.context)) {
            return Ok(None);
        }
        let mut body = json!({
            "notificationType": kind,
            "businessId": webhook.account.get(),
            "chatId": id.get(),
        });
        body[time_field] = json!(utc(entry.at));
        if let (CHAT_MESSAGE_SENT, Some(message)) = (kind, entry.message) {
            // Here alone it is a string.
            body["messageId"] = json!(message.to_string());
        }
        Ok(Some(notification(kind, &body)))
    }

    fn ping(&self, _webhook: &Webhook, now: Timestamp) -> Push {
        notification(PING, &json!({"notificationType": PING, "time": utc(now)}))
    }

    fn judge(&self, _purpose: Purpose, answer: &Answer) -> Verdict {
        reply::judge(answer)
    }

    fn unanswered(&self, why: Unanswered) -> &'static str {
        reply::unanswered(why)
    }

    /// Contract §8.3.
    fn answer_time_max(&self, purpose: Purpose) -> Duration {
        match purpose {
            Purpose::Ping => Duration::from_secs(1),
            Purpose::Event => Duration::from_secs(10),
        }
    }

    /// A notification that fails holds back the later ones of its subscription (contract §8.4, §9 row 41).
    fn order(&self) -> Order {
        Order::PerWebhook
    }

    fn is_confirmed_by_ping(&self) -> bool {
        true
    }

    /// Contract §8.4.
    fn retry_after(&self, _attempts: u32, failing_for: SignedDuration) -> Option<SignedDuration> {
        let minutes = match failing_for.as_hours() {
            ..1 => 1,
            1..24 => 15,
            24.. => 60,
        };
        Some(SignedDuration::from_mins(minutes))
    }

    fn give_up(&self, standing: &Standing) -> GiveUp {
        let reason = "a notification was not delivered for 14 days";
        standing.give_up_after(ALARM_AFTER, SWITCHED_OFF_AFTER, reason)
    }

    /// What is queued is dropped, and nothing new is kept (contract §8.4).
    fn forgets_while_switched_off(&self) -> bool {
        true
    }
}

/// The type of what is told of an entry, and the name of its time.
fn type_of(kind: EntryKind) -> Option<(&'static str, &'static str)> {
    match kind {
        EntryKind::ChatOpened => Some((CHAT_CREATED, "createdAt")),
        EntryKind::MessageCreated => Some((CHAT_MESSAGE_SENT, "sentAt")),
        EntryKind::DisputeStarted => Some((CHAT_ARBITRAGE_STARTED, "startedAt")),
        EntryKind::DisputeEnded => Some((CHAT_ARBITRAGE_FINISHED, "finishedAt")),
        EntryKind::MessageUpdated
        | EntryKind::ChatRead
        | EntryKind::ChatDelivered
        | EntryKind::ChatTurnChanged
        | EntryKind::ChatClosed
        | EntryKind::ChatReopened
        | EntryKind::ChatHidden
        | EntryKind::ChatShown
        | EntryKind::ChatBlocked
        | EntryKind::ChatUnblocked
        | EntryKind::WebhookFailing
        | EntryKind::WebhookSwitchedOff => None,
    }
}

fn is_about_dispute(kind: &str) -> bool {
    matches!(kind, CHAT_ARBITRAGE_STARTED | CHAT_ARBITRAGE_FINISHED)
}

/// Whether the wire calls a chat about this `DIRECT`, of whose disputes nothing is told (contract §8.2).
fn is_direct(context: Context) -> bool {
    match context {
        Context::Product(_) | Context::None => true,
        Context::Order(_) | Context::Return(_) => false,
    }
}

/// `2026-11-21T10:40:00.512Z` (contract §8.2).
fn utc(at: Timestamp) -> String {
    format!("{at:.3}")
}

fn notification(kind: &'static str, body: &Value) -> Push {
    Push { path: "/notification", ..Push::json(kind, body.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_end_in_z_and_have_three_digits() {
        for (at, text) in [
            ("2026-11-21T10:40:00.5129Z", "2026-11-21T10:40:00.512Z"),
            ("2026-11-23T15:00:00+03:00", "2026-11-23T12:00:00.000Z"),
        ] {
            assert_eq!(utc(at.parse().unwrap()), text);
        }
    }
}
