//! The engine itself: what it is made of, and how it stops.

use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};

use domain::Timestamp;
use domain::commands::{Answer, Command};
use domain::id::AccountId;
use domain::policy::Policy;
use prometheus_client::registry::Registry;

use crate::clock::Clock;
use crate::committer::Committer;
use crate::cursor::CursorSeal;
use crate::error::EngineError;
use crate::limits::{Limits, UnitLedger};
use crate::links::LinkSigner;
use crate::metrics::Metrics;
use crate::presence::Presence;
use crate::random::Random;
use crate::relay::{News, Notice, Relay, RelayState, ReplicaId, Traffic};
use crate::replicas;
use crate::store::Store;
use crate::wakeups::{Listener, Signal, Wakeups};

/// Commands and queries over one store, by the rules of one door. Cloning is cheap.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
    policy: Arc<Policy>,
}

struct Core {
    store: Arc<dyn Store>,
    committer: Committer,
    metrics: Metrics,
    wakeups: Arc<Wakeups>,
    presence: Presence,
    vault: media::Vault,
    pictures: media::PictureDesk,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    limits: Limits,
    links: LinkSigner,
    cursors: CursorSeal,
}

/// An engine that does not last because a task of its own holds it.
pub(crate) struct WeakEngine {
    core: Weak<Core>,
    policy: Arc<Policy>,
}

impl WeakEngine {
    /// The engine, while there is one.
    pub(crate) fn upgrade(&self) -> Option<Engine> {
        Some(Engine { core: self.core.upgrade()?, policy: Arc::clone(&self.policy) })
    }
}

/// What an engine is made of.
pub struct Parts {
    /// Where everything but the bytes of files is kept.
    pub store: Arc<dyn Store>,
    /// Where the bytes of files are kept.
    pub vault: media::Vault,
    /// How many batches are committed side by side: 1 for a store with one writer.
    pub committers: NonZeroUsize,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives randomness.
    pub random: Arc<dyn Random>,
    /// Tells the other processes that work on the store, and hears them.
    pub relay: Arc<dyn Relay>,
    /// Counts requests for all replicas together; without one, this process counts by itself.
    pub unit_ledger: Option<Arc<dyn UnitLedger>>,
    /// The address under which browsers reach the server, without a slash at the end: what links begin with.
    pub public_url: String,
}

impl Engine {
    /// Starts the engine on the current runtime, by the rules of `policy`.
    pub async fn start(parts: Parts, policy: Policy) -> Result<Self, EngineError> {
        let Parts { store, vault, committers, clock, random, relay, unit_ledger, public_url } =
            parts;
        let link_secret = store.secret("links", random.secret()).await?;
        let cursor_secret = store.secret("cursors", random.secret()).await?;
        let metrics = Metrics::new();
        let wakeups = Arc::new(Wakeups::new(Arc::clone(&relay), metrics.clone()));
        tokio::spawn(Wakeups::catch_up(Arc::downgrade(&wakeups), Arc::clone(&store)));
        let core = Core {
            committer: Committer::start(&store, &clock, &wakeups, committers, &metrics),
            metrics,
            wakeups,
            presence: Presence::new(replica_id(&*random)),
            store,
            vault,
            pictures: media::PictureDesk::new(),
            clock,
            random,
            limits: Limits::new(unit_ledger),
            links: LinkSigner::new(link_secret, public_url),
            cursors: CursorSeal::new(cursor_secret),
        };
        let engine = Self { core: Arc::new(core), policy: Arc::new(policy) };
        tokio::spawn(replicas::follow(engine.downgrade(), relay));
        Ok(engine)
    }

    fn downgrade(&self) -> WeakEngine {
        WeakEngine { core: Arc::downgrade(&self.core), policy: Arc::clone(&self.policy) }
    }

    /// The same engine by other rules: each face of the server brings its own.
    #[must_use]
    pub fn under(&self, policy: Policy) -> Self {
        Self { core: Arc::clone(&self.core), policy: Arc::new(policy) }
    }

