//! Pushes to one webhook, while this server holds it.
//!
//! A courier reads the log behind the webhook's position, pushes in the order that the format wants, and saves what has
//! come of it before it pushes anything more. So a server that is killed repeats at most what was in flight.

mod errand;
mod landing;
mod saving;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use engine::access::Caller;
use engine::store::{Delivery, WaitingPush, Webhook, WebhookHealth};
use engine::wakeups::Listener;
use engine::{Engine, EngineError};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::format::PushFormat;
use crate::lanes::Lanes;
use crate::subscriptions::Shared;
use errand::{Errand, Landed};
use landing::Surrender;

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
    pub(crate) permits: Permits,
    /// Cancelled when the courier has to finish.
    pub(crate) end: CancellationToken,
}

/// What every attempt needs one of.
#[derive(Clone)]
pub(crate) struct Permits {
    /// For webhooks that do well.
    pub(crate) healthy: Arc<Semaphore>,
    /// For webhooks that fail.
    pub(crate) failing: Arc<Semaphore>,
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

    async fn push_on(&mut self) -> Turn {
        loop {
            if let Err(error) = self.take_up().await {
                self.rest(&error);
            }
            // One time for both: what falls due between two looks at the clock would be overlooked.
            let now = self.engine().now();
            self.begin_errands(now);
            if let Some(turn) = self.wait(now).await {
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

    /// Waits for something to happen after `now`, when everything was begun that could be.
    async fn wait(&mut self, now: Timestamp) -> Option<Turn> {
        let engine = self.given.shared.engine.clone();
        let next_due = self.lanes.next_due_after(now);
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
            Ok(()) = self.given.orders.changed() => {
                let (webhook, revision) = self.given.orders.borrow_and_update().clone();
                self.webhook = webhook;
                if revision != self.revision {
                    self.finish_errands().await;
                    return Some(Turn::Reload);
                }
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

    fn begin_errands(&mut self, now: Timestamp) {
        if !self.is_at_work() {
            return;
        }
        let failing = self.health.failing_since.is_some();
        let in_flight_max = if failing { IN_FLIGHT_FAILING_MAX } else { IN_FLIGHT_MAX };
        while self.lanes.in_flight() < in_flight_max
            && let Some(taken) = self.lanes.start_next(now)
        {
            let errand = self.errand();
            self.errands.spawn(errand.push(taken));
        }
        if !self.is_pinging && self.next_ping().is_some_and(|at| at <= now) {
            self.is_pinging = true;
            let errand = self.errand();
            self.errands.spawn(errand.ping());
        }
    }

    fn errand(&self) -> Errand {
        let permits = &self.given.permits;
        let failing = self.health.failing_since.is_some();
        let permits = if failing { &permits.failing } else { &permits.healthy };
        Errand::new(&self.given, &self.webhook, permits)
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
