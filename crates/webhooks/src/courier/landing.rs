//! What follows from an errand: repeats, alarms, the end.

use domain::SignedDuration;
use domain::commands::RaiseAlarm;
use domain::event::WebhookAlarm;
use domain::time::later;
use engine::EngineError;
use engine::store::WaitingPush;
use tokio::time::Instant;

use super::errand::{Landed, Outcome};
use super::{Courier, UNHURRIED_SAVE};
use crate::attempt::Attempt;
use crate::format::{GiveUp, Verdict};
use crate::health;
use crate::lanes::Lanes;

/// After so long it is tried again to put an entry into words that could not be.
const UNSPEAKABLE_REST: SignedDuration = SignedDuration::from_mins(1);

/// Why a webhook is switched off.
#[derive(Clone, Copy)]
pub(super) enum Surrender {
    /// The receiver wants nothing any more.
    Gone,
    /// The format has lost its patience.
    Failing(&'static str),
}

impl Courier {
    /// Notes what has come of an errand.
    pub(super) async fn land(&mut self, landed: Landed) {
        match landed {
            Landed::Ping(attempt) => {
                self.is_pinging = false;
                self.health = health::after_ping(self.health, &attempt, self.lanes.is_failing());
                self.deliveries.push(attempt.ping_delivery(self.webhook.id));
                self.save_at = Some(Instant::now());
                self.judge(&attempt, false).await;
            }
            Landed::Push(push, outcome) => match outcome {
                Outcome::Attempted(attempt) => self.land_attempt(push, &attempt).await,
                Outcome::Unspoken => {
                    self.settle(&push);
                    self.save_at.get_or_insert(Instant::now() + UNHURRIED_SAVE);
                }
                Outcome::Forgotten => {
                    self.settle(&push);
                    self.note(format!("entry {} is no longer kept", push.sequence));
                }
                Outcome::Prevented(error) => self.land_prevented(push, &error),
            },
        }
    }

    /// Notes that an entry could not be put into words. Where the entry itself is the reason, its chat waits, not the others.
    fn land_prevented(&mut self, push: WaitingPush, error: &EngineError) {
        match error {
            EngineError::Overloaded | EngineError::Unavailable | EngineError::OutcomeUnknown => {
                self.lanes.put_back(push);
                self.rest(error);
            }
            EngineError::NotFound(_) | EngineError::Refused(_) | EngineError::Internal => {
                let (webhook, sequence) = (self.webhook.id.get(), push.sequence);
                let error = error as &dyn std::error::Error;
                tracing::error!(error, webhook, sequence, "an entry cannot be pushed");
                let now = self.engine().now();
                let next_attempt_at = later(now, UNSPEAKABLE_REST);
                let attempts = push.attempts.saturating_add(1);
                self.lanes.put_back(WaitingPush { attempts, next_attempt_at, ..push });
                self.reached = self.reached.max(sequence);
                self.save_at = Some(Instant::now());
            }
        }
    }

    async fn land_attempt(&mut self, push: WaitingPush, attempt: &Attempt) {
        self.health = health::after(self.health, attempt);
        let attempts = push.attempts.saturating_add(1);
        let repeat_after = match attempt.verdict {
            Verdict::Accepted | Verdict::Declined { .. } => None,
            Verdict::Failed { .. } => {
                let failing_for = health::failing_for(&self.health, attempt.at);
                self.given.format.retry_after(attempts, failing_for)
            }
            // Whoever switches the webhook on again wants it.
            Verdict::Gone => Some(SignedDuration::ZERO),
        };
        match repeat_after {
            Some(after) => {
                let next_attempt_at = later(attempt.at, after);
                self.reached = self.reached.max(push.sequence);
                self.lanes.put_back(WaitingPush { attempts, next_attempt_at, ..push });
            }
            None => self.settle(&push),
        }
        let sequence = Some(push.sequence);
        let is_dropped = repeat_after.is_none();
        self.deliveries.push(attempt.delivery(self.webhook.id, sequence, attempts, is_dropped));
        self.save_at = Some(Instant::now());
        self.judge(attempt, is_dropped).await;
    }

    fn settle(&mut self, push: &WaitingPush) {
        self.lanes.settle(push);
        self.reached = self.reached.max(push.sequence);
    }

    /// Asks the format whether to go on after an attempt.
    async fn judge(&mut self, attempt: &Attempt, is_dropped: bool) {
        match attempt.verdict {
            Verdict::Accepted | Verdict::Declined { .. } => {}
            Verdict::Gone => self.given_up = Some(Surrender::Gone),
            Verdict::Failed { .. } => {
                let standing = health::standing(&self.health, self.engine().now(), is_dropped);
                match self.given.format.give_up(&standing) {
                    GiveUp::No => {}
                    GiveUp::Soon => {
                        if let Err(error) = self.warn().await {
                            self.rest(&error);
                        }
                    }
                    GiveUp::Now { reason } => self.given_up = Some(Surrender::Failing(reason)),
                }
            }
        }
    }

    /// Tells the account that its webhook fails, unless it knows.
    pub(super) async fn warn(&mut self) -> Result<(), EngineError> {
        if !self.health.has_alarmed {
            self.alarm(WebhookAlarm::Failing).await?;
            self.health.has_alarmed = true;
            self.save_at = Some(Instant::now());
        }
        Ok(())
    }

    async fn alarm(&self, alarm: WebhookAlarm) -> Result<(), EngineError> {
        let (account, webhook) = (self.webhook.account, self.webhook.id);
        self.engine().raise_alarm(RaiseAlarm { account, webhook, alarm }).await
    }

    /// Gives the webhook up. The account is told before and when it happens.
    pub(super) async fn switch_off(&mut self) -> Result<(), EngineError> {
        let reason = match self.given_up {
            Some(Surrender::Gone) | None => "the receiver wants no more pushes",
            Some(Surrender::Failing(reason)) => {
                self.warn().await?;
                reason
            }
        };
        self.alarm(WebhookAlarm::SwitchedOff).await?;
        self.note(format!("switched off: {reason}"));
        tracing::info!(webhook = self.webhook.id.get(), reason, "a webhook is switched off");
        if self.given.format.forgets_while_switched_off() {
            self.lanes = Lanes::new(self.given.format.order());
        }
        // Whether it was saved or somebody was faster, this courier is done.
        self.save(true).await?;
        Ok(())
    }
}