    /// The rules of this door.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The time now, to the millisecond.
    pub fn now(&self) -> Timestamp {
        self.core.clock.now()
    }

    /// Waits until the clock stands at `at` or later, by itself or because it was moved.
    pub async fn sleep_until(&self, at: Timestamp) {
        self.core.clock.sleep_until(at).await;
    }

    /// Hears of `account` from now on.
    pub fn listen(&self, account: AccountId) -> Listener {
        self.core.wakeups.listen(account)
    }

    /// Has the credentials checked again of whoever is connected for `account`, here and at the other replicas.
    pub(crate) fn tell_credentials_changed(&self, account: AccountId) {
        self.core.wakeups.signal_here(account, Signal::CredentialsChanged);
        self.relay().tell(News::CredentialsChanged { account });
    }

    pub(crate) fn wakeups(&self) -> &Wakeups {
        &self.core.wakeups
    }

    pub(crate) fn relay(&self) -> &dyn Relay {
        self.core.wakeups.relay()
    }

    /// Whether anybody listens to `account` here.
    pub fn is_listened_to(&self, account: AccountId) -> bool {
        self.core.wakeups.is_heard(account)
    }

    /// Whether the other replicas are heard.
    pub fn relay_state(&self) -> RelayState {
        *self.relay().state().borrow()
    }

    /// How many other replicas are heard; one that fell silent is counted for some seconds more.
    pub fn replicas_heard(&self) -> usize {
        self.presence().others()
    }

    /// What was told to other replicas and heard of them so far.
    pub fn relay_traffic(&self) -> Traffic {
        self.relay().traffic()
    }

    /// Whether the store is looked at about every second, since another replica may be at work that is not heard: this one
    /// is cut off, or another one fell silent.
    pub fn may_miss_news(&self) -> bool {
        self.core.wakeups.looks_often()
    }

    /// Whether the store answered when it was last looked at, at most five seconds ago.
    pub fn store_answers(&self) -> bool {
        self.core.wakeups.store_answers()
    }

    /// How many listen to accounts here.
    pub fn listeners(&self) -> usize {
        self.core.wakeups.listeners()
    }

    /// Shows what this engine counts in `registry`.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.core.metrics.register(registry);
    }

    /// The source of randomness.
    pub fn random(&self) -> &dyn Random {
        &*self.core.random
    }

    /// How often somebody may ask.
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// `payload` as opaque, URL-safe text. It opens only for the same `purpose`, which names the call, the account and
    /// the filter. At most about 300 bytes.
    pub fn seal_cursor(&self, purpose: &str, payload: &[u8]) -> String {
        self.core.cursors.seal(purpose, payload)
    }

    /// The payload of a cursor that this server sealed for `purpose`; none for any other text.
    pub fn open_cursor(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        self.core.cursors.open(purpose, text)
    }

    /// Accepts nothing more, finishes what was accepted, and closes the store.
    pub async fn stop(&self) -> Result<(), EngineError> {
        self.core.committer.stop().await;
        self.say(Notice::Farewell);
        self.relay().close().await;
        Ok(self.core.store.close().await?)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.core.store
    }

    pub(crate) fn presence(&self) -> &Presence {
        &self.core.presence
    }

    pub(crate) fn vault(&self) -> &media::Vault {
        &self.core.vault
    }

    pub(crate) fn pictures(&self) -> &media::PictureDesk {
        &self.core.pictures
    }

    pub(crate) fn links(&self) -> &LinkSigner {
        &self.core.links
    }

    pub(crate) async fn run(&self, command: Command) -> Result<Answer, EngineError> {
        self.core.committer.run(command, Arc::clone(&self.policy)).await
    }
}

fn replica_id(random: &dyn Random) -> ReplicaId {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    ReplicaId(u64::from_be_bytes(bytes))
}
