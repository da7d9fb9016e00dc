//! Those who write without a rest, over both replicas in turn, and note what they were told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use super::market::Market;
use super::pair::Pair;

pub(super) const SENDERS: usize = 32;
/// Between two messages of a sender: what is lost shows among hundreds of messages as well as among thousands.
const PAUSE: Duration = Duration::from_millis(80);
/// Before a message is sent again. Less than Retry-After asks for: a server that comes back must bear the impatient.
const PAUSE_BEFORE_REPEAT: Duration = Duration::from_millis(150);
/// No request takes longer than this, whatever is broken: no client is left hanging.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(15);
/// Within this time everybody gets through again.
const PATIENCE: Duration = Duration::from_mins(1);
/// Now and then a sender reads, so that there are positions and counters.
const MESSAGES_BETWEEN_READS: usize = 7;

/// The senders at work.
pub(super) struct Senders {
    shared: Arc<Shared>,
    working: JoinSet<Sender>,
}

struct Shared {
    http: reqwest::Client,
    urls: [String; 2],
    market: Market,
    turn: AtomicUsize,
    is_over: AtomicBool,
    /// How many messages of each sender were acknowledged.
    acknowledged: [AtomicUsize; SENDERS],
    /// How many each replica has acknowledged.
    by_replica: [AtomicUsize; 2],
    answers: Mutex<Vec<Answer>>,
}

/// One sender, and what it knows of its messages: the first one has the number 1.
pub(super) struct Sender {
    pub(super) name: usize,
    pub(super) chat: i64,
    pub(super) author: i64,
    /// Whether each message has an idempotency key and is repeated until it is acknowledged.
    pub(super) repeats: bool,
    pub(super) messages: Vec<Outcome>,
}

/// What a sender knows of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is stored, under this id.
    Acknowledged(i64),
    /// It was not stored.
    Refused,
    /// Nobody said.
    Unknown,
}

/// What came back from one request, and when.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) asked: Instant,
    pub(super) took: Duration,
    /// None when the connection broke.
    pub(super) status: Option<u16>,
    pub(super) retry_after: Option<u64>,
}

impl Sender {
    /// The text of its message of this number.
    pub(super) fn text(&self, number: usize) -> String {
        format!("{}{number}", self.text_prefix())
    }

    /// What all its texts begin with, and nobody else's.
    pub(super) fn text_prefix(&self) -> String {
        format!("sender {} number ", self.name)
    }
}

impl Senders {
    /// Begins to write: some senders in each chat, of both sides, half of them with idempotency keys.
    pub(super) fn start(pair: &Pair) -> Self {
        let shared = Arc::new(Shared {
            http: pair.http.clone(),
            urls: pair.urls(),
            market: pair.market.clone(),
            turn: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            acknowledged: [const { AtomicUsize::new(0) }; SENDERS],
            by_replica: [const { AtomicUsize::new(0) }; 2],
            answers: Mutex::default(),
        });
        let chats = &pair.market.chats;
        let working = (0..SENDERS).map(|name| {
            let chat = chats[name % chats.len()];
            let round = name / chats.len();
            let author = if round.is_multiple_of(2) { chat.buyer } else { chat.seller };
            let sender =
                Sender { name, chat: chat.id, author, repeats: round < 2, messages: Vec::new() };
            Arc::clone(&shared).write(sender)
        });
        let working = working.collect();
        Self { shared, working }
    }

