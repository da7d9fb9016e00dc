//! Pushes: what a seller's program is told unasked, which answer is a yes, and how long Ozon's patience lasts (Ozon
//! contract §9, §11.20).

pub(crate) mod answer;
mod body;
pub(crate) mod types;

use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{ActingAs, Actor};
use domain::id::AccountId;
use domain::{SignedDuration, Timestamp};
use engine::access::Caller;
use engine::store::{LogEntry, UrlUse, Webhook};
use engine::{Engine, EngineError};
use webhooks::{
    Answer, GiveUp, Order, Purpose, Push, PushFormat, Standing, Unanswered, Verdict,
    scheduled_repeat,
};

use answer::CheckFailure;
use body::News;

/// The name of the format.
pub const PUSH_FORMAT: &str = "ozon";

/// How long a receiver may take (Ozon contract §9.4).
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// When a push is repeated, in seconds after the attempt before: the interval grows to ten minutes, and after five more
/// repeats at that interval the push is dropped (Ozon contract §9.4, §11.20).
const REPEATS_AFTER_SECONDS: [i64; 13] =
    [5, 10, 20, 40, 80, 160, 320, 600, 600, 600, 600, 600, 600];

/// From the first attempt of a push to its last.
const WHOLE_SCHEDULE: SignedDuration = SignedDuration::from_secs(4235);

/// After so long without an attempt that reached the receiver its account is told.
const ALARM_WHEN_UNREACHABLE_FOR: SignedDuration = SignedDuration::from_mins(10);

/// "From time to time" (Ozon contract §9.1).
const PING_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// After so long without an accepted push all are suspended (Ozon contract §9.4).
const ERRORS_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The share of answers that must be 200 (Ozon contract §9.4) says something once there were so many attempts. Fewer
/// would suspend a busy seller's receiver for a restart.
const ATTEMPTS_JUDGED_MIN: u64 = 50;

/// How this wire pushes.
pub fn push_format(engine: &Engine) -> impl PushFormat + use<> {
    OzonPush { engine: engine.clone() }
}

struct OzonPush {
    engine: Engine,
}

#[async_trait]
impl PushFormat for OzonPush {
    fn name(&self) -> &'static str {
        PUSH_FORMAT
    }

    fn types(&self) -> &'static [&'static str] {
        &types::NAMES
    }

    async fn render(
        &self,
        webhook: &Webhook,
        logged: &LogEntry,
    ) -> Result<Option<Push>, EngineError> {
        let Some(news) = News::of(&logged.entry) else { return Ok(None) };
        let push_type = news.push_type();
        if !webhook.wants(push_type) {
            return Ok(None);
        }
        let scene = self.engine.scene_of_entry(&seller(webhook.account), &logged.entry).await?;
        let body = scene.and_then(|(chat, message)| {
            news.body(&chat, message.as_ref(), self.engine.public_url())
        });
        let Some(body) = body else { return Ok(None) };
        let body = serde_json::to_vec(&body).map_err(|_| EngineError::Internal)?;
        Ok(Some(Push::json(push_type, body)))
    }

    fn ping(&self, _webhook: &Webhook, now: Timestamp) -> Push {
        Push::json(types::PING, body::ping(now))
    }

    fn judge(&self, purpose: Purpose, answer: &Answer) -> Verdict {
        match purpose {
            Purpose::Ping => answer::to_ping(answer),
            Purpose::Event => answer::to_event(answer),
        }
    }

    fn unanswered(&self, why: Unanswered) -> &'static str {
        CheckFailure::of_unanswered(why).name()
    }

    fn answer_time_max(&self, _purpose: Purpose) -> Duration {
        ANSWER_TIME_MAX
    }

    fn order(&self) -> Order {
        Order::PerChat
    }

    /// An address is set once.
    fn url_use(&self) -> UrlUse {
        UrlUse::Sole
    }

    fn is_confirmed_by_ping(&self) -> bool {
        true
    }

    fn ping_interval(&self) -> Option<SignedDuration> {
        Some(PING_INTERVAL)
    }

    fn retry_after(&self, attempts: u32, _failing_for: SignedDuration) -> Option<SignedDuration> {
        scheduled_repeat(&REPEATS_AFTER_SECONDS, attempts)
    }

    fn give_up(&self, standing: &Standing) -> GiveUp {
        give_up(standing)
    }
}

/// Any of three ends it (Ozon contract §9.4), and each is announced before.
fn give_up(standing: &Standing) -> GiveUp {
    let &Standing { failing_for, dropped, unreachable, attempts, answered_200 } = standing;
    let (attempts, good) = (u64::from(attempts), u64::from(answered_200));
    if ERRORS_MAX <= failing_for {
        return GiveUp::Now { reason: "no push was accepted for 24 hours" };
    }
    // A message that alone makes its receiver hang is dropped, and the others go on.
    if unreachable && dropped && WHOLE_SCHEDULE <= failing_for {
        let reason =
            "the receiver was not reached, or took longer than 5 seconds, until a push was dropped";
        return GiveUp::Now { reason };
    }
    // Who cannot be reached at all has not answered anything; that is the second rule's business.
    if !unreachable && ATTEMPTS_JUDGED_MIN <= attempts && good * 2 < attempts {
        return GiveUp::Now { reason: "fewer than half of the answers had status 200" };
    }

    let is_long = ERRORS_MAX / 2 <= failing_for;
    let is_away = unreachable && ALARM_WHEN_UNREACHABLE_FOR <= failing_for;
    // Less than 60 %: no run of failures leads from there past the half unannounced.
    let is_poor = ATTEMPTS_JUDGED_MIN / 2 <= attempts && good * 5 < attempts * 3;
    if is_long || is_away || is_poor { GiveUp::Soon } else { GiveUp::No }
}

/// Whose log is pushed. This wire knows sellers only: what the account does as a buyer is not told.
fn seller(account: AccountId) -> Caller {
    Caller { actor: Actor { account, member: None, acting_as: ActingAs::Seller }, shops: None }
}

#[cfg(test)]
mod tests;
