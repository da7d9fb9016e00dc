//! Pushes to one webhook, while this server holds it.
//!
//! A courier reads the log behind the webhook's position, pushes in the order that the format wants, and saves what has
//! come of it before it pushes anything more. So a server that is killed repeats at most what was in flight.

mod errand;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::commands::RaiseAlarm;
use domain::event::WebhookAlarm;
use engine::access::Caller;
use engine::store::{
    Delivery, DeliveryOutcome, ProgressChange, WaitingPush, Webhook, WebhookHealth, WebhookState,
};
use engine::wakeups::Listener;
use engine::{Engine, EngineError};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempt;
use crate::format::{GiveUp, PushFormat, Verdict};
use crate::health;
use crate::lanes::Lanes;
use crate::subscriptions::Shared;
use errand::{Errand, Landed, Outcome};

/// So many attempts of one webhook are under way at once; fewer while it fails, so that receivers that hang leave room
/// for others.
const IN_FLIGHT_MAX: usize = 8;
const IN_FLIGHT_FAILING_MAX: usize = 2;
/// So many entries are read from the log at once.
const PAGE_ENTRIES: usize = 100;
/// When the store or the engine fails, the courier rests for so long.
const REST: Duration = Duration::from_secs(1);
/// What was passed over needs no hurry to be saved.
const UNHURRIED_SAVE: Duration = Duration::from_secs(1);

/// What a courier is given on its way.
pub(crate) struct Assignment {
    pub(crate) shared: Arc<Shared>,
    pub(crate) format: Arc<dyn PushFormat>,
    /// By which name this server holds the webhook.
    pub(crate) holder: Arc<str>,
    /// The webhook as it is now, and its revision.
    pub(crate) orders: watch::Receiver<(Arc<Webhook>, i64)>,
    /// Until when the server holds the webhook, as far as it knows.
    pub(crate) held_until: watch::Receiver<Instant>,
    /// Bounds the attempts of all couriers together.
    pub(crate) permits: Arc<Semaphore>,
    /// Cancelled when the courier has to finish.
    pub(crate) end: CancellationToken,
}

/// Pushes until it has to finish, the webhook is switched off, or another server may hold it.
pub(crate) async fn push(assignment: Assignment) {
    let held_until = assignment.held_until.clone();
    let webhook = assignment.orders.borrow().0.id.get();
    tokio::select! {
        // Whatever is in flight is cut off: somebody else may push it now.
        () = run_out(held_until) => tracing::warn!(webhook, "a webhook was not renewed in time"),
        () = Courier::new(assignment).work() => {}
    }
}

async fn run_out(held_until: watch::Receiver<Instant>) {
    loop {
        let until = *held_until.borrow();
        if until <= Instant::now() {
            return;
        }
        sleep_until(until).await;
    }
}

struct Courier {
    given: Assignment,
    webhook: Arc<Webhook>,
    listener: Listener,
    errands: JoinSet<Landed>,
    is_pinging: bool,
    /// Whether the log may go on behind what was taken up.
    is_behind: bool,
    lanes: Lanes,
    /// Everything up to this entry was taken up.
    taken_up: i64,
    /// The last entry of which something is known that is worth saving.
    reached: i64,
    health: WebhookHealth,
    deliveries: Vec<Delivery>,
    /// What the store knows.
    revision: i64,
    waiting: BTreeMap<i64, WaitingPush>,
    /// When to save what the store does not know yet.
    save_at: Option<Instant>,
    /// Until when nothing is begun, after a failure of the store or the engine.
    rests_until: Option<Instant>,
    /// Why the webhook has to be switched off, if it has to.
    given_up: Option<Surrender>,
}

/// Why a webhook is switched off.
#[derive(Clone, Copy)]
enum Surrender {
    /// The receiver wants nothing any more.
    Gone,
    /// The format has lost its patience.
    Failing(&'static str),
}

/// How a stretch of work ends.
enum Turn {
    /// The store knows better where the webhook stands.
    Reload,
    /// The courier is done.
    Finish,
}

impl Courier {
    fn new(given: Assignment) -> Self {
        let (webhook, revision) = given.orders.borrow().clone();
        // Before the first look at the log, so that nothing falls between the two.
        let listener = given.shared.engine.listen(webhook.account);
        Self {
            lanes: Lanes::new(given.format.order()),
            given,
            listener,
            errands: JoinSet::new(),
            is_pinging: false,
            is_behind: true,
            taken_up: 0,
            reached: 0,
            health: WebhookHealth::unknown(webhook.created_at),
            deliveries: Vec::new(),
            revision,
            waiting: BTreeMap::new(),
            save_at: None,
            rests_until: None,
            given_up: None,
            webhook,
        }
    }

