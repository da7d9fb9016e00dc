//! Sending what is queued, while there is a connection; what would wait for one is dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use engine::relay::{News, RelayState};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::seal::Sealer;
use crate::{Shared, wire};

/// How often the others are told that something was lost.
const MISSED_INTERVAL: Duration = Duration::from_secs(1);

/// What waits for the task that sends.
pub(crate) enum Outgoing {
    /// To be sent.
    News(News),
    /// To be answered when everything before is sent.
    Flush(oneshot::Sender<()>),
}

/// Sends what is queued until nobody can queue anything more.
pub(crate) async fn send(
    shared: Arc<Shared>,
    client: Client,
    subject: String,
    mut sealer: Sealer,
    mut queue: mpsc::Receiver<Outgoing>,
) {
    let mut state = shared.state.subscribe();
    let mut missed_at = Instant::now();
    loop {
        let is_connected = *state.borrow_and_update() == RelayState::Connected;
        let owes_missed = is_connected && shared.owes_missed.load(Ordering::Relaxed);
        let news = tokio::select! {
            () = sleep_until(missed_at), if owes_missed => {
                missed_at = Instant::now() + MISSED_INTERVAL;
                shared.owes_missed.store(false, Ordering::Relaxed);
                News::Missed
            }
            outgoing = queue.recv() => match outgoing {
                Some(Outgoing::News(news)) => news,
                Some(Outgoing::Flush(done)) => {
                    let _ = client.flush().await;
                    // Whoever asked may have lost patience.
                    let _ = done.send(());
                    continue;
                }
                None => return,
            },
            _ = state.changed() => continue,
        };
        let is_sent = is_connected
            && match sealer.seal(wire::write(&news)) {
                Ok(bytes) => tokio::select! {
                    // Waits while NATS is slow; then the queue fills up, and what comes is dropped there.
                    published = client.publish(subject.clone(), bytes) => published.is_ok(),
                    _ = state.wait_for(|state| *state != RelayState::Connected) => false,
                },
                Err(_) => false,
            };
        if is_sent {
            shared.sent.fetch_add(1, Ordering::Relaxed);
        } else {
            shared.note_dropped();
        }
    }
}
