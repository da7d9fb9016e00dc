//! One thing after the other goes away while everybody writes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use local_services::StopMode;
use serde_json::json;
use testkit::{Receiver, Reply};

use super::market::SELLERS;
use super::pair::{Pair, blocking};
use super::senders::{ANSWER_TIME_MAX, Senders};
use super::streams::Follower;
use super::verdict;
use crate::recovery::call;

/// The environment variable that says for how many seconds PostgreSQL is away, where it is away for a while.
const DOWN_SECONDS_VARIABLE: &str = "TORG_TEST_POSTGRES_DOWN_SECONDS";
const DOWN_SECONDS: u64 = 6;
/// So many messages everybody gets through before, and after.
const MESSAGES: usize = 4;
/// Within this time a replica notices what is there and what is not, on a machine that has much else to do.
const NOTICE_TIME_MAX: Duration = Duration::from_secs(15);
/// A webhook whose holder was killed waits for the end of the lease first.
const PUSH_TIME_MAX: Duration = Duration::from_mins(1);

/// The senders at work on two replicas, with a stream on each of these and a webhook, all of the same seller.
struct Scene {
    pair: Pair,
    senders: Senders,
    followers: [Follower; 2],
    pushed: Arc<Mutex<BTreeSet<i64>>>,
    _receiver: Receiver,
}

impl Scene {
    async fn begin(pair: Pair) -> Self {
        let receiver = Receiver::start(Reply::status(204)).await;
        let pushed = Arc::new(Mutex::new(BTreeSet::new()));
        let noted = Arc::clone(&pushed);
        receiver.reply_by(move |push| {
            noted.lock().unwrap().insert(push.json()["sequence"].as_i64().unwrap());
            Reply::status(204)
        });
        let seller = SELLERS[0];
        let wanted = json!({"format": "native", "url": receiver.url(), "name": "test"});
        let url = format!("{}/api/v1/webhooks", pair.replicas[0].url);
        call(&pair.http, "POST", &url, &pair.market.keys[&seller], Some(wanted)).await;

        let followers = [0, 1].map(|replica| Follower::start(&pair, seller, replica));
        let senders = Senders::start(&pair);
        senders.everybody_gets_through(MESSAGES, &[0, 1]).await;
        Self { pair, senders, followers, pushed, _receiver: receiver }
    }

    /// Lets everybody write for a while longer, and holds everything that is known against everything that is stored.
    async fn end(self) {
        let Self { pair, senders, followers, pushed, _receiver } = self;
        senders.everybody_gets_through(MESSAGES, &[0, 1]).await;
        let senders = senders.stop().await;
        let logs = verdict::check(&pair, &senders).await;
        let log = &logs[&SELLERS[0]];
        for follower in &followers {
            follower.check(log).await;
        }
        // The webhook was there before the first message.
        let expected: BTreeSet<i64> = log
            .iter()
            .filter(|entry| entry["kind"] == "message.created")
            .map(|entry| entry["sequence"].as_i64().unwrap())
            .collect();
        let begun = Instant::now();
        while !pushed.lock().unwrap().is_superset(&expected) {
            let missing = expected.difference(&pushed.lock().unwrap()).count();
            assert!(begun.elapsed() < PUSH_TIME_MAX, "{missing} of {} pushes", expected.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_killed() {
    let mut scene = Scene::begin(Pair::start().await).await;
    for victim in [1, 0] {
        scene.pair.replicas[victim].kill();
        scene.senders.everybody_gets_through(MESSAGES, &[1 - victim]).await;
        scene.pair.replicas[victim].start_again(&scene.pair.http).await;
        scene.senders.everybody_gets_through(MESSAGES, &[0, 1]).await;
    }
    assert!(scene.followers.iter().all(|follower| 2 <= follower.streams()), "streams went on");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_crashes_and_is_back_at_once() {
    let scene = Scene::begin(Pair::start().await).await;
    for _ in 0..2 {
        let postgres = Arc::clone(&scene.pair.services.postgres);
        blocking(move || postgres.restart(StopMode::Immediate).unwrap()).await;
        scene.senders.everybody_gets_through(MESSAGES, &[0, 1]).await;
    }
    // A stream bears a database that is away for a moment.
    assert!(scene.followers.iter().all(|follower| follower.streams() == 1));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_away_for_a_while() {
    let seconds = std::env::var(DOWN_SECONDS_VARIABLE)
        .map_or(DOWN_SECONDS, |seconds| seconds.parse().unwrap());
    let scene = Scene::begin(Pair::start().await).await;
    let Scene { pair, senders, .. } = &scene;
    let postgres = Arc::clone(&pair.services.postgres);
    blocking(move || postgres.stop(StopMode::Immediate).unwrap()).await;
    let gone = Instant::now();
    for replica in &pair.replicas {
        replica.wait_until_it_says(&pair.http, "store: does not answer", NOTICE_TIME_MAX).await;
    }
    tokio::time::sleep(Duration::from_secs(seconds).saturating_sub(gone.elapsed())).await;

    let answers = senders.answers_since(gone);
    assert!(!answers.is_empty());
    for answer in &answers {
        assert_eq!(answer.status, Some(503), "{answer:?}");
        assert!(answer.retry_after.is_some_and(|seconds| 0 < seconds), "{answer:?}");
        assert!(answer.took < ANSWER_TIME_MAX, "{answer:?}");
    }

    let postgres = Arc::clone(&pair.services.postgres);
    blocking(move || postgres.start_again().unwrap()).await;
    let back = Instant::now();
    senders.everybody_gets_through(1, &[0, 1]).await;
    assert!(back.elapsed() < NOTICE_TIME_MAX, "it took {:?}", back.elapsed());
    for replica in &pair.replicas {
        replica.wait_until_it_says(&pair.http, "store: answers", NOTICE_TIME_MAX).await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_restarts() {
    let scene = Scene::begin(Pair::start().await).await;
    let Scene { pair, senders, .. } = &scene;
    let nats = Arc::clone(&pair.services.nats);
    blocking(move || nats.stop().unwrap()).await;
    for replica in &pair.replicas {
        replica.wait_until_it_says(&pair.http, "nats: away", NOTICE_TIME_MAX).await;
    }
    senders.everybody_gets_through(MESSAGES, &[0, 1]).await;
    let nats = Arc::clone(&pair.services.nats);
    blocking(move || nats.start_again().unwrap()).await;
    for replica in &pair.replicas {
        replica.wait_until_it_says(&pair.http, "nats: connected", NOTICE_TIME_MAX).await;
    }
    // Whoever is told of nothing looks by itself: no stream had to begin again.
    assert!(scene.followers.iter().all(|follower| follower.streams() == 1));
    scene.end().await;
}
