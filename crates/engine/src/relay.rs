//! What replicas tell one another: the processes that work on the same store.
//!
//! Whatever is told arrives at most once, and is never the truth: the store is. Nothing is lost without a relay, it only
//! comes later, see [`crate::wakeups`]. To add a relay, implement [`Relay`]; the crate `relay-nats` is one.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Timestamp;
use domain::id::{AccountId, ChatId};
use tokio::sync::watch;

use crate::store::Grown;

/// Carries news from each replica to all others.
#[async_trait]
pub trait Relay: Send + Sync + 'static {
    /// Tells all other replicas. Never waits: what cannot be sent soon is dropped and counted, and the others are told
    /// [`News::Missed`] as soon as they can be told anything. What one replica tells is heard in the same order.
    fn tell(&self, news: News);

    /// Waits for what another replica tells; nobody hears its own words. Only the engine calls this, one call at a time;
    /// dropping the future loses nothing.
    async fn hear(&self) -> News;

    /// Whether the others are heard; changes are seen as they happen.
    fn state(&self) -> watch::Receiver<RelayState>;

    /// How much was told and heard so far.
    fn traffic(&self) -> Traffic;

    /// Sends what was told, for a moment at most, and ends.
    async fn close(&self);
}

/// Whether this replica hears the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// There are no others: the store belongs to this process.
    Alone,
    /// News go and come.
    Connected,
    /// Others may work on the same store, and nothing is heard of them: there is no relay, or it cannot be reached.
    Away,
}

/// How many messages a relay has carried since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Handed over for the other replicas.
    pub sent: u64,
    /// Heard from other replicas.
    pub received: u64,
    /// Told by this replica and never sent, since the relay was away or slow.
    pub dropped: u64,
}

/// What a replica tells the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Logs have grown; at most [`GROWN_MAX`] of them. A relay may leave out what was said.
    Grown(Grown),
    /// Somebody is typing.
    Typing {
        /// Who is to hear of it.
        to: AccountId,
        /// Where.
        chat: ChatId,
        /// Who.
        by: AccountId,
    },
    /// A key or a session of the account ended, or the account was put out of use.
    CredentialsChanged {
        /// Whose.
        account: AccountId,
    },
    /// Who is connected to a replica.
    Attendance(Attendance),
    /// Something was lost on the way. Whoever hears this looks at the store.
    Missed,
}

/// The most logs in one [`News::Grown`].
pub const GROWN_MAX: usize = 1_000;
/// The most accounts in one [`Notice::Roll`].
pub const ROLL_PART_MAX: usize = 1_000;

/// A process that works on the store. Each start is another replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u64);

/// What a replica says about the accounts that are connected to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// Who says it.
    pub replica: ReplicaId,
    /// How often somebody had come or gone there by then, this notice included: who finds a gap has missed something.
    pub revision: u64,
    /// What is said.
    pub notice: Notice,
}

/// One of the things that are said about who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The replica lives, and nothing is new.
    Alive,
    /// An account came, or has gone.
    Moved {
        /// Who.
        account: AccountId,
        /// Whether it came.
        online: bool,
        /// When.
        at: Timestamp,
        /// Those who are to hear of it.
        told: Vec<AccountId>,
    },
    /// A part of the list of all who are there.
    Roll {
        /// Which part, from 0.
        part: usize,
        /// Of how many.
        parts: usize,
        /// Who is there, and since when; at most [`ROLL_PART_MAX`].
        present: Vec<(AccountId, Timestamp)>,
    },
    /// The replica wants to know who is there.
    RollCall {
        /// At which other replica; none: at all.
        of: Option<ReplicaId>,
    },
    /// The replica stops. It is not to be missed; its clients come back elsewhere.
    Farewell,
}

/// The relay of a process that has the store for itself.
pub fn alone() -> Arc<dyn Relay> {
    Arc::new(NoRelay { state: watch::Sender::new(RelayState::Alone) })
}

/// No relay, though others may work on the same store: all is found by looking at the store.
pub fn none() -> Arc<dyn Relay> {
    Arc::new(NoRelay { state: watch::Sender::new(RelayState::Away) })
}

/// Tells nobody and hears nothing.
struct NoRelay {
    state: watch::Sender<RelayState>,
}

#[async_trait]
impl Relay for NoRelay {
    fn tell(&self, _news: News) {}

    async fn hear(&self) -> News {
        std::future::pending().await
    }

    fn state(&self) -> watch::Receiver<RelayState> {
        self.state.subscribe()
    }

    fn traffic(&self) -> Traffic {
        Traffic::default()
    }

    async fn close(&self) {}
}
