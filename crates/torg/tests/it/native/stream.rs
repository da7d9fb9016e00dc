//! Streams of events: what they tell, from where, and how they end.

use std::time::{Duration, Instant};

use domain::SignedDuration;
use engine::clock::Clock as _;
use reqwest::StatusCode;
use serde_json::json;
use testkit::{BUYER, OTHER_BUYER, SELLER, Server};

use super::client::Client;

/// A moment in which nothing that is to come stays away.
const MOMENT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_stream_tells_what_the_log_shows() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let mut stream = seller.stream("", None).await;
    assert_eq!((stream.last_id, stream.retry_ms), (Some(1), Some(3000)));
    assert_eq!(stream.headers()["x-accel-buffering"], "no");
    assert!(stream.headers().contains_key("ratelimit-remaining"));

    buyer.say(chat, "первая\r\nстрока\rи ещё").await;
    let created = stream.next_of_log().await.unwrap();
    assert_eq!((created.id, created.name.as_str()), (Some(2), "message.created"));
    seller.say(chat, "ответ").await;
    assert_eq!(stream.next_of_log().await.unwrap().id, Some(3));
    buyer.get(&format!("/chats/{chat}/messages")).await.ok();
    let delivered = stream.next_of_log().await.unwrap();
    assert_eq!((delivered.id, delivered.name.as_str()), (Some(4), "chat.delivered"));
    let rest = seller.get("/events?after=1&limit=3").await.ok();
    let created = created.data.unwrap();
    assert_eq!(created["message"]["text"], "первая\r\nстрока\rи ещё");
    assert_eq!(created["sequence"], rest["events"][0]["sequence"]);
    assert_eq!(delivered.data.unwrap(), rest["events"][2]);
}

#[tokio::test]
async fn what_the_reader_wrote_itself_delivers_nothing() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    buyer.say(chat, "до потока").await;
    let mut stream = seller.stream("", None).await;
    let mut told = buyer.stream("?kind=chat.delivered", None).await;
    // The stream is handed this alone, and never what the buyer said.
    seller.say(chat, "сам").await;
    assert_eq!(stream.next_of_log().await.unwrap().name, "message.created");
    assert!(told.is_silent_for(MOMENT).await, "nothing was delivered");

    let message = buyer.say(chat, "при потоке").await;
    assert_eq!(stream.next_of_log().await.unwrap().name, "message.created");
    assert_eq!(told.expect("chat.delivered").await["message_id"], message["id"]);
    assert!(stream.is_silent_for(MOMENT).await, "nobody is told what reached himself");
}

#[tokio::test]
async fn a_stream_goes_on_behind_the_last_id() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    for text in ["раз", "два", "три"] {
        buyer.say(chat, text).await;
    }
    // Everything is delivered now, so that the streams themselves change nothing.
    seller.get("/events").await.ok();
    let newest = seller.get("/events").await.ok()["newest"].as_i64().unwrap();
    // The header weighs more than the query, and a browser that has seen nothing yet sends none.
    for (query, last_id, first) in [
        ("?after=0", None, "chat.opened"),
        ("?after=3", None, "message.created"),
        ("?after=3", Some(0), "chat.opened"),
    ] {
        let mut stream = seller.stream(query, last_id).await;
        let event = stream.next().await.unwrap();
        assert_eq!(event.name, first);
        assert_eq!(event.id, Some(if first == "chat.opened" { 1 } else { 4 }));
    }
    // From now on.
    let mut stream = seller.stream("", None).await;
    assert_eq!(stream.last_id, Some(newest));
    assert!(stream.is_silent_for(MOMENT).await);
    buyer.say(chat, "новое").await;
    assert_eq!(stream.expect("message.created").await["message"]["text"], "новое");
}

#[tokio::test]
async fn positions_that_cannot_be_gone_on_from_are_refused() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    buyer.product_chat().await;
    for (query, last_id) in [("?after=2", None), ("", Some(2)), ("?after=1", Some(7))] {
        let ahead = buyer.refused_stream(query, last_id).await;
        let ahead = ahead.problem(StatusCode::CONFLICT, "position-ahead");
        assert_eq!((&ahead["newest"], &ahead["go_on_after"]), (&json!(1), &json!(1)));
    }
    for (query, path) in [
        ("?after=x", "after"),
        ("?after=-1", "after"),
        ("?chat=0", "chat"),
        ("?kind=message.deleted", "kind"),
        ("?kind=", "kind"),
    ] {
        buyer.refused_stream(query, None).await.invalid_at(path);
    }
    buyer.refused_stream("", Some(-1)).await.invalid_at("Last-Event-ID");
    Client::host(&server)
        .await
        .refused_stream("", None)
        .await
        .problem(StatusCode::FORBIDDEN, "wrong-kind-of-key");
    let key = server.key_with(BUYER, native::AUDIENCE, |key| key.can_read = false).await;
    let blind = Client { server: &server, key }.refused_stream("", None).await;
    blind.problem(StatusCode::FORBIDDEN, "scope-missing");
}

