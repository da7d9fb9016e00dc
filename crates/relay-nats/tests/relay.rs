//! Replicas that hear one another through a real NATS server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::id::{AccountId, ChatId};
use engine::relay::{News, Relay, RelayState};
use futures_util::StreamExt as _;
use local_services::Nats;
use relay_nats::{NatsRelay, Settings};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// Two replicas on a subject of their own.
async fn two_on(url: &str) -> [NatsRelay; 2] {
    static INSTALLATIONS: AtomicU32 = AtomicU32::new(0);
    let installation = INSTALLATIONS.fetch_add(1, Ordering::Relaxed);
    let prefix = format!("torg.test-{}-{installation}", std::process::id());
    [replica(url, &prefix).await, replica(url, &prefix).await]
}

async fn replica(url: &str, subject_prefix: &str) -> NatsRelay {
    start(url, subject_prefix, "ours", [1; 32]).await
}

async fn start(url: &str, subject_prefix: &str, installation: &str, secret: [u8; 32]) -> NatsRelay {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let settings = Settings {
        address: url.parse().unwrap(),
        subject_prefix: subject_prefix.to_owned(),
        installation: installation.to_owned(),
        secret,
        salt: u128::from(number).to_be_bytes(),
    };
    NatsRelay::start(settings).await.unwrap()
}

async fn is_in(relay: &NatsRelay, wanted: RelayState) {
    let mut state = relay.state();
    timeout(PATIENCE, state.wait_for(|state| *state == wanted)).await.unwrap().unwrap();
}

async fn hear(relay: &NatsRelay) -> News {
    timeout(PATIENCE, relay.hear()).await.unwrap()
}

/// A replica that was away, too, may or may not be told that it missed something: it knows.
async fn hear_besides_missed(relay: &NatsRelay) -> News {
    loop {
        let news = hear(relay).await;
        if news != News::Missed {
            return news;
        }
    }
}

async fn has_dropped(relay: &NatsRelay, wanted: u64) {
    let dropping = async {
        while relay.traffic().dropped < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, dropping).await.unwrap();
}

fn account(id: i64) -> AccountId {
    AccountId::new(id).unwrap()
}

fn typing(by: i64) -> News {
    News::Typing { to: account(1), chat: ChatId::new(1).unwrap(), by: account(by) }
}

#[tokio::test]
async fn what_one_tells_the_other_hears_in_order_and_nobody_hears_itself() {
    let [one, other] = two_on(&local_services::nats_url().unwrap()).await;
    is_in(&one, RelayState::Connected).await;
    is_in(&other, RelayState::Connected).await;
    for id in 1..=500 {
        one.tell(typing(id));
    }
    for id in 1..=500 {
        assert_eq!(hear(&other).await, typing(id));
    }
    other.tell(News::CredentialsChanged { account: account(7) });
    assert_eq!(hear(&one).await, News::CredentialsChanged { account: account(7) });
    assert_eq!((one.traffic().sent, one.traffic().received), (500, 1));
    assert_eq!((other.traffic().sent, other.traffic().received), (1, 500));
}

#[tokio::test]
async fn a_server_that_comes_late_and_goes_in_between_is_found_again() {
    let nats = Nats::start().unwrap();
    nats.stop().unwrap();
    let [one, other] = two_on(&nats.url()).await;
    one.tell(typing(1));
    assert_eq!(*one.state().borrow(), RelayState::Away);
    for _ in 0..2 {
        nats.start_again().unwrap();
        for relay in [&one, &other] {
            is_in(relay, RelayState::Connected).await;
        }
        one.tell(typing(2));
        assert_eq!(hear_besides_missed(&other).await, typing(2));

        nats.stop().unwrap();
        for relay in [&one, &other] {
            is_in(relay, RelayState::Away).await;
        }
        let dropped = one.traffic().dropped;
        one.tell(typing(3));
        has_dropped(&one, dropped + 1).await;
    }
}

#[tokio::test]
async fn who_comes_back_tells_the_others_that_they_missed_something() {
    let url = local_services::nats_url().unwrap();
    let prefix = format!("torg.test-{}-missed", std::process::id());
    let other = replica(&url, &prefix).await;
    is_in(&other, RelayState::Connected).await;
    let one = replica(&url, &prefix).await;
    one.tell(typing(1));
    has_dropped(&one, 1).await;
    is_in(&one, RelayState::Connected).await;
    one.tell(typing(2));
    let mut heard = [hear(&other).await, hear(&other).await];
    heard.sort_by_key(|news| *news != News::Missed);
    assert_eq!(heard, [News::Missed, typing(2)]);
}

