//! Those who follow an account's log, each on a replica of its own as long as that lives, and go on with the last id that
//! they saw on whichever answers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinHandle;

use super::pair::Pair;
use crate::native::event_stream::EventStream;

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);
/// Within this time everything arrives.
const PATIENCE: Duration = Duration::from_mins(1);

/// Follows the log of one account from its beginning, until it is dropped.
pub(super) struct Follower {
    seen: Arc<Mutex<Seen>>,
    following: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    /// Every event that is an entry of the log, in the order in which they came.
    entries: Vec<(i64, Value)>,
    /// How often a stream was opened.
    streams: usize,
}

impl Follower {
    /// Follows the log of `account`, at first on the replica of this index.
    pub(super) fn start(pair: &Pair, account: i64, replica: usize) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (urls, http) = (pair.urls(), pair.http.clone());
        let key = pair.market.keys[&account].clone();
        let following = tokio::spawn(follow(http, urls, replica, key, Arc::clone(&seen)));
        Self { seen, following }
    }

    /// How often it had to connect.
    pub(super) fn streams(&self) -> usize {
        self.seen.lock().unwrap().streams
    }

    /// Waits until an event came whose message has this text.
    pub(super) async fn sees(&self, text: &str, time_max: Duration) {
        let begun = Instant::now();
        while !self.has_seen(text) {
            assert!(begun.elapsed() < time_max, "'{text}' has not come within {time_max:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn has_seen(&self, text: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        seen.entries.iter().rev().any(|(_, event)| event["message"]["text"] == text)
    }

    /// Waits until it is at the end of `log`, and holds it against that: it has seen every sequence once, in order.
    pub(super) async fn check(&self, log: &[Value]) {
        let begun = Instant::now();
        while self.seen.lock().unwrap().entries.len() < log.len() {
            assert!(!self.following.is_finished(), "the follower has failed");
            let seen = self.seen.lock().unwrap().entries.len();
            assert!(begun.elapsed() < PATIENCE, "{seen} of {} have come", log.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let seen = self.seen.lock().unwrap();
        for (expected, (sequence, event)) in (1..).zip(&seen.entries) {
            assert_eq!(*sequence, expected, "every sequence comes once, in order: {event}");
        }
        for (entry, (_, event)) in log.iter().zip(&seen.entries) {
            for field in ["sequence", "kind", "chat_id", "message_id"] {
                assert_eq!(entry[field], event[field], "{entry}, {event}");
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn follow(
    http: reqwest::Client,
    urls: [String; 2],
    first: usize,
    key: String,
    seen: Arc<Mutex<Seen>>,
) {
    let mut last = 0;
    for url in urls.iter().cycle().skip(first) {
        let request = http.get(format!("{url}/api/v1/events/stream")).bearer_auth(&key);
        let Ok(answer) = request.header("Last-Event-ID", last).send().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if answer.status() != 200 {
            assert_eq!(answer.status(), 503);
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        seen.lock().unwrap().streams += 1;
        let mut stream = EventStream::of(answer, Some(last));
        while let Some(event) = stream.next().await {
            let is_entry = !event.name.starts_with("stream.");
            if let Some(id) = event.id.filter(|_| is_entry) {
                last = id;
                seen.lock().unwrap().entries.push((id, event.data.unwrap()));
            }
        }
    }
}
