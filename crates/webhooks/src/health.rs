//! How a receiver does, from attempt to attempt.

use domain::{SignedDuration, Timestamp};
use engine::store::WebhookHealth;

use crate::attempt::Attempt;
use crate::format::{Standing, Verdict};

/// For so long attempts are counted together.
const COUNTED_TERM: SignedDuration = SignedDuration::from_hours(24);

/// `health` after one more attempt.
pub(crate) fn after(health: WebhookHealth, attempt: &Attempt) -> WebhookHealth {
    let mut health = health;
    if COUNTED_TERM <= attempt.at.duration_since(health.counted_since) {
        health =
            WebhookHealth { counted_since: attempt.at, attempts: 0, answered_200: 0, ..health };
    }
    health.attempts = health.attempts.saturating_add(1);
    if attempt.status == Some(200) {
        health.answered_200 = health.answered_200.saturating_add(1);
    }
    match attempt.verdict {
        // A receiver that declines has understood.
        Verdict::Accepted | Verdict::Declined { .. } => {
            WebhookHealth { failing_since: None, was_reached: false, has_alarmed: false, ..health }
        }
        Verdict::Failed { .. } | Verdict::Gone => WebhookHealth {
            failing_since: health.failing_since.or(Some(attempt.at)),
            was_reached: health.was_reached || attempt.status.is_some(),
            ..health
        },
    }
}

/// `health` after a ping, while pushes fail or while none does. A receiver that answers pings alone has not recovered.
pub(crate) fn after_ping(
    health: WebhookHealth,
    ping: &Attempt,
    pushes_fail: bool,
) -> WebhookHealth {
    let after = WebhookHealth { pinged_at: ping.at, ..after(health, ping) };
    if pushes_fail && ping.is_accepted() {
        let WebhookHealth { failing_since, has_alarmed, .. } = health;
        return WebhookHealth { failing_since, was_reached: true, has_alarmed, ..after };
    }
    after
}

/// For how long nothing was accepted at `now`.
pub(crate) fn failing_for(health: &WebhookHealth, now: Timestamp) -> SignedDuration {
    let failing_for = health.failing_since.map(|since| now.duration_since(since));
    failing_for.unwrap_or_default().max(SignedDuration::ZERO)
}

/// What a format is asked about after an attempt that failed; whether it was the last one for its push.
pub(crate) fn standing(health: &WebhookHealth, now: Timestamp, dropped: bool) -> Standing {
    Standing {
        failing_for: failing_for(health, now),
        dropped,
        unreachable: !health.was_reached,
        attempts: health.attempts,
        answered_200: health.answered_200,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour)
    }

    fn attempt(hour: i64, status: Option<u16>, verdict: Verdict) -> Attempt {
        let (kind, duration) = ("", Duration::ZERO);
        Attempt { kind, at: at(hour), duration, status, verdict, response: String::new() }
    }

    const FAILED: Verdict = Verdict::Failed { reason: "" };

    #[test]
    fn a_receiver_fails_from_the_first_failure_to_the_next_success() {
        let mut health = WebhookHealth::unknown(at(0));
        health = after(health, &attempt(1, None, FAILED));
        health = after(health, &attempt(3, None, FAILED));
        let expected = Standing {
            failing_for: SignedDuration::from_hours(3),
            dropped: true,
            unreachable: true,
            attempts: 2,
            answered_200: 0,
        };
        assert_eq!(standing(&health, at(4), true), expected);
        health = after(health, &attempt(5, Some(200), FAILED));
        assert!(!standing(&health, at(5), false).unreachable);
        health.has_alarmed = true;
        health = after(health, &attempt(6, Some(200), Verdict::Accepted));
        assert_eq!((health.failing_since, health.has_alarmed), (None, false));
        assert_eq!((health.attempts, health.answered_200), (4, 2));
        health = after(health, &attempt(7, None, FAILED));
        assert!(standing(&health, at(7), false).unreachable, "what was before is forgiven");
    }

    #[test]
    fn a_receiver_that_answers_pings_alone_has_not_recovered() {
        let mut health = after(WebhookHealth::unknown(at(0)), &attempt(1, None, FAILED));
        health.has_alarmed = true;
        let pong = attempt(2, Some(200), Verdict::Accepted);
        let failing = after_ping(health, &pong, true);
        let stands = |health: WebhookHealth| {
            (health.failing_since, health.was_reached, health.has_alarmed, health.pinged_at)
        };
        assert_eq!(stands(failing), (Some(at(1)), true, true, at(2)));
        assert_eq!((failing.attempts, failing.answered_200), (2, 1));
        // Nothing is waiting that failed.
        assert_eq!(stands(after_ping(health, &pong, false)), (None, false, false, at(2)));
        let unanswered =
            after_ping(WebhookHealth::unknown(at(0)), &attempt(1, None, FAILED), false);
        assert_eq!(stands(unanswered), (Some(at(1)), false, false, at(1)));
    }

    #[test]
    fn attempts_are_counted_for_a_day() {
        let mut health = WebhookHealth::unknown(at(0));
        health = after(health, &attempt(23, Some(200), Verdict::Accepted));
        health = after(health, &attempt(24, Some(500), FAILED));
        assert_eq!((health.attempts, health.answered_200), (1, 0));
        assert_eq!(health.counted_since, at(24));
    }
}
