//! What replicas tell one another, by way of NATS: each publishes its news on one subject, and hears that of all others.
//!
//! Core NATS delivers at most once and keeps nothing, which is all that is asked of a relay. This crate must never hold up
//! who has news, and never decide what they mean.

mod address;
mod connection;
mod seal;
mod sending;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{Client, Subscriber};
use async_trait::async_trait;
use engine::relay::{News, Relay, RelayState, Traffic};
use futures_util::StreamExt as _;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use tokio::task::AbortHandle;

pub use address::{Address, AddressProblem};
use seal::{Opener, Sealer};
use sending::Outgoing;
use wire::Misheard;

/// So many news wait for NATS; of more, the newest are dropped.
const QUEUE_MAX: usize = 1_024;
/// So many messages wait for the engine; of more, the newest are dropped, and it is told so.
const HEARD_MAX: usize = 16_384;
/// At its end a relay takes so much time to send what is queued.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// How the replicas of one installation find one another.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where NATS is.
    pub address: Address,
    /// What the subjects begin with: letters, digits, `-`, `_` and single dots.
    pub subject_prefix: String,
    /// What no other installation has, of letters and digits: only replicas with the same one hear each other.
    pub installation: String,
    /// A secret that all replicas of the installation share, and nobody else has: what they say is sealed with it.
    pub secret: [u8; 32],
    /// Random bytes that no other process of the installation has.
    pub salt: [u8; 16],
}

/// NATS cannot be used at all. That it cannot be reached is no such problem.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The machine's TLS cannot be set up.
    #[error("cannot set up TLS for NATS")]
    Tls(#[from] async_nats::rustls::Error),
    /// The client refuses what the settings say.
    #[error("cannot use NATS as the settings say: {0}")]
    Refused(String),
}

/// A relay over NATS. It connects by itself, again and again.
pub struct NatsRelay {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Outgoing>,
    client: Client,
    heard: Mutex<Heard>,
    tasks: [AbortHandle; 2],
}

/// What the tasks of a relay share.
struct Shared {
    state: watch::Sender<RelayState>,
    sent: AtomicU64,
    received: AtomicU64,
    dropped: AtomicU64,
    /// Whether something was dropped of which the others have not been told.
    owes_missed: AtomicBool,
    /// Wakes the engine when something that was on its way to it is lost.
    lost_incoming: Notify,
}

struct Heard {
    messages: Subscriber,
    opener: Opener,
    misheard: Misheard,
}

impl NatsRelay {
    /// Begins to connect, on the current runtime, and answers at once: a NATS that is away holds up no start.
    pub async fn start(settings: Settings) -> Result<Self, SetUpError> {
        let shared = Arc::new(Shared {
            state: watch::Sender::new(RelayState::Away),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            owes_missed: AtomicBool::new(false),
            lost_incoming: Notify::new(),
        });
        let Settings { address, subject_prefix, installation, secret, salt } = settings;
        let subject_prefix = format!("{subject_prefix}.{installation}");
        let subject = format!("{subject_prefix}.news");
        let (client, events) = connection::open(&address).await?;
        let messages = client.subscribe(subject.clone()).await;
        let messages = messages.map_err(|problem| SetUpError::Refused(problem.to_string()))?;
        let watching = connection::watch(
            Arc::clone(&shared),
            client.clone(),
            events,
            connection::Names { servers: address.to_string(), subject_prefix },
        );
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        let sealer = Sealer::new(&secret, salt);
        let sending = sending::send(Arc::clone(&shared), client.clone(), subject, sealer, queued);
        let tasks = [tokio::spawn(watching).abort_handle(), tokio::spawn(sending).abort_handle()];
        let heard = Mutex::new(Heard {
            messages,
            opener: Opener::new(&secret, salt),
            misheard: Misheard::default(),
        });
        Ok(Self { shared, queue, client, heard, tasks })
    }
}

#[async_trait]
impl Relay for NatsRelay {
    fn tell(&self, news: News) {
        if self.queue.try_send(Outgoing::News(news)).is_err() {
            self.shared.note_dropped();
        }
    }

    async fn hear(&self) -> News {
        let mut heard = self.heard.lock().await;
        loop {
            let message = tokio::select! {
                biased;
                () = self.shared.lost_incoming.notified() => return News::Missed,
                message = heard.messages.next() => message,
            };
            let Some(message) = message else {
                // The relay was closed.
                return std::future::pending().await;
            };
            let news = match heard.opener.open(&message.payload) {
                Ok(None) => continue,
                Ok(Some(letter)) => wire::read(&letter),
                Err(problem) => Err(problem.into()),
            };
            self.shared.received.fetch_add(1, Ordering::Relaxed);
            match news {
                Ok(news) => return news,
                Err(problem) => heard.misheard.note(&problem),
            }
        }
    }

    fn state(&self) -> watch::Receiver<RelayState> {
        self.shared.state.subscribe()
    }

    fn traffic(&self) -> Traffic {
        self.shared.traffic()
    }

    async fn close(&self) {
        let (done, is_done) = oneshot::channel();
        let sending = async {
            if self.queue.send(Outgoing::Flush(done)).await.is_ok() {
                // Whether it went well makes no difference any more.
                let _ = is_done.await;
            }
            let _ = self.client.drain().await;
        };
        let _ = tokio::time::timeout(CLOSE_TIME_MAX, sending).await;
    }
}

impl Drop for NatsRelay {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn note_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        self.owes_missed.store(true, Ordering::Relaxed);
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}
