//! A replica that NATS does not reach sees what the other one writes all the same, and the other way round.

use std::time::Duration;

use serde_json::json;

use super::gate::{Gate, State};
use super::market::SELLERS;
use super::pair::{Pair, Services};
use super::senders::Senders;
use super::streams::Follower;
use super::verdict;
use crate::recovery::call;

const MESSAGES: usize = 4;
/// Within this time a replica notices that it does not hear NATS any more, or hears it again, or that another one has
/// fallen silent. It takes some seconds; the rest is for a machine that has much else to do.
const NOTICE_TIME_MAX: Duration = Duration::from_secs(30);
/// A replica that hears nothing looks once a second; the rest is for a machine that has much else to do.
const LOOK_TIME_MAX: Duration = Duration::from_secs(4);
/// One that hears NATS, and does not know of a replica that it has never heard, looks every five seconds.
const UNAWARE_LOOK_TIME_MAX: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_cut_off_from_nats() {
    let services = Services::start().await;
    let gate = Gate::to(services.nats.port()).await;
    let urls = [services.nats.url(), format!("nats://{}", gate.address())];
    let pair = Pair::start_on(services, urls).await;
    let [hearing, cut_off] = &pair.replicas;
    let seller = SELLERS[0];
    let followers = [0, 1].map(|replica| Follower::start(&pair, seller, replica));
    let senders = Senders::start(&pair);
    senders.everybody_gets_through(MESSAGES, &[0, 1]).await;

    for state in [State::Shut, State::Silent] {
        gate.set(state);
        cut_off.wait_until_it_says(&pair.http, "nats: away", NOTICE_TIME_MAX).await;
        hearing.wait_until_it_says(&pair.http, "a replica fell silent", NOTICE_TIME_MAX).await;
        senders.everybody_gets_through(MESSAGES, &[0, 1]).await;
        gate.set(State::Open);
        cut_off.wait_until_it_says(&pair.http, "nats: connected", NOTICE_TIME_MAX).await;
        senders.everybody_gets_through(MESSAGES, &[0, 1]).await;
    }
    for replica in &pair.replicas {
        replica.wait_until_it_says(&pair.http, "others heard: 1\n", NOTICE_TIME_MAX).await;
    }

    assert!(followers.iter().all(|follower| follower.streams() == 1), "no stream broke");
    let senders = senders.stop().await;
    let logs = verdict::check(&pair, &senders).await;
    for follower in &followers {
        follower.check(&logs[&seller]).await;
    }
}

/// In logs that grow through the other replica only, so that nothing but a look finds what it writes.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_do_not_hear_one_another_look() {
    let services = Services::start().await;
    let gate = Gate::to(services.nats.port()).await;
    gate.set(State::Shut);
    let urls = [services.nats.url(), format!("nats://{}", gate.address())];
    // It starts although NATS is not there.
    let pair = Pair::start_on(services, urls).await;
    let readers = [(1, SELLERS[0], LOOK_TIME_MAX), (0, SELLERS[1], UNAWARE_LOOK_TIME_MAX)];
    for (reader, seller, time_max) in readers {
        let follower = Follower::start(&pair, seller, reader);
        for number in 1..=3 {
            let text = format!("number {number}");
            say(&pair, &pair.replicas[1 - reader].url, seller, &text).await;
            follower.sees(&text, time_max).await;
        }
    }
    gate.set(State::Open);
    pair.replicas[1].wait_until_it_says(&pair.http, "nats: connected", NOTICE_TIME_MAX).await;
}

/// A buyer says something to `seller`.
async fn say(pair: &Pair, url: &str, seller: i64, text: &str) {
    let mut chats = pair.market.chats.iter();
    let chat = chats.find(|chat| chat.seller == seller).unwrap();
    let key = &pair.market.keys[&chat.buyer];
    let url = format!("{url}/api/v1/chats/{}/messages", chat.id);
    call(&pair.http, "POST", &url, key, Some(json!({"text": text}))).await;
}