    /// Waits until every sender has got through some more messages, and each of `replicas` has taken some.
    pub(super) async fn everybody_gets_through(&self, messages: usize, replicas: &[usize]) {
        let count = |counters: &[AtomicUsize]| -> Vec<usize> {
            counters.iter().map(|counter| counter.load(Ordering::Relaxed)).collect()
        };
        let shared = &self.shared;
        let (before, taken) = (count(&shared.acknowledged), count(&shared.by_replica));
        let begun = Instant::now();
        loop {
            let now = count(&shared.acknowledged);
            let waiting: Vec<usize> =
                (0..SENDERS).filter(|&name| now[name] < before[name] + messages).collect();
            let now = count(&shared.by_replica);
            let idle: Vec<_> =
                replicas.iter().filter(|&&replica| now[replica] == taken[replica]).collect();
            if waiting.is_empty() && idle.is_empty() {
                return;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "senders {waiting:?} do not get through, replicas {idle:?} take nothing"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What was answered to requests that were made after `since`.
    pub(super) fn answers_since(&self, since: Instant) -> Vec<Answer> {
        let answers = self.shared.answers.lock().unwrap();
        answers.iter().filter(|answer| since <= answer.asked).cloned().collect()
    }

    /// Lets everybody finish the message at hand. Answers what they know.
    pub(super) async fn stop(self) -> Vec<Sender> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let senders = self.working.join_all().await;
        for answer in self.shared.answers.lock().unwrap().iter() {
            assert!(answer.took < ANSWER_TIME_MAX, "{answer:?}");
        }
        senders
    }
}

impl Shared {
    async fn write(self: Arc<Self>, mut sender: Sender) -> Sender {
        while !self.is_over.load(Ordering::Relaxed) {
            let outcome = self.send(&sender).await;
            if let Outcome::Acknowledged(_) = outcome {
                self.acknowledged[sender.name].fetch_add(1, Ordering::Relaxed);
            }
            sender.messages.push(outcome);
            if sender.messages.len().is_multiple_of(MESSAGES_BETWEEN_READS) {
                self.read(&sender).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
        sender
    }

    /// Sends the next message; one with a key until it is acknowledged.
    async fn send(&self, sender: &Sender) -> Outcome {
        let text = sender.text(sender.messages.len() + 1);
        loop {
            let outcome = self.try_to_send(sender, &text).await;
            if !sender.repeats || matches!(outcome, Outcome::Acknowledged(_)) {
                return outcome;
            }
            tokio::time::sleep(PAUSE_BEFORE_REPEAT).await;
        }
    }

    async fn try_to_send(&self, sender: &Sender, text: &str) -> Outcome {
        let replica = self.turn.fetch_add(1, Ordering::Relaxed) % self.urls.len();
        let url = format!("{}/api/v1/chats/{}/messages", self.urls[replica], sender.chat);
        let request = self
            .http
            .post(url)
            .bearer_auth(&self.market.keys[&sender.author])
            .json(&json!({"text": text}));
        let request =
            if sender.repeats { request.header("Idempotency-Key", text) } else { request };
        let asked = Instant::now();
        let answer = request.send().await;
        let note = |status, retry_after| {
            let answer = Answer { asked, took: asked.elapsed(), status, retry_after };
            self.answers.lock().unwrap().push(answer);
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                note(None, None);
                return if error.is_connect() { Outcome::Refused } else { Outcome::Unknown };
            }
        };
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let body = answer.json::<serde_json::Value>().await;
        note(Some(status), retry_after);
        let Ok(body) = body else { return Outcome::Unknown };
        match status {
            200 | 201 => {
                self.by_replica[replica].fetch_add(1, Ordering::Relaxed);
                assert!(status == 201 || sender.repeats, "{body}");
                Outcome::Acknowledged(body["id"].as_i64().unwrap())
            }
            503 => Outcome::Refused,
            500 if body["type"] == "/problems/outcome-unknown" => Outcome::Unknown,
            _ => panic!("{status} {body}"),
        }
    }

    /// Marks everything in its chat as read, if that can be had now.
    async fn read(&self, sender: &Sender) {
        let replica = self.turn.fetch_add(1, Ordering::Relaxed) % self.urls.len();
        let url = format!("{}/api/v1/chats/{}/read", self.urls[replica], sender.chat);
        let key = &self.market.keys[&sender.author];
        let _ = self.http.post(url).bearer_auth(key).json(&json!({})).send().await;
    }
}