#[tokio::test]
async fn a_filtered_stream_keeps_its_place_by_signs_of_life() {
    let server = Server::start_with(|settings| settings.events.heartbeat_seconds = 1).await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let mut closings = seller.stream("?kind=chat.closed", None).await;
    let mut elsewhere = seller.stream(&format!("?chat={}", chat + 1), None).await;
    let mut here = seller.stream(&format!("?chat={chat}"), None).await;
    buyer.say(chat, "вопрос").await;
    assert_eq!(here.expect("message.created").await["message"]["text"], "вопрос");
    for stream in [&mut closings, &mut elsewhere] {
        while stream.last_id != Some(2) {
            let block = stream.next_block().await.unwrap();
            assert_eq!((block.data, block.comments.len()), (None, 1));
        }
    }
    let host = Client::host(&server).await;
    host.post(&format!("/host/chats/{chat}/close"), json!({})).await.ok();
    closings.expect("chat.closed").await;
}

#[tokio::test]
async fn what_a_stream_hands_over_counts_as_delivered() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let _deaf = seller.stream("?kind=chat.closed", None).await;
    let mut watching = buyer.stream("?kind=chat.delivered", None).await;
    buyer.say(chat, "никто не видит").await;
    assert!(watching.is_silent_for(MOMENT).await);
    let seen = buyer.say(chat, "это увидят").await;
    let mut stream = seller.stream("?after=2", None).await;
    let created = stream.expect("message.created").await;
    assert_eq!(
        (&created["message_id"], &created["message"]["delivered"]),
        (&seen["id"], &json!(false))
    );
    let delivered = watching.expect("chat.delivered").await;
    assert_eq!((&delivered["message_id"], &delivered["side"]), (&seen["id"], &json!("seller")));
}

#[tokio::test]
async fn a_stream_ends_when_its_key_does() {
    let server = Server::start_with(|settings| settings.events.heartbeat_seconds = 1).await;
    let host = Client::host(&server).await;
    let keys = format!("/host/accounts/{SELLER}/keys");
    let made =
        host.post(&keys, json!({"name": "k", "audience": "native", "scopes": ["chats:read"]}));
    let made = made.await.ok();
    let revoked = Client { server: &server, key: made["secret"].as_str().unwrap().to_owned() };
    let expires_at = server.clock().now() + SignedDuration::from_mins(1);
    let key = server.key_with(SELLER, native::AUDIENCE, |key| key.expires_at = Some(expires_at));
    let expiring = Client { server: &server, key: key.await };
    let (other, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let mut streams = [
        revoked.stream("", None).await,
        expiring.stream("", None).await,
        buyer.stream("", None).await,
    ];
    let mut unharmed = other.stream("", None).await;

    let id = made["id"].as_str().unwrap();
    assert_eq!(host.delete(&format!("{keys}/{id}")).await.status, 204);
    server.clock().advance(SignedDuration::from_mins(1));
    let account =
        json!({"display_name": "A", "created_at": "2026-01-01T00:00:00Z", "is_active": false});
    assert_eq!(host.put(&format!("/host/accounts/{BUYER}"), account).await.status, 204);
    let reasons = ["key-revoked", "key-expired", "account-inactive"];
    for (stream, reason) in streams.iter_mut().zip(reasons) {
        let problem = stream.expect("stream.closing").await;
        assert_eq!(problem["type"], format!("/problems/{reason}"));
        assert_eq!(stream.next().await, None);
    }
    let chat = Client::of(&server, OTHER_BUYER).await.product_chat().await;
    assert_eq!(unharmed.expect("chat.opened").await["chat_id"], chat);
}

#[tokio::test]
async fn a_revoked_key_ends_its_streams_at_once() {
    // No sign of life comes to help.
    let server = Server::start_with(|settings| settings.events.heartbeat_seconds = 300).await;
    let (seller, host) = (Client::seller(&server).await, Client::host(&server).await);
    let mut stream = seller.stream("", None).await;
    let keys = format!("/host/accounts/{SELLER}/keys");
    let id = seller.get("/me").await.ok()["key"]["id"].as_str().unwrap().to_owned();
    assert_eq!(host.delete(&format!("{keys}/{id}")).await.status, 204);
    assert_eq!(stream.expect("stream.closing").await["status"], 401);
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn streams_of_a_key_are_counted_and_cost_one_request() {
    let server = Server::start_with(|settings| settings.native.streams_per_key = 2).await;
    let (seller, other) = (Client::seller(&server).await, Client::seller(&server).await);
    let first = seller.stream("", None).await;
    let second = seller.stream("", None).await;
    let refused = seller.refused_stream("", None).await;
    assert_eq!(refused.headers["retry-after"], "5");
    assert_eq!(refused.headers["ratelimit-remaining"], "5997");
    refused.problem(StatusCode::TOO_MANY_REQUESTS, "too-many-streams");
    other.stream("", None).await;
    drop((first, second));
    let started = Instant::now();
    while seller.stream_request("", None).send().await.unwrap().status() != 200 {
        assert!(started.elapsed() < Duration::from_secs(10), "closed streams make room");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_stop_sends_streams_away_at_once_and_tells_them_to_come_back() {
    let server = Server::start().await;
    let seller = Client::seller(&server).await;
    Client::buyer(&server).await.product_chat().await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut stream = seller.stream("?after=0", None).await;
        stream.expect("chat.opened").await;
        streams.push(stream);
    }
    let started = Instant::now();
    let readers = async {
        for stream in &mut streams {
            let problem = stream.expect("stream.closing").await;
            assert_eq!(problem["type"], "/problems/server-stopping");
            assert_eq!(stream.last_id, Some(1));
            assert!((500..2000).contains(&stream.retry_ms.unwrap()));
            assert_eq!(stream.next().await, None);
        }
    };
    drop(seller);
    tokio::join!(server.stop(), readers);
    assert!(started.elapsed() < Duration::from_secs(5), "the grace period is 20 s");
}
