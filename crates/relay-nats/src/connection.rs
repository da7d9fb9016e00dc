//! The connection to NATS: whether it stands, and saying so once for each change.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event};
use bytes::Bytes;
use engine::relay::RelayState;
use tokio::sync::mpsc;

use crate::address::Address;
use crate::{HEARD_MAX, SetUpError, Shared};

/// How often a silent server is asked for a sign of life. Of three that it leaves unanswered the client concludes that
/// it is gone: a network that swallows everything is noticed after that time.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// How long a connection may take to be made.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// The longest rest between two attempts to connect.
const REST_MAX: Duration = Duration::from_secs(2);
/// How long an answer of a server that is connected may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);
/// So many messages wait in the client, beyond those that wait for it.
const CLIENT_QUEUE_MAX: usize = 64;

/// What the log calls the other end.
pub(crate) struct Names {
    pub(crate) servers: String,
    pub(crate) subject_prefix: String,
}

/// A client that connects by itself for ever, and what happens to its connection.
pub(crate) async fn open(
    address: &Address,
) -> Result<(Client, mpsc::UnboundedReceiver<Event>), SetUpError> {
    // The client tells of few things, one by one.
    let (happened, events) = mpsc::unbounded_channel();
    let options = ConnectOptions::new()
        .name("torg")
        .no_echo()
        .retry_on_initial_connect()
        .max_reconnects(None)
        .reconnect_delay_callback(rest)
        .connection_timeout(CONNECT_TIME_MAX)
        .ping_interval(PING_INTERVAL)
        .subscription_capacity(HEARD_MAX)
        .client_capacity(CLIENT_QUEUE_MAX)
        .tls_client_config(tls::client_config()?)
        .event_callback(move |event| {
            let _ = happened.send(event);
            std::future::ready(())
        });
    let client = address.sign_in(options).connect(address.servers()).await;
    let client = client.map_err(|problem| SetUpError::Refused(problem.to_string()))?;
    Ok((client, events))
}

/// How long to rest before the next attempt to connect: the first is made at once.
fn rest(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX).min(10);
    if attempts <= 1 {
        Duration::ZERO
    } else {
        REST_MAX.min(Duration::from_millis(10) * 2_u32.pow(doublings))
    }
}

/// Follows the connection until it is closed.
pub(crate) async fn watch(
    shared: Arc<Shared>,
    client: Client,
    mut events: mpsc::UnboundedReceiver<Event>,
    names: Names,
) {
    let mut log = Log { names, was_away_said: false };
    while let Some(event) = events.recv().await {
        match event {
            Event::Connected => {
                wait_for_subscription(&client, &log.names.subject_prefix).await;
                if client.connection_state() == async_nats::connection::State::Connected {
                    shared.state.send_replace(RelayState::Connected);
                    log.back();
                }
            }
            Event::Disconnected | Event::Closed => {
                // Said also when it was so before: a return that was too short to be told must still be seen.
                shared.state.send_replace(RelayState::Away);
                log.away("the connection ended");
            }
            // Mostly an attempt to connect that failed; of a connection that stands, a message that was not sent.
            Event::ClientError(error) => {
                if *shared.state.borrow() == RelayState::Away {
                    log.away(&error.to_string());
                }
            }
            Event::ServerError(error) => {
                tracing::warn!(servers = log.names.servers, %error, "NATS objects");
            }
            Event::SlowConsumer(_) => shared.lost_incoming.notify_one(),
            Event::LameDuckMode | Event::Draining => {}
        }
    }
}

/// The client says that it is connected before the server knows what it wants to hear. A request that nobody answers is
/// answered by the server itself, when it has read everything that came before.
async fn wait_for_subscription(client: &Client, subject_prefix: &str) {
    let request = client.request(format!("{subject_prefix}.nobody"), Bytes::new());
    // A server that does not say so has read it by then, too.
    let _ = tokio::time::timeout(ANSWER_TIME_MAX, request).await;
}

/// Says each change once, however many attempts to connect fail.
struct Log {
    names: Names,
    was_away_said: bool,
}

impl Log {
    fn away(&mut self, why: &str) {
        if !std::mem::replace(&mut self.was_away_said, true) {
            tracing::warn!(
                servers = self.names.servers,
                why,
                "NATS is away; readers look at their logs every second until it is back"
            );
        }
    }

    fn back(&mut self) {
        self.was_away_said = false;
        tracing::info!(servers = self.names.servers, "NATS is connected");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_grow_and_stay_short() {
        let rests: Vec<_> = (0..6).map(|attempts| rest(attempts).as_millis()).collect();
        assert_eq!(rests, [0, 0, 20, 40, 80, 160]);
        assert_eq!(rest(usize::MAX), REST_MAX);
    }
}