    async fn work(mut self) {
        while self.load().await {
            match self.push_on().await {
                Turn::Reload => {}
                Turn::Finish => break,
            }
        }
        let store = self.given.shared.engine.webhook_store();
        let (account, id) = (self.webhook.account, self.webhook.id);
        if let Err(error) = store.release_webhook(&self.given.holder, account, id).await {
            // The lease runs out by itself.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, webhook = id.get(), "cannot release a webhook");
        }
    }

    /// Begins where the store says. False when the webhook is not to be pushed to any more.
    async fn load(&mut self) -> bool {
        let (account, id) = (self.webhook.account, self.webhook.id);
        let (webhook, progress) = loop {
            match self.engine().webhook_store().webhook(account, id).await {
                Ok(Some(found)) => break found,
                Ok(None) => return false,
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, webhook = id.get(), "cannot load a webhook");
                }
            }
            tokio::select! {
                () = self.given.end.cancelled() => return false,
                () = tokio::time::sleep(REST) => {}
            }
        };
        if webhook.state != WebhookState::Active {
            return false;
        }
        self.webhook = Arc::new(webhook);
        self.revision = progress.revision;
        self.health = progress.health;
        self.taken_up = progress.position;
        self.reached = progress.position;
        self.lanes = Lanes::new(self.given.format.order());
        self.waiting = BTreeMap::new();
        for push in progress.waiting {
            self.waiting.insert(push.sequence, push);
            self.lanes.take_up_waiting(push);
        }
        // What was delivered before a reload stays worth a line.
        self.save_at = if self.deliveries.is_empty() { None } else { Some(Instant::now()) };
        (self.given_up, self.is_behind) = (None, true);
        true
    }

    async fn push_on(&mut self) -> Turn {
        loop {
            if let Err(error) = self.take_up().await {
                self.rest(&error);
            }
            self.begin_errands();
            if let Some(turn) = self.wait().await {
                return turn;
            }
            if self.given_up.is_some() && self.rests_until.is_none() {
                self.finish_errands().await;
                match self.switch_off().await {
                    Ok(()) => return Turn::Finish,
                    Err(error) => self.rest(&error),
                }
            }
            if self.save_at.is_some_and(|at| at <= Instant::now()) && self.rests_until.is_none() {
                match self.save(false).await {
                    Ok(true) => {}
                    Ok(false) => return self.outdated().await,
                    Err(error) => self.rest(&error),
                }
            }
        }
    }

    /// Waits for something to happen.
    async fn wait(&mut self) -> Option<Turn> {
        let engine = self.given.shared.engine.clone();
        let next_due = self.lanes.next_due_after(engine.now());
        let next_ping = if self.is_pinging { None } else { self.next_ping() };
        let rests_until = self.rests_until;
        tokio::select! {
            biased;
            () = self.given.end.cancelled() => {
                self.finish_errands().await;
                if let Err(error) = self.save(false).await {
                    self.rest(&error);
                }
                return Some(Turn::Finish);
            }
            Some(landed) = self.errands.join_next() => {
                let mut next = Some(landed);
                while let Some(landed) = next {
                    match landed {
                        Ok(landed) => self.land(landed).await,
                        Err(panic) => {
                            tracing::error!(%panic, webhook = self.webhook.id.get(), "a push panicked");
                            self.finish_errands().await;
                            tokio::time::sleep(REST).await;
                            return Some(Turn::Reload);
                        }
                    }
                    next = self.errands.try_join_next();
                }
            }
            Ok(()) = self.given.orders.changed() => {
                let (webhook, revision) = self.given.orders.borrow_and_update().clone();
                self.webhook = webhook;
                if revision != self.revision {
                    self.finish_errands().await;
                    return Some(Turn::Reload);
                }
            }
            () = self.listener.entries() => self.is_behind = true,
            () = until(rests_until) => self.rests_until = None,
            () = until(self.save_at), if rests_until.is_none() => {}
            () = clock_at(&engine, next_due), if rests_until.is_none() => {}
            () = clock_at(&engine, next_ping), if rests_until.is_none() => {}
        }
        None
    }

    /// Reads on in the log, as far as there is room.
    async fn take_up(&mut self) -> Result<(), EngineError> {
        while self.is_behind && self.is_at_work() && PAGE_ENTRIES <= self.lanes.room() {
            let caller = Caller::account_holder(self.webhook.account);
            let page = self.engine().events(&caller, self.taken_up, PAGE_ENTRIES).await?;
            if page.is_cut_off(self.taken_up) {
                self.note(format!("entries before {} are no longer kept", page.oldest));
                self.taken_up = page.oldest - 1;
                self.reached = self.reached.max(self.taken_up);
                continue;
            }
            self.is_behind = page.entries.last().is_some_and(|last| last.sequence < page.newest);
            for logged in page.entries {
                self.taken_up = logged.sequence;
                self.lanes.take_up(logged);
            }
        }
        Ok(())
    }

    /// Whether anything new may be begun: not while something is not saved, or the end is near.
    fn is_at_work(&self) -> bool {
        let has_saved = self.save_at.is_none_or(|at| Instant::now() < at);
        has_saved && self.rests_until.is_none() && self.given_up.is_none()
    }

    fn begin_errands(&mut self) {
        if !self.is_at_work() {
            return;
        }
        let now = self.engine().now();
        let failing = self.health.failing_since.is_some();
        let in_flight_max = if failing { IN_FLIGHT_FAILING_MAX } else { IN_FLIGHT_MAX };
        while self.lanes.in_flight() < in_flight_max
            && let Some(taken) = self.lanes.start_next(now)
        {
            let errand = Errand::new(&self.given, &self.webhook);
            self.errands.spawn(errand.push(taken));
        }
        if !self.is_pinging && self.next_ping().is_some_and(|at| at <= now) {
            self.is_pinging = true;
            self.errands.spawn(Errand::new(&self.given, &self.webhook).ping());
        }
    }

    fn next_ping(&self) -> Option<Timestamp> {
        let interval = self.given.format.ping_interval()?;
        self.health.pinged_at.checked_add(interval).ok()
    }

    /// Waits for what is in flight.
    async fn finish_errands(&mut self) {
        while let Some(landed) = self.errands.join_next().await {
            match landed {
                Ok(landed) => self.land(landed).await,
                Err(panic) => {
                    tracing::error!(%panic, webhook = self.webhook.id.get(), "a push panicked");
                }
            }
        }
    }

    /// Notes what has come of an errand.
    async fn land(&mut self, landed: Landed) {
        match landed {
            Landed::Ping(attempt) => {
                self.is_pinging = false;
                self.health = health::after_ping(self.health, &attempt, self.lanes.is_failing());
                self.deliveries.push(attempt.delivery(self.webhook.id, None, 1, false));
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
                Outcome::Prevented(error) => {
                    self.lanes.put_back(push);
                    self.rest(&error);
                }
            },
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
            Verdict::Gone => Some(domain::SignedDuration::ZERO),
        };
        match repeat_after {
            Some(after) => {
                let next_attempt_at = attempt.at.checked_add(after).unwrap_or(Timestamp::MAX);
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
    async fn warn(&mut self) -> Result<(), EngineError> {
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
    async fn switch_off(&mut self) -> Result<(), EngineError> {
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

    /// Saves what has come of everything so far. False when it was based on what is outdated.
    async fn save(&mut self, switches_off: bool) -> Result<bool, EngineError> {
        let waiting = self.lanes.waiting_up_to(self.reached);
        let is_new = |push: &&WaitingPush| self.waiting.get(&push.sequence) != Some(push);
        let change = ProgressChange {
            account: self.webhook.account,
            webhook: self.webhook.id,
            revision: self.revision,
            position: self.reached,
            health: self.health,
            waiting: waiting.values().filter(is_new).copied().collect(),
            settled: self
                .waiting
                .keys()
                .filter(|&sequence| !waiting.contains_key(sequence))
                .copied()
                .collect(),
            deliveries: self.deliveries.clone(),
            switches_off,
        };
        let saved = self.engine().webhook_store().save_progress(&self.given.holder, change).await?;
        if saved {
            self.waiting = waiting;
            self.deliveries.clear();
            self.save_at = None;
        }
        Ok(saved)
    }

    /// Nothing could be saved: the webhook was moved meanwhile, or is somebody else's.
    async fn outdated(&mut self) -> Turn {
        self.finish_errands().await;
        let (account, id) = (self.webhook.account, self.webhook.id);
        match self.engine().webhook_store().webhook(account, id).await {
            Ok(Some((_, progress))) if progress.revision != self.revision => Turn::Reload,
            // The sender sends another courier if the webhook is still its own.
            Ok(_) | Err(_) => Turn::Finish,
        }
    }

    /// Adds a line to the delivery log that tells of no attempt.
    fn note(&mut self, reason: String) {
        self.deliveries.push(Delivery {
            id: 0,
            webhook: self.webhook.id,
            sequence: None,
            kind: String::new(),
            attempt: 0,
            at: self.engine().now(),
            duration_ms: 0,
            status: None,
            outcome: DeliveryOutcome::Dropped,
            reason,
            response: String::new(),
        });
        self.save_at = Some(Instant::now());
    }

    fn rest(&mut self, error: &EngineError) {
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, webhook = self.webhook.id.get(), "pushes to a webhook have to wait");
        self.rests_until = Some(Instant::now() + REST);
    }

    fn engine(&self) -> &Engine {
        &self.given.shared.engine
    }
}

/// Waits until `at`, or for ever.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Waits until the engine's clock stands at `at`, or for ever.
async fn clock_at(engine: &Engine, at: Option<Timestamp>) {
    match at {
        Some(at) => engine.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
