//! The sender: takes the webhooks that no other server pushes to, and sends a courier for each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::id::WebhookId;
use engine::store::{LeasedWebhook, StoreError, Webhook};
use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::courier::{self, Assignment, Permits};
use crate::subscriptions::{Shared, Webhooks};

/// So many attempts of all webhooks together are under way at once, and so many more of those that fail: however many
/// receivers hang, they leave room for the others.
const IN_FLIGHT_MAX: usize = 256;
const IN_FLIGHT_FAILING_MAX: usize = 64;

/// Pushes to the webhooks that this server holds, until it is stopped.
pub struct Sender {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// How a server holds webhooks.
#[derive(Clone, Debug)]
pub struct SenderRules {
    /// Its name among the servers on the same store. One that comes back under the same name goes on at once; two must
    /// never have the same name at a time.
    pub holder: String,
    /// For how long it holds a webhook without a sign of life, by real time. It gives one every third of this time.
    pub lease_term: Duration,
}

impl SenderRules {
    /// The usual rules for a server of this name.
    pub fn named(holder: impl Into<String>) -> Self {
        Self { holder: holder.into(), lease_term: Duration::from_secs(10) }
    }
}

impl Sender {
    /// Begins to push, on the current runtime.
    pub fn start(webhooks: &Webhooks, rules: &SenderRules) -> Self {
        let stop = CancellationToken::new();
        let (held, held_until) = watch::channel(Instant::now());
        let dispatch = Dispatch {
            shared: Arc::clone(&webhooks.shared),
            holder: rules.holder.as_str().into(),
            lease_term: rules.lease_term,
            held,
            held_until,
            permits: Permits {
                healthy: Arc::new(Semaphore::new(IN_FLIGHT_MAX)),
                failing: Arc::new(Semaphore::new(IN_FLIGHT_FAILING_MAX)),
            },
            stop: stop.clone(),
            couriers: HashMap::new(),
            tasks: JoinSet::new(),
        };
        Self { stop, running: tokio::spawn(dispatch.run()) }
    }

    /// Begins nothing more, waits for what is in flight as long as the webhooks are held, and lets others take them.
    pub async fn stop(self) {
        self.stop.cancel();
        if self.running.await.is_err() {
            tracing::error!("the sender of webhooks had stopped by a panic");
        }
    }
}

struct Dispatch {
    shared: Arc<Shared>,
    holder: Arc<str>,
    lease_term: Duration,
    held: watch::Sender<Instant>,
    held_until: watch::Receiver<Instant>,
    permits: Permits,
    stop: CancellationToken,
    couriers: HashMap<WebhookId, Courier>,
    tasks: JoinSet<()>,
}

/// A courier on its way.
struct Courier {
    task: Id,
    orders: watch::Sender<(Arc<Webhook>, i64)>,
    end: CancellationToken,
    /// Whether another one is to be sent when this one has come home.
    is_missed: bool,
}

impl Dispatch {
    async fn run(mut self) {
        let mut look_at = Instant::now();
        while !self.stop.is_cancelled() {
            let shared = Arc::clone(&self.shared);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                Some(ended) = self.tasks.join_next_with_id() => {
                    let task = match ended {
                        Ok((task, ())) => task,
                        Err(panic) => {
                            tracing::error!(%panic, "a courier of webhooks panicked");
                            panic.id()
                        }
                    };
                    if self.come_home(task) {
                        look_at = Instant::now();
                    }
                }
                () = shared.changed.notified() => look_at = Instant::now(),
                () = sleep_until(look_at) => {
                    look_at = Instant::now() + self.lease_term / 3;
                    match self.lease().await {
                        Ok(leased) => self.dispatch(leased),
                        Err(error) => {
                            let error = &error as &dyn std::error::Error;
                            tracing::warn!(error, "cannot renew the hold on webhooks");
                        }
                    }
                }
            }
        }
        self.finish().await;
    }

    /// Takes and renews what can be had.
    async fn lease(&mut self) -> Result<Vec<LeasedWebhook>, StoreError> {
        let formats: Vec<_> = self.shared.formats.keys().copied().collect();
        let asked_at = Instant::now();
        let store = self.shared.engine.webhook_store();
        let leased = store.lease_webhooks(&self.holder, &formats, self.lease_term).await?;
        self.held.send_replace(asked_at + self.lease_term);
        Ok(leased)
    }

    /// Sends couriers where there are none, tells the others what is new, and calls back those that nobody needs.
    fn dispatch(&mut self, leased: Vec<LeasedWebhook>) {
        let ids: std::collections::HashSet<_> =
            leased.iter().map(|leased| leased.webhook.id).collect();
        for (id, courier) in &self.couriers {
            if !ids.contains(id) {
                courier.end.cancel();
            }
        }
        for LeasedWebhook { webhook, revision } in leased {
            match self.couriers.get_mut(&webhook.id) {
                Some(courier) if courier.end.is_cancelled() => courier.is_missed = true,
                Some(courier) => {
                    courier.orders.send_if_modified(|(known, known_revision)| {
                        let is_new = **known != webhook || *known_revision != revision;
                        if is_new {
                            (*known, *known_revision) = (Arc::new(webhook), revision);
                        }
                        is_new
                    });
                }
                None => self.send_courier(webhook, revision),
            }
        }
    }

    fn send_courier(&mut self, webhook: Webhook, revision: i64) {
        let Some(format) = self.shared.formats.get(webhook.format.as_str()) else { return };
        let id = webhook.id;
        let (orders, received) = watch::channel((Arc::new(webhook), revision));
        let end = self.stop.child_token();
        let assignment = Assignment {
            shared: Arc::clone(&self.shared),
            format: Arc::clone(format),
            holder: Arc::clone(&self.holder),
            orders: received,
            held_until: self.held_until.clone(),
            permits: self.permits.clone(),
            end: end.clone(),
        };
        let task = self.tasks.spawn(courier::push(assignment)).id();
        self.couriers.insert(id, Courier { task, orders, end, is_missed: false });
    }

    /// Strikes off a courier; whether another one has to take its place at once.
    fn come_home(&mut self, task: Id) -> bool {
        let home = self.couriers.extract_if(|_, courier| courier.task == task);
        home.fold(false, |any, (_, courier)| any || courier.is_missed)
    }

    /// Waits for the couriers to come home.
    async fn finish(mut self) {
        if self.couriers.is_empty() {
            return;
        }
        // Once more, so that what is in flight has time to land.
        if let Err(error) = self.lease().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "cannot renew the hold on webhooks");
        }
        let until = *self.held_until.borrow();
        let home = async { while self.tasks.join_next().await.is_some() {} };
        if timeout_at(until, home).await.is_err() {
            tracing::warn!("stopped; pushes to webhooks were cut off");
        }
    }
}
