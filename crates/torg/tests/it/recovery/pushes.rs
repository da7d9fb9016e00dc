//! Webhooks of a server that is killed: everything arrives at least once, each chat in its order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Receiver, Reply};

use super::{BUYERS, FIRST_BUYER, Process, SELLER, Scene, Stop, call};

const LIVES: usize = 10;
/// A hundred and more in each life of the server.
const MESSAGES_OF_A_BUYER: usize = 13;
/// How long a push may take to arrive, at most.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the receiver was told of the seller's log.
#[derive(Default)]
struct Told {
    /// In the order in which they came first.
    sequences: Vec<i64>,
    known: BTreeSet<i64>,
    chats: BTreeMap<i64, Vec<i64>>,
    repeats: usize,
}

impl Told {
    fn note(&mut self, event: &Value) {
        let sequence = event["sequence"].as_i64().unwrap();
        if !self.known.insert(sequence) {
            self.repeats += 1;
            return;
        }
        self.sequences.push(sequence);
        if let Some(chat) = event["chat_id"].as_i64() {
            self.chats.entry(chat).or_default().push(sequence);
        }
    }
}

/// A webhook of the seller at `receiver`, and the newest entry before it.
async fn subscribe(scene: &Scene, receiver: &Receiver) -> i64 {
    let key = &scene.market.keys[&SELLER];
    let url = format!("{}/api/v1/webhooks", scene.server.url);
    let wanted = json!({"format": "native", "url": receiver.url(), "name": "test"});
    call(&scene.http, "POST", &url, key, Some(wanted)).await;
    newest(scene).await
}

async fn newest(scene: &Scene) -> i64 {
    let key = &scene.market.keys[&SELLER];
    let url = format!("{}/api/v1/events?after=0&limit=1", scene.server.url);
    call(&scene.http, "GET", &url, key, None).await["newest"].as_i64().unwrap()
}

/// Lets all buyers write at once, each so many messages.
async fn write(scene: &Scene, messages: usize) {
    let mut writing = tokio::task::JoinSet::new();
    for (buyer, chat) in (FIRST_BUYER..).zip(&scene.market.chats) {
        let (http, key) = (scene.http.clone(), scene.market.keys[&buyer].clone());
        let url = format!("{}/api/v1/chats/{chat}/messages", scene.server.url);
        writing.spawn(async move {
            for number in 0..messages {
                let text = json!({"text": format!("number {number}")});
                call(&http, "POST", &url, &key, Some(text)).await;
            }
        });
    }
    writing.join_all().await;
}

fn told(receiver: &Receiver, reply: impl Fn(usize) -> Reply + Send + 'static) -> Arc<Mutex<Told>> {
    let told = Arc::new(Mutex::new(Told::default()));
    let noted = Arc::clone(&told);
    let mut calls = 0;
    receiver.reply_by(move |push| {
        let reply = reply(calls);
        calls += 1;
        if reply != Reply::Hang {
            noted.lock().unwrap().note(&push.json());
        }
        reply
    });
    told
}

async fn wait_for_all(told: &Mutex<Told>, count: usize) {
    let begun = std::time::Instant::now();
    while told.lock().unwrap().known.len() < count {
        let missing = count - told.lock().unwrap().known.len();
        assert!(begun.elapsed() < PATIENCE, "{missing} of {count} entries have not arrived");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_again_and_again_pushes_everything_in_the_order_of_each_chat() {
    let mut scene = Scene::new().await;
    let receiver = Receiver::start(Reply::status(204)).await;
    // Now slow, now quick, and slower than the writers: a kill meets pushes at every stage and leaves many to be made.
    let told = told(&receiver, |call| match call % 3 {
        0 => Reply::Late(Duration::from_millis(25)),
        _ => Reply::status(204),
    });
    let first = subscribe(&scene, &receiver).await + 1;
    let mut left = 0;
    for _ in 0..LIVES {
        write(&scene, MESSAGES_OF_A_BUYER).await;
        let newest = newest(&scene).await;
        scene.server.stop(Stop::Kill);
        left += newest + 1 - first - i64::try_from(told.lock().unwrap().known.len()).unwrap();
        scene.server = Process::start(&scene.home, &scene.http).await;
    }
    assert!(0 < left, "the server died with pushes still to be made");
    let last = newest(&scene).await;
    let expected: BTreeSet<i64> = (first..=last).collect();
    assert!(LIVES * BUYERS * MESSAGES_OF_A_BUYER <= expected.len());
    wait_for_all(&told, expected.len()).await;

    let told = told.lock().unwrap();
    assert_eq!(told.known, expected, "every entry arrives, and no other");
    for (chat, sequences) in &told.chats {
        assert!(sequences.is_sorted(), "the order of chat {chat}: {sequences:?}");
    }
    assert_eq!(told.chats.len(), BUYERS);
    // A kill repeats what was in flight, or answered and not saved: no more than eight chats at a time.
    assert!(told.repeats <= 8 * LIVES, "{} repeats", told.repeats);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_and_not_pushed_is_pushed_after_a_restart() {
    let mut scene = Scene::new().await;
    let receiver = Receiver::start(Reply::Hang).await;
    let first = subscribe(&scene, &receiver).await + 1;
    write(&scene, 3).await;
    // The pushes are under way when the server dies.
    receiver.next().await;
    let last = newest(&scene).await;
    scene.server.stop(Stop::Kill);
    let told = told(&receiver, |_| Reply::status(204));
    let begun = std::time::Instant::now();
    scene.server = Process::start(&scene.home, &scene.http).await;
    let expected: BTreeSet<i64> = (first..=last).collect();
    wait_for_all(&told, expected.len()).await;
    assert_eq!(told.lock().unwrap().known, expected);
    // The only server of a data directory finds the webhook under its own name. Of many it would have to wait for the
    // lease to run out.
    let in_time = Duration::from_secs(if scene.home.store.is_in_data_dir() { 8 } else { 25 });
    assert!(begun.elapsed() < in_time, "{:?}", begun.elapsed());
}
