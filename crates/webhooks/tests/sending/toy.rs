//! A wire of these tests' own: it tells of messages only, and its patience is easy to reckon with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::event::EntryKind;
use domain::{SignedDuration, Timestamp};
use engine::EngineError;
use engine::store::{LogEntry, Webhook};
use webhooks::{Answer, GiveUp, Order, Purpose, Push, PushFormat, Standing, Verdict};

/// The one type that the wire has.
pub(crate) const MESSAGE: &str = "message";
/// What a receiver has to answer.
pub(crate) const YES: &str = "yes";

/// How the wire behaves.
#[derive(Clone)]
pub(crate) struct Toy {
    pub(crate) name: &'static str,
    pub(crate) order: Order,
    pub(crate) answer_time: Duration,
    pub(crate) is_confirmed: bool,
    pub(crate) forgets: bool,
    pub(crate) ping_interval: Option<SignedDuration>,
    /// While this is true, entries of one chat cannot be put into words.
    pub(crate) stumbles: Arc<AtomicBool>,
}

/// The chat over which the toy stumbles.
pub(crate) const STUMBLING_BLOCK: i64 = 1;

impl Toy {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            order: Order::PerChat,
            answer_time: Duration::from_secs(5),
            is_confirmed: false,
            forgets: false,
            ping_interval: None,
            stumbles: Arc::default(),
        }
    }
}

#[async_trait]
impl PushFormat for Toy {
    fn name(&self) -> &'static str {
        self.name
    }

    fn types(&self) -> &'static [&'static str] {
        &[MESSAGE]
    }

    fn signs(&self) -> bool {
        true
    }

    async fn render(
        &self,
        _webhook: &Webhook,
        logged: &LogEntry,
    ) -> Result<Option<Push>, EngineError> {
        if logged.entry.kind != EntryKind::MessageCreated {
            return Ok(None);
        }
        let chat = logged.entry.chat.map_or(0, domain::id::ChatId::get);
        if chat == STUMBLING_BLOCK && self.stumbles.load(Ordering::SeqCst) {
            return Err(EngineError::Internal);
        }
        let body = format!(r#"{{"sequence":{},"chat":{chat}}}"#, logged.sequence);
        Ok(Some(Push { kind: MESSAGE, path: "/news", headers: vec![], body: body.into() }))
    }

    fn ping(&self, webhook: &Webhook, _now: Timestamp) -> Push {
        let body = format!(r#"{{"ping":"{}"}}"#, webhook.url);
        Push { kind: "ping", path: "/news", headers: vec![], body: body.into() }
    }

    fn judge(&self, _purpose: Purpose, answer: &Answer) -> Verdict {
        match answer.status.as_u16() {
            200 if answer.body == YES => Verdict::Accepted,
            200 => Verdict::Failed { reason: "not a yes" },
            400 => Verdict::Declined { reason: "declined" },
            410 => Verdict::Gone,
            _ => Verdict::Failed { reason: "status" },
        }
    }

    fn answer_time_max(&self, _purpose: Purpose) -> Duration {
        self.answer_time
    }

    fn order(&self) -> Order {
        self.order
    }

    fn is_confirmed_by_ping(&self) -> bool {
        self.is_confirmed
    }

    fn ping_interval(&self) -> Option<SignedDuration> {
        self.ping_interval
    }

    /// After 1, 2, 4, 8, 16 and 32 minutes; the seventh failure is the last.
    fn retry_after(&self, attempts: u32, _failing_for: SignedDuration) -> Option<SignedDuration> {
        (attempts < 7).then(|| SignedDuration::from_mins(1 << (attempts - 1)))
    }

    fn forgets_while_switched_off(&self) -> bool {
        self.forgets
    }

    /// A warning after ten minutes, the end after an hour and a half.
    fn give_up(&self, standing: &Standing) -> GiveUp {
        if SignedDuration::from_mins(90) <= standing.failing_for {
            GiveUp::Now { reason: "too long" }
        } else if SignedDuration::from_mins(10) <= standing.failing_for {
            GiveUp::Soon
        } else {
            GiveUp::No
        }
    }
}