#[tokio::test]
async fn nobody_who_tells_waits_and_what_is_too_much_is_counted() {
    let nats = Nats::start().unwrap();
    nats.stop().unwrap();
    let [one, _other] = two_on(&nats.url()).await;
    // Without a pause, so that nothing is sent meanwhile.
    for id in 1..=5_000 {
        one.tell(typing(id));
    }
    assert!(3_900 <= one.traffic().dropped, "{:?}", one.traffic());
}

#[tokio::test]
async fn whoever_else_reaches_nats_is_not_understood_and_understands_nothing() {
    let url = local_services::nats_url().unwrap();
    let prefix = format!("torg.test-{}-strangers", std::process::id());
    let [one, other] = [replica(&url, &prefix).await, replica(&url, &prefix).await];
    let forger = start(&url, &prefix, "ours", [2; 32]).await;
    for relay in [&one, &other, &forger] {
        is_in(relay, RelayState::Connected).await;
    }
    let stranger = async_nats::connect(&url).await.unwrap();
    let mut overheard = stranger.subscribe(format!("{prefix}.>")).await.unwrap();
    let payloads =
        ["", "\u{0}", r#"{"v":2,"news":{"missed":{}}}"#, r#"{"v":3,"news":{"missed":{}}}"#];
    for payload in payloads {
        stranger.publish(format!("{prefix}.ours.news"), payload.into()).await.unwrap();
        overheard.next().await.unwrap();
    }
    forger.tell(typing(2));
    overheard.next().await.unwrap();
    one.tell(typing(1));
    assert_eq!(hear(&other).await, typing(1));
    assert_eq!(other.traffic().received, 6);
    let sealed = overheard.next().await.unwrap().payload;
    assert!(!sealed.windows(6).any(|bytes| bytes == b"typing"));
}

/// As when a network comes back, and carries what it had held up for a connection that was given up meanwhile.
#[tokio::test]
async fn what_comes_back_on_another_connection_is_not_heard_by_who_said_it() {
    let url = local_services::nats_url().unwrap();
    let prefix = format!("torg.test-{}-echoes", std::process::id());
    let [one, other] = [replica(&url, &prefix).await, replica(&url, &prefix).await];
    for relay in [&one, &other] {
        is_in(relay, RelayState::Connected).await;
    }
    let network = async_nats::connect(&url).await.unwrap();
    let mut carried = network.subscribe(format!("{prefix}.>")).await.unwrap();
    // Once this comes, NATS knows of the subscription.
    network.publish(format!("{prefix}.here"), "".into()).await.unwrap();
    carried.next().await.unwrap();
    one.tell(typing(1));
    let late = carried.next().await.unwrap();
    network.publish(late.subject, late.payload).await.unwrap();
    // Once this comes, NATS has handed it to everybody, before anything that is told from now on.
    carried.next().await.unwrap();
    other.tell(typing(2));
    assert_eq!(hear(&one).await, typing(2));
    assert_eq!(one.traffic().received, 1);
}

#[tokio::test]
async fn another_installation_with_the_same_prefix_is_not_heard() {
    let url = local_services::nats_url().unwrap();
    let prefix = format!("torg.test-{}-installations", std::process::id());
    let ours = [replica(&url, &prefix).await, replica(&url, &prefix).await];
    let other = start(&url, &prefix, "theirs", [2; 32]).await;
    for relay in ours.iter().chain([&other]) {
        is_in(relay, RelayState::Connected).await;
    }
    other.tell(typing(2));
    other.close().await;
    ours[0].tell(typing(1));
    assert_eq!(hear(&ours[1]).await, typing(1));
    assert_eq!(ours[1].traffic().received, 1);
}

#[tokio::test]
async fn what_was_told_before_the_end_is_sent() {
    let [one, other] = two_on(&local_services::nats_url().unwrap()).await;
    for relay in [&one, &other] {
        is_in(relay, RelayState::Connected).await;
    }
    for id in 1..=100 {
        one.tell(typing(id));
    }
    one.close().await;
    for id in 1..=100 {
        assert_eq!(hear(&other).await, typing(id));
    }
}
