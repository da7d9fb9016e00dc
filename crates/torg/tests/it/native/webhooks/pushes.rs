//! What is pushed, and what receivers answer.

use std::collections::BTreeSet;

use domain::catalog::Model;
use serde_json::{Value, json};
use testkit::{Receiver, Reply, Server};

use super::{Scene, deliveries, make, make_for, once_all_is_told, path, text_of, wait, willing};
use crate::native::client::Client;

/// The texts of the next pushes.
async fn texts(receiver: &Receiver, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        texts.push(text_of(&receiver.next().await));
    }
    texts
}

#[tokio::test]
async fn a_push_is_the_event_to_the_letter_as_the_log_shows_it() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let host = Client::host(&server).await;
    let receiver = willing().await;
    let made = make(&seller, &receiver).await;
    let chat = buyer.product_chat().await;
    buyer.say(chat, "Подойдёт «на E46»? \u{1F697}").await;
    seller.post(&format!("/chats/{chat}/hide"), json!({})).await;
    buyer.put(&format!("/chats/{chat}/block"), json!({})).await;
    host.post(&format!("/host/chats/{chat}/turn"), json!({"turn": "market"})).await.ok();
    host.post(&format!("/host/chats/{chat}/close"), json!({})).await.ok();

    let log = seller.get("/events").await;
    let shown = log.body["events"].as_array().unwrap();
    let kinds: Vec<_> = shown.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let expected = [
        "chat.opened",
        "message.created",
        "chat.hidden",
        "chat.blocked",
        "chat.turn_changed",
        "chat.closed",
    ];
    assert_eq!(kinds, expected);
    for kind in expected {
        let push = receiver.next().await;
        assert_eq!((push.method.as_str(), push.path.as_str()), ("POST", "/hook"));
        assert_eq!(push.header("content-type"), Some("application/json"));
        let body = std::str::from_utf8(&push.body).unwrap();
        assert_eq!(push.json()["kind"], kind);
        assert!(log.text.contains(body), "{body}\nis not in\n{}", log.text);
    }
    let found = once_all_is_told(&seller, &made).await;
    assert_eq!((&found["position"], &found["newest"]), (&json!(6), &json!(6)));
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn only_the_wanted_types_are_pushed() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let receiver = willing().await;
    let made = make_for(&seller, &receiver, &["chat.read", "chat.closed"]).await;
    let chat = buyer.product_chat().await;
    buyer.say(chat, "вопрос").await;
    seller.post(&format!("/chats/{chat}/read"), json!({})).await.ok();
    let push = receiver.next().await.json();
    assert_eq!((&push["kind"], &push["sequence"]), (&json!("chat.read"), &json!(3)));
    let found = once_all_is_told(&seller, &made).await;
    assert_eq!(found["position"], 3);
    assert_eq!(found["last_delivery"]["type"], "chat.read");
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn each_side_is_told_its_own_log() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let (of_seller, of_buyer) = (willing().await, willing().await);
    make_for(&seller, &of_seller, &["message.created"]).await;
    make_for(&buyer, &of_buyer, &["message.created", "chat.hidden"]).await;
    let order = server.order(Model::Fbs).await;
    let chat = seller.order_chat(&order).await;
    seller.post(&format!("/chats/{chat}/hide"), json!({})).await;
    seller.say(chat, "Здравствуйте!").await;
    for receiver in [of_seller, of_buyer] {
        let push = receiver.next().await.json();
        assert_eq!((&push["side"], &push["chat_id"]), (&json!("seller"), &json!(chat)));
        receiver.is_left_alone().await;
    }
}

