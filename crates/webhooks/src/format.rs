//! What differs between the wires that push: the words, the answers that are expected, the patience.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use domain::{SignedDuration, Timestamp};
use engine::EngineError;
use engine::store::{LogEntry, UrlUse, Webhook};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};

/// How one wire pushes. The sender asks it and never decides by itself.
#[async_trait]
pub trait PushFormat: Send + Sync + 'static {
    /// Its name, by which webhooks choose it: `native`, `ozon`, `yandex-market`.
    fn name(&self) -> &'static str;

    /// The types of pushes that a webhook can choose from, in the wire's words. A ping is none of them.
    fn types(&self) -> &'static [&'static str];

    /// What a receiver is told of an entry of the webhook's account; none when this wire says nothing of it, or when the
    /// webhook did not choose its type. Asked for each attempt anew, since some wires sign the time of the attempt.
    async fn render(
        &self,
        webhook: &Webhook,
        logged: &LogEntry,
    ) -> Result<Option<Push>, EngineError>;

    /// What a receiver is told to see whether it listens.
    fn ping(&self, webhook: &Webhook, now: Timestamp) -> Push;

    /// What to think of a receiver's answer.
    fn judge(&self, purpose: Purpose, answer: &Answer) -> Verdict;

    /// What to note when there was no answer to judge; the push is repeated.
    fn unanswered(&self, why: Unanswered) -> &'static str {
        why.in_plain_words()
    }

    /// How long a receiver may take to answer, connecting included. Always the same for a purpose.
    fn answer_time_max(&self, purpose: Purpose) -> Duration;

    /// Whether its pushes are signed with the webhook's secret.
    fn signs(&self) -> bool {
        false
    }

    /// What waits while a push fails.
    fn order(&self) -> Order;

    /// Whether an account may name a URL for one webhook only: with two, its receiver would be told everything twice.
    fn url_use(&self) -> UrlUse {
        UrlUse::Shared
    }

    /// Whether a URL is accepted, and switched on again, only after it has answered a ping.
    fn is_confirmed_by_ping(&self) -> bool;

    /// How often an active webhook is pinged unasked, so that a receiver that went away is known before there is
    /// something to tell it; none for never. Such a ping counts for the webhook's standing like a push, but its success does
    /// not make up for pushes that wait after they have failed.
    fn ping_interval(&self) -> Option<SignedDuration> {
        None
    }

    /// How long after its latest attempt a push is attempted again, when it has failed `attempts` times (at least once)
    /// and the webhook has been failing for `failing_for`; none when the push is dropped.
    fn retry_after(&self, attempts: u32, failing_for: SignedDuration) -> Option<SignedDuration>;

    /// Whether a webhook that stands like this is to be given up. Asked after each failed attempt.
    fn give_up(&self, standing: &Standing) -> GiveUp;

    /// Whether a webhook that was switched off loses what it was not told: it then goes on with what happens after it is
    /// switched on again. Otherwise it goes on where it stopped.
    fn forgets_while_switched_off(&self) -> bool {
        false
    }
}

/// Why a receiver is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To see whether it listens.
    Ping,
    /// To tell it of an entry.
    Event,
}

/// A request to a receiver. It is a `POST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The type of the push, in the wire's words: one of [`PushFormat::types`], or that of a ping.
    pub kind: &'static str,
    /// What is added to the path of a webhook's URL, unless the webhook's URL is exact; empty for nothing.
    pub path: &'static str,
    /// Headers besides those that every request has. `content-type` is among them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

impl Push {
    /// A push of a JSON body to the webhook's URL as it stands.
    pub fn json(kind: &'static str, body: impl Into<Bytes>) -> Self {
        let is_json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { kind, path: "", headers: vec![is_json], body: body.into() }
    }
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header `content-type`, if there is one that is text.
    pub content_type: Option<String>,
    /// The body, of which no more than 64 KiB are read.
    pub body: Bytes,
}

/// How a receiver that understands a format answers a push, from its body and the time at which it came.
pub type Receive = fn(body: &[u8], at: Timestamp) -> Answer;

impl Answer {
    /// A 200 with a JSON body.
    pub fn ok(json: String) -> Self {
        let content_type = Some("application/json".to_owned());
        Self { status: StatusCode::OK, content_type, body: Bytes::from(json) }
    }
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Accepted,
    /// The receiver wants neither this push nor a repeat of it.
    Declined {
        /// For the delivery log, in the wire's words.
        reason: &'static str,
    },
    /// It did not work; the push is repeated.
    Failed {
        /// For the delivery log, in the wire's words.
        reason: &'static str,
    },
    /// The receiver wants no pushes at all any more.
    Gone,
}

/// Why a receiver did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// There is no such host, or no connection to it came about.
    NoConnection,
    /// Connecting took too long.
    ConnectTimedOut,
    /// Connected, but there was no whole answer in time.
    AnswerTimedOut,
    /// Its certificate is not to be trusted, or it does not speak TLS.
    TlsFailed,
    /// Its address is a private one, to which nothing is pushed here.
    AddressNotAllowed,
    /// The connection broke, or what came is no HTTP.
    Broken,
}

impl Unanswered {
    /// For wires without words of their own.
    pub(crate) fn in_plain_words(self) -> &'static str {
        match self {
            Self::NoConnection => "no connection",
            Self::ConnectTimedOut => "connecting took too long",
            Self::AnswerTimedOut => "no answer in time",
            Self::TlsFailed => "TLS failed",
            Self::AddressNotAllowed => "the address is not allowed",
            Self::Broken => "the connection broke",
        }
    }
}

/// What waits while a push fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Later pushes of the same chat.
    PerChat,
    /// Every later push to the webhook.
    PerWebhook,
}

/// How a webhook has done lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// For how long no push was accepted, since the first one that failed.
    pub failing_for: SignedDuration,
    /// Whether the push that has just failed is dropped.
    pub dropped: bool,
    /// Whether the receiver could not be reached, or did not answer in time, in every attempt since then.
    pub unreachable: bool,
    /// How many attempts there were in the last 24 hours, or since the webhook was switched on.
    pub attempts: u32,
    /// How many of them were answered with status 200.
    pub answered_200: u32,
}

impl Standing {
    /// The rule of wires that look at the time only: tell the account after `alarm_after` of failing, end it for `reason`
    /// after `switched_off_after`.
    pub fn give_up_after(
        &self,
        alarm_after: SignedDuration,
        switched_off_after: SignedDuration,
        reason: &'static str,
    ) -> GiveUp {
        if switched_off_after <= self.failing_for {
            GiveUp::Now { reason }
        } else if alarm_after <= self.failing_for {
            GiveUp::Soon
        } else {
            GiveUp::No
        }
    }
}

/// Whether to go on with a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveUp {
    /// Go on.
    No,
    /// Go on, and tell the account that it will end if nothing changes.
    Soon,
    /// Switch it off.
    Now {
        /// For the account, in plain words.
        reason: &'static str,
    },
}

/// How long after its latest attempt a push is repeated that has failed `attempts` times, where the seconds before the
/// first repeat, the second and so on stand in `schedule_seconds`; none behind the last one.
pub fn scheduled_repeat(schedule_seconds: &[i64], attempts: u32) -> Option<SignedDuration> {
    let index = usize::try_from(attempts).ok()?.checked_sub(1)?;
    schedule_seconds.get(index).copied().map(SignedDuration::from_secs)
}
