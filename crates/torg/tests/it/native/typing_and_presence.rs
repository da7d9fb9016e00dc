//! What no log keeps: who is typing, and who is there.

use std::time::Duration;

use domain::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{BUYER, OTHER_BUYER, SELLER, Server};

use super::client::{Answer, Client};

/// A moment in which nothing that is to come stays away.
const MOMENT: Duration = Duration::from_millis(200);

async fn tell_typing(client: &Client<'_>, chat: i64) -> Answer {
    client.post(&format!("/chats/{chat}/typing"), Value::Null).await
}

#[tokio::test]
async fn the_side_across_hears_of_typing_and_nobody_else_does() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let newest = seller.get("/events").await.ok()["newest"].clone();
    let mut streams =
        [seller.stream("?kind=typing", None).await, buyer.stream("?kind=typing", None).await];
    let mut elsewhere = seller.stream(&format!("?kind=typing&chat={}", chat + 1), None).await;
    let mut of_log = seller.stream("?kind=message.created", None).await;

    assert_eq!(tell_typing(&buyer, chat).await.status, 204);
    let event = streams[0].next().await.unwrap();
    assert_eq!((event.id, event.name.as_str()), (None, "typing"));
    assert_eq!(event.data.unwrap(), json!({"chat_id": chat, "account_id": BUYER.get()}));
    assert_eq!(streams[0].last_id, newest.as_i64(), "no id: the client's position stays");
    for stream in [&mut streams[1], &mut elsewhere, &mut of_log] {
        assert!(stream.is_silent_for(MOMENT).await);
    }
    assert_eq!(seller.get("/events").await.ok()["newest"], newest, "nothing is stored");
}

#[tokio::test]
async fn typing_is_passed_on_every_two_seconds() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let mut stream = seller.stream("?kind=typing", None).await;
    for (passed_on, wait_ms) in [(true, 1_999), (false, 1), (true, 0), (false, 0)] {
        assert_eq!(tell_typing(&buyer, chat).await.status, 204);
        if passed_on {
            stream.expect("typing").await;
        } else {
            assert!(stream.is_silent_for(MOMENT).await);
        }
        server.clock().advance(SignedDuration::from_millis(wait_ms));
    }
}

#[tokio::test]
async fn who_may_not_write_cannot_be_seen_typing() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let stranger = Client::of(&server, OTHER_BUYER).await;
    let foreign = tell_typing(&stranger, chat).await;
    assert_eq!(foreign.text, tell_typing(&stranger, 987_654_321).await.text);
    foreign.problem(StatusCode::NOT_FOUND, "chat-not-found");
    let key = server.key_with(SELLER, native::AUDIENCE, |key| key.can_write = false).await;
    let reader = Client { server: &server, key };
    tell_typing(&reader, chat).await.problem(StatusCode::FORBIDDEN, "scope-missing");

    // A buyer who wants to hear no more of the seller hears no more; the seller cannot tell.
    let mut stream = buyer.stream("?kind=typing", None).await;
    buyer.put(&format!("/chats/{chat}/block"), json!({})).await;
    assert_eq!(tell_typing(&seller, chat).await.status, 204);
    assert!(stream.is_silent_for(MOMENT).await);
}

#[tokio::test]
async fn those_across_hear_who_comes_and_goes() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    buyer.product_chat().await;
    let other = Client::of(&server, OTHER_BUYER).await;
    let mut watching = buyer.stream("", None).await;
    let mut stranger = other.stream("?kind=presence", None).await;
    server.clock().advance(SignedDuration::from_secs(1));

    let mut first = seller.stream("", None).await;
    let online =
        json!({"account_id": SELLER.get(), "online": true, "at": "2026-11-21T10:00:01.000Z"});
    assert_eq!(watching.expect("presence").await, online);
    // Whoever comes is told who is there.
    let already =
        json!({"account_id": BUYER.get(), "online": true, "at": "2026-11-21T10:00:00.000Z"});
    assert_eq!(first.expect("presence").await, already);

    // A second connection changes nothing, and neither does a client that comes back soon.
    let second = seller.stream("", None).await;
    drop(first);
    assert!(watching.is_silent_for(MOMENT).await);
    drop(second);
    tokio::time::sleep(MOMENT).await;
    server.clock().advance(SignedDuration::from_millis(4_999));
    let third = seller.stream("", None).await;
    server.clock().advance(SignedDuration::from_secs(10));
    assert!(watching.is_silent_for(MOMENT).await);

    drop(third);
    tokio::time::sleep(MOMENT).await;
    server.clock().advance(SignedDuration::from_secs(5));
    let offline =
        json!({"account_id": SELLER.get(), "online": false, "at": "2026-11-21T10:00:15.999Z"});
    assert_eq!(watching.expect("presence").await, offline);
    assert!(stranger.is_silent_for(MOMENT).await);
    let mut late = buyer.stream("?kind=presence", None).await;
    assert!(late.is_silent_for(MOMENT).await, "nobody is there");
}

#[tokio::test]
async fn presence_comes_when_it_is_asked_for_or_nothing_is() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let _there = seller.stream("", None).await;
    for (query, comes) in [
        ("", true),
        ("?kind=presence", true),
        (&format!("?kind=typing,presence&chat={chat}"), true),
        (&format!("?chat={chat}"), false),
        ("?kind=message.created", false),
    ] {
        let mut stream = buyer.stream(query, None).await;
        if comes {
            assert_eq!(stream.expect("presence").await["account_id"], SELLER.get());
        } else {
            assert!(stream.is_silent_for(MOMENT).await, "{query}");
        }
    }
}