#[tokio::test]
async fn any_success_is_enough() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } = Scene::of(&server, willing().await).await;
    for status in [200, 201, 202, 204, 226, 299] {
        receiver.reply(Reply::status(status));
        buyer.say(chat, &status.to_string()).await;
        assert_eq!(text_of(&receiver.next().await), status.to_string());
        let found = once_all_is_told(&seller, &made).await;
        assert_eq!(found["last_delivery"]["outcome"], "accepted", "{status}");
        assert_eq!(found["last_delivery"]["status"], status);
    }
    // No person's client has seen anything by that.
    let seen = buyer.get(&format!("/chats/{chat}")).await.ok();
    assert_eq!(seen["seller_position"]["delivered_up_to"], Value::Null);
    wait(&server, 7200);
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn anything_else_is_a_failure_and_is_repeated() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } = Scene::of(&server, willing().await).await;
    let elsewhere = Reply::Answer {
        status: 307,
        headers: vec![("location", format!("{}/elsewhere", receiver.url()))],
        body: String::new(),
    };
    let mut replies: Vec<_> = [300, 304, 400, 401, 404, 409, 429, 500, 502, 503, 504]
        .map(|status| (Reply::status(status), json!(status)))
        .into();
    replies.extend([(elsewhere, json!(307)), (Reply::Break, Value::Null)]);
    for (reply, status) in replies {
        receiver.reply(reply);
        buyer.say(chat, &status.to_string()).await;
        let first = receiver.next().await;
        super::once(&seller, &made, |found| found["failing_since"] != Value::Null).await;
        let failing = seller.get(&path(&made, "")).await.ok()["failing_sequence"].clone();
        assert_eq!(failing, first.json()["sequence"]);
        receiver.reply(Reply::status(204));
        wait(&server, 5);
        let second = receiver.next().await;
        assert_eq!((&second.body, second.path.as_str()), (&first.body, "/hook"), "{status}");
        once_all_is_told(&seller, &made).await;
        let log = deliveries(&seller, &made).await;
        let [.., failed, accepted] = &log[..] else { panic!("{log:?}") };
        assert_eq!((&failed["outcome"], &failed["status"]), (&json!("failed"), &status));
        assert_eq!((&failed["attempt"], &accepted["attempt"]), (&json!(1), &json!(2)));
        assert_eq!(accepted["outcome"], "accepted");
        assert_eq!(failed["sequence"], accepted["sequence"]);
    }
}

#[tokio::test]
async fn a_chat_waits_for_its_failing_push_and_others_do_not() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let stuck = buyer.product_chat().await;
    let order = server.order(Model::Fbs).await;
    let other = seller.order_chat(&order).await;
    let receiver = willing().await;
    make_for(&seller, &receiver, &["message.created"]).await;
    receiver.reply_by(move |push| {
        Reply::status(if push.json()["chat_id"] == stuck { 500 } else { 204 })
    });
    for number in 1..=3 {
        buyer.say(stuck, &format!("stuck {number}")).await;
    }
    for number in 1..=3 {
        buyer.say(other, &format!("other {number}")).await;
    }
    let told: BTreeSet<_> = texts(&receiver, 4).await.into_iter().collect();
    assert_eq!(
        told,
        BTreeSet::from(["other 1", "other 2", "other 3", "stuck 1"].map(str::to_owned))
    );
    receiver.is_left_alone().await;
    receiver.reply(Reply::status(204));
    wait(&server, 5);
    assert_eq!(texts(&receiver, 3).await, ["stuck 1", "stuck 2", "stuck 3"]);
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_nobody_else() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let (hanging, quick) = (Receiver::start(Reply::Hang).await, willing().await);
    make_for(&seller, &hanging, &["message.created"]).await;
    make_for(&seller, &quick, &["message.created"]).await;
    for number in 1..=20 {
        buyer.say(chat, &number.to_string()).await;
    }
    let expected: Vec<_> = (1..=20).map(|number: i32| number.to_string()).collect();
    assert_eq!(texts(&quick, 20).await, expected);
    assert_eq!(text_of(&hanging.next().await), "1");
    hanging.is_left_alone().await;
}

#[tokio::test]
async fn the_delivery_log_tells_of_every_attempt() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } =
        Scene::of(&server, Receiver::start(Reply::text(503, "text/plain", "занято")).await).await;
    buyer.say(chat, "вопрос").await;
    receiver.next().await;
    wait(&server, 5);
    receiver.next().await;
    receiver.reply(Reply::text(200, "text/plain", "есть"));
    wait(&server, 30);
    receiver.next().await;
    once_all_is_told(&seller, &made).await;
    let entry =
        |at: &str, attempt: i32, outcome: &str, reason: Value, status: i32, response: &str| {
            json!({
                "at": at,
                "type": "message.created",
                "sequence": 2,
                "attempt": attempt,
                "outcome": outcome,
                "reason": reason,
                "status": status,
                "response": response,
            })
        };
    let mut log = deliveries(&seller, &made).await;
    for delivery in &mut log {
        assert!(delivery.as_object_mut().unwrap().remove("duration_ms").unwrap().is_i64());
    }
    let failed = json!("the receiver failed");
    assert_eq!(
        log,
        [
            entry("2026-11-21T10:00:00.000Z", 1, "failed", failed.clone(), 503, "занято"),
            entry("2026-11-21T10:00:05.000Z", 2, "failed", failed, 503, "занято"),
            entry("2026-11-21T10:00:35.000Z", 3, "accepted", Value::Null, 200, "есть"),
        ]
    );
    assert_eq!(seller.get(&path(&made, "")).await.ok()["failing_since"], Value::Null);
    assert_eq!(seller.get(&path(&made, "")).await.ok()["failing_sequence"], Value::Null);
}
