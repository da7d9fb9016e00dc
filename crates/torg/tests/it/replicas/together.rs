//! What two replicas do at the same time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::market::{BUYERS, SELLERS, make_key, open_chat};
use super::pair::Pair;
use super::streams::Follower;
use crate::native::event_stream::EventStream;
use crate::recovery::call;

/// So often both are asked at the same time.
const ROUNDS: usize = 20;
/// A wake-up takes a millisecond; the rest is for a machine that has much else to do. Without it, a replica that hears the
/// others would look after five seconds.
const HEARD_TIME_MAX: Duration = Duration::from_secs(4);
const REVOKED_TIME_MAX: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_on_one_is_streamed_by_the_other() {
    let pair = Pair::start().await;
    let followers = [0, 1].map(|replica| Follower::start(&pair, SELLERS[0], replica));
    let chat = pair.market.chats[0];
    let mut delays = Vec::new();
    for number in 0..ROUNDS {
        let writer = number % 2;
        let text = format!("number {number}");
        let url = format!("{}/api/v1/chats/{}/messages", pair.replicas[writer].url, chat.id);
        let body = json!({"text": text});
        call(&pair.http, "POST", &url, &pair.market.keys[&chat.buyer], Some(body)).await;
        let begun = Instant::now();
        followers[1 - writer].sees(&text, HEARD_TIME_MAX).await;
        delays.push(begun.elapsed());
    }
    delays.sort_unstable();
    // Nobody who has to look for it is so quick, again and again.
    assert!(delays[ROUNDS / 2] < Duration::from_millis(500), "{delays:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_chat_and_one_message_for_each_key() {
    let pair = Pair::start().await;
    let [one, other] = pair.urls();
    for round in 0..ROUNDS {
        // A product that nobody has asked about.
        let product = 1_000 + i64::try_from(round).unwrap();
        let facts = json!({
            "seller_id": SELLERS[0], "title": "Lamp", "price": 100,
            "published_at": "2026-01-01T00:00:00Z",
        });
        let url = format!("{one}/api/v1/host/products/{product}");
        call(&pair.http, "PUT", &url, &pair.host_key, Some(facts)).await;
        let key = &pair.market.keys[&BUYERS[0]];
        let opened: BTreeSet<i64> =
            at_once(&[&one, &other], async |url| open_chat(&pair.http, url, key, product).await)
                .await
                .iter()
                .map(|opened| opened["chat"]["id"].as_i64().unwrap())
                .collect();
        assert_eq!(opened.len(), 1, "{opened:?}");
        let chat = opened.first().unwrap();
        let said = at_once(&[&one, &other], async |url| {
            let url = format!("{url}/api/v1/chats/{chat}/messages");
            let body = json!({"text": "once", "client_key": format!("round {round}")});
            call(&pair.http, "POST", &url, key, Some(body)).await
        })
        .await;
        let ids: BTreeSet<i64> =
            said.iter().map(|message| message["id"].as_i64().unwrap()).collect();
        let url = format!("{one}/api/v1/chats/{chat}/messages");
        let stored = call(&pair.http, "GET", &url, key, None).await;
        let stored = stored["messages"].as_array().unwrap();
        assert_eq!((ids.len(), stored.len()), (1, 1), "{said:?} {stored:?}");
        assert_eq!(stored[0]["id"], said[0]["id"]);
    }
}

/// Calls several at the same time, each of them twice.
async fn at_once(urls: &[&str], call: impl AsyncFn(&str) -> Value) -> Vec<Value> {
    let calls = urls.iter().chain(urls).map(|url| call(url));
    futures_util::future::join_all(calls).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_stops_working_on_both() {
    let pair = Pair::start().await;
    let [one, other] = pair.urls();
    let account = SELLERS[0];
    let made = make_key(&pair.http, &one, &pair.host_key, account).await;
    let (id, key) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let mut streams = Vec::new();
    for url in [&one, &other] {
        let request = pair.http.get(format!("{url}/api/v1/events/stream")).bearer_auth(key);
        let mut stream = EventStream::of(request.send().await.unwrap(), None);
        assert_eq!(stream.next().await.unwrap().name, "stream.ready");
        streams.push(stream);
    }
    let revoke = format!("{one}/api/v1/host/accounts/{account}/keys/{id}");
    call(&pair.http, "DELETE", &revoke, &pair.host_key, None).await;
    let begun = Instant::now();
    for url in [&one, &other] {
        let answer = pair.http.get(format!("{url}/api/v1/me")).bearer_auth(key).send().await;
        assert_eq!(answer.unwrap().status(), 401);
    }
    for stream in &mut streams {
        let closing = stream.expect("stream.closing").await;
        assert_eq!(closing["type"], "/problems/key-revoked");
        assert_eq!(stream.next().await, None);
    }
    assert!(begun.elapsed() < REVOKED_TIME_MAX, "{:?}", begun.elapsed());
}

/// Both have begun on an empty database at the same time, as they do in every test here.
#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_once_and_secrets_are_the_same() {
    let pair = Pair::start().await;
    let url = pair.services.postgres.url();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let talking = tokio::spawn(connection);
    let rows = client.query("SELECT version FROM schema_migrations", &[]).await.unwrap();
    let versions: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let each_once: BTreeSet<i64> = versions.iter().copied().collect();
    assert!(!versions.is_empty() && versions.len() == each_once.len(), "{versions:?}");
    drop(client);
    talking.await.unwrap().unwrap();

    // What one of them has sealed or signed the other one accepts.
    let [one, other] = pair.urls();
    let key = &pair.market.keys[&SELLERS[0]];
    let page = call(&pair.http, "GET", &format!("{one}/api/v1/chats?limit=1"), key, None).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = format!("{other}/api/v1/chats?limit=1&cursor={cursor}");
    let next = call(&pair.http, "GET", &next, key, None).await;
    assert_ne!(next["chats"][0]["id"], page["chats"][0]["id"]);

    let upload = pair.http.post(format!("{one}/api/v1/attachments?name=a.txt")).bearer_auth(key);
    let uploaded: Value =
        upload.body("in the folder of both").send().await.unwrap().json().await.unwrap();
    let chat = pair.market.chats[0].id;
    let message = format!("{one}/api/v1/chats/{chat}/messages");
    let body = json!({"attachment_ids": [uploaded["id"]]});
    let sent = call(&pair.http, "POST", &message, key, Some(body)).await;
    let link = sent["attachments"][0]["url"].as_str().unwrap().replace(&one, &other);
    let file = pair.http.get(link).send().await.unwrap().text().await.unwrap();
    assert_eq!(file, "in the folder of both");
}
