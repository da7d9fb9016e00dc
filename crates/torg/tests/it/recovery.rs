//! The real binary is stopped while 32 senders write, by `kill -9` twenty times over and by SIGTERM: what was
//! acknowledged is there, once, in order, and no log has a gap.

mod pushes;

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::StorePlace;

use super::signals;

const KILLS: usize = 20;
const SENDERS: usize = 32;
const BUYERS: usize = 8;
const SELLER: i64 = 7;
const FIRST_BUYER: i64 = 100;
/// How long the senders of a round write before the server dies, at least.
const ROUND: Duration = Duration::from_millis(120);
/// How long the first messages of a round may take, at most.
const PATIENCE: Duration = Duration::from_secs(30);
const TORG: &str = env!("CARGO_BIN_EXE_torg");

/// The binary, running on a home.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    async fn start(home: &Home, http: &reqwest::Client) -> Self {
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(TORG)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .args(home.arguments())
            .args(["--set", "native.requests_per_minute=0"])
            .args(["--set", "webhooks.allow_private_addresses=true"])
            // On a machine without root certificates everything works but pushes over https.
            .envs([("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/dev/null")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self { child, url: format!("http://127.0.0.1:{port}") };
        for _ in 0..600 {
            if http
                .get(format!("{}/readyz", this.url))
                .send()
                .await
                .is_ok_and(|answer| answer.status() == 200)
            {
                return this;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the server does not start");
    }

    fn stop(&mut self, stop: Stop) {
        match stop {
            Stop::Kill => self.child.kill().unwrap(),
            Stop::Terminate => signals::send("-TERM", &self.child),
        }
        let status = self.child.wait().unwrap();
        assert_eq!(status.success(), stop == Stop::Terminate, "{status}");
    }
}

/// Where everything is that a server finds again when it starts again.
struct Home {
    data: tempfile::TempDir,
    store: StorePlace,
}

impl Home {
    fn new() -> Self {
        Self { data: tempfile::tempdir().unwrap(), store: StorePlace::new() }
    }

    /// What the binary has to be told.
    fn arguments(&self) -> [&OsStr; 4] {
        let (data, store) = (self.data.path().as_os_str(), self.store.setting().as_ref());
        ["--data-dir".as_ref(), data, "--store".as_ref(), store]
    }
}

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// SIGKILL: no handler runs, nothing is flushed.
    Kill,
    /// SIGTERM: what was accepted is finished first.
    Terminate,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the tests know of the market that they have pushed.
struct Market {
    /// By account.
    keys: HashMap<i64, String>,
    /// One with each buyer.
    chats: Vec<i64>,
}

/// What a call that has to succeed answers.
pub(crate) async fn call(
    http: &reqwest::Client,
    method: &str,
    url: &str,
    key: &str,
    body: Option<Value>,
) -> Value {
    let request = http.request(method.parse().unwrap(), url).bearer_auth(key);
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{method} {url}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

async fn build_market(http: &reqwest::Client, url: &str, host_key: &str) -> Market {
    let put = async |path: String, body: Value| {
        call(http, "PUT", &format!("{url}/api/v1/host/{path}"), host_key, Some(body)).await;
    };
    let buyers = (0..).take(BUYERS).map(|index| FIRST_BUYER + index);
    let mut keys = HashMap::new();
    for account in std::iter::once(SELLER).chain(buyers.clone()) {
        let card = json!({"display_name": "Somebody", "created_at": "2026-01-01T00:00:00Z"});
        put(format!("accounts/{account}"), card).await;
        let wanted =
            json!({"name": "test", "audience": "native", "scopes": ["chats:read", "chats:write"]});
        let keys_url = format!("{url}/api/v1/host/accounts/{account}/keys");
        let made = call(http, "POST", &keys_url, host_key, Some(wanted)).await;
        keys.insert(account, made["secret"].as_str().unwrap().to_owned());
    }
    let product = json!({
        "seller_id": SELLER, "title": "Lamp", "price": 100, "published_at": "2026-01-01T00:00:00Z",
    });
    put("products/1".to_owned(), product).await;
    let mut chats = Vec::new();
    for buyer in buyers {
        let body = json!({"context": {"type": "product", "id": 1}});
        let opened =
            call(http, "POST", &format!("{url}/api/v1/chats"), &keys[&buyer], Some(body)).await;
        chats.push(opened["chat"]["id"].as_i64().unwrap());
    }
    Market { keys, chats }
}

/// A message that the server has acknowledged.
#[derive(Clone, Debug)]
struct Acknowledged {
    chat: i64,
    id: i64,
    text: String,
}

/// Lets all senders write until the server is gone, and answers what was acknowledged.
async fn write_until(
    stop: Stop,
    http: &reqwest::Client,
    server: &mut Process,
    market: &Market,
    round: usize,
) -> Vec<Acknowledged> {
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let buyer = sender % BUYERS;
        let chat = market.chats[buyer];
        let author =
            if sender < SENDERS / 2 { FIRST_BUYER + i64::try_from(buyer).unwrap() } else { SELLER };
        let key = market.keys[&author].clone();
        let url = format!("{}/api/v1/chats/{chat}/messages", server.url);
        let (http, acknowledged) = (http.clone(), Arc::clone(&acknowledged));
        senders.spawn(async move {
            for number in 0.. {
                let text = format!("round {round} sender {sender} number {number}");
                let answer =
                    http.post(&url).bearer_auth(&key).json(&json!({"text": text})).send().await;
                let Ok(answer) = answer else { return };
                let status = answer.status();
                let Ok(message) = answer.json::<Value>().await else { return };
                // PostgreSQL has no connection to spare for a moment: nothing was written, nothing is acknowledged.
                if status == 503 {
                    continue;
                }
                assert_eq!(status, 201, "{message}");
                let id = message["id"].as_i64().unwrap();
                acknowledged.lock().unwrap().push(Acknowledged { chat, id, text });
            }
        });
    }
    // A server that has just begun opens its connections to PostgreSQL first.
    let begun = Instant::now();
    while acknowledged.lock().unwrap().len() < SENDERS && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Never at the same point of a round.
    tokio::time::sleep(ROUND + Duration::from_millis(u64::try_from(round * 13 % 97).unwrap()))
        .await;
    server.stop(stop);
    while let Some(ended) = senders.join_next().await {
        ended.unwrap();
    }
    Arc::into_inner(acknowledged).unwrap().into_inner().unwrap()
}

/// Reads on where the round before has stopped.
#[derive(Default)]
struct Reader {
    last_message: HashMap<i64, i64>,
    last_sequence: HashMap<i64, i64>,
    /// Every message that any history has shown.
    shown: HashMap<i64, HashSet<i64>>,
}

impl Reader {
    async fn check(
        &mut self,
        http: &reqwest::Client,
        url: &str,
        market: &Market,
        acknowledged: &[Acknowledged],
    ) {
        let mut texts: HashMap<String, (i64, i64)> = HashMap::new();
        for &chat in &market.chats {
            let last = self.last_message.entry(chat).or_insert(0);
            loop {
                let page = format!("{url}/api/v1/chats/{chat}/messages?after={last}&limit=100");
                let page = call(http, "GET", &page, &market.keys[&SELLER], None).await;
                for message in page["messages"].as_array().unwrap() {
                    let id = message["id"].as_i64().unwrap();
                    assert!(*last < id, "ids rise within a chat");
                    *last = id;
                    self.shown.entry(chat).or_default().insert(id);
                    let text = message["text"].as_str().unwrap().to_owned();
                    assert_eq!(texts.insert(text, (chat, id)), None, "a message is there once");
                }
                if !page["has_more"].as_bool().unwrap() {
                    break;
                }
            }
        }
        for message in acknowledged {
            let found = texts.get(&message.text);
            assert_eq!(found, Some(&(message.chat, message.id)), "acknowledged: {message:?}");
        }
        for (&account, key) in &market.keys {
            self.check_log(http, url, account, key).await;
        }
    }

    async fn check_log(&mut self, http: &reqwest::Client, url: &str, account: i64, key: &str) {
        let last = self.last_sequence.entry(account).or_insert(0);
        loop {
            let page = format!("{url}/api/v1/events?after={last}&limit=500");
            let page = call(http, "GET", &page, key, None).await;
            let events = page["events"].as_array().unwrap();
            for event in events {
                *last += 1;
                assert_eq!(
                    event["sequence"].as_i64(),
                    Some(*last),
                    "the log of {account} has no gap"
                );
                if event["kind"] == "message.created" {
                    let chat = event["chat_id"].as_i64().unwrap();
                    let id = event["message_id"].as_i64().unwrap();
                    let known = self.shown.get(&chat).is_some_and(|shown| shown.contains(&id));
                    assert!(
                        known,
                        "the log of {account} tells of message {id}, which no history shows"
                    );
                }
            }
            if events.is_empty() {
                assert_eq!(page["newest"].as_i64(), Some(*last));
                return;
            }
        }
    }
}

/// A market in a new home.
struct Scene {
    home: Home,
    http: reqwest::Client,
    server: Process,
    market: Market,
    reader: Reader,
}

impl Scene {
    async fn new() -> Self {
        let home = Home::new();
        let http = testkit::http_client();
        let made = Command::new(TORG)
            .args(["key", "create", "--name", "test"])
            .args(home.arguments())
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let host_key = String::from_utf8(made.stdout).unwrap().trim().to_owned();

        let server = Process::start(&home, &http).await;
        let market = build_market(&http, &server.url, &host_key).await;
        Self { home, http, server, market, reader: Reader::default() }
    }

    /// Writes, stops, starts again and checks. Answers how many messages were acknowledged.
    async fn round(&mut self, stop: Stop, round: usize) -> usize {
        let Self { home, http, server, market, reader } = self;
        let acknowledged = write_until(stop, http, server, market, round).await;
        assert!(!acknowledged.is_empty(), "round {round} wrote nothing");
        *server = Process::start(home, http).await;
        reader.check(http, &server.url, market, &acknowledged).await;
        acknowledged.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() {
    let mut scene = Scene::new().await;
    let mut total = 0;
    for round in 0..KILLS {
        total += scene.round(Stop::Kill, round).await;
    }
    assert!(KILLS * SENDERS <= total, "the senders were busy: {total}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_finishes_what_was_accepted() {
    let mut scene = Scene::new().await;
    let (http, market) = (scene.http.clone(), &scene.market);
    let before = count_messages(&http, &scene.server.url, market).await;
    let acknowledged = write_until(Stop::Terminate, &http, &mut scene.server, market, 0).await;
    scene.server = Process::start(&scene.home, &http).await;
    scene.reader.check(&http, &scene.server.url, market, &acknowledged).await;
    let after = count_messages(&http, &scene.server.url, market).await;
    assert_eq!(
        after - before,
        acknowledged.len(),
        "every message that was stored was acknowledged"
    );
}

/// How many messages the seller's log tells of.
async fn count_messages(http: &reqwest::Client, url: &str, market: &Market) -> usize {
    let mut after = 0;
    let mut count = 0;
    loop {
        let page = format!("{url}/api/v1/events?after={after}&limit=500");
        let page = call(http, "GET", &page, &market.keys[&SELLER], None).await;
        let events = page["events"].as_array().unwrap();
        if events.is_empty() {
            return count;
        }
        count += events.iter().filter(|event| event["kind"] == "message.created").count();
        after = page["next_after"].as_i64().unwrap();
    }
}
