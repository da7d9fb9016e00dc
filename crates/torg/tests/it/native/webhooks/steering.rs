//! Pausing, resuming, replaying, changing what a webhook is told.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Reply, Server};

use super::{Scene, make, make_for, once, once_all_is_told, path, text_of, wait, willing};
use crate::native::client::{Answer, Client};

#[tokio::test]
async fn what_happens_in_a_pause_waits_for_its_end() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } = Scene::of(&server, willing().await).await;
    buyer.say(chat, "до").await;
    assert_eq!(text_of(&receiver.next().await), "до");
    once_all_is_told(&seller, &made).await;
    for _ in 0..2 {
        let paused = seller.post(&path(&made, "/pause"), json!({})).await.ok();
        assert_eq!(paused["state"], "paused");
    }
    // The sender hears of it after the answer.
    tokio::time::sleep(Duration::from_millis(500)).await;
    buyer.say(chat, "в паузе").await;
    wait(&server, 3600);
    receiver.is_left_alone().await;
    let found = seller.get(&path(&made, "")).await.ok();
    assert_eq!((&found["lag"], &found["position"]), (&json!(1), &json!(2)));
    // A ping is answered all the same.
    seller.post(&path(&made, "/ping"), json!({})).await.ok();
    assert_eq!(receiver.next().await.json()["kind"], "webhook.ping");

    for _ in 0..2 {
        let resumed = seller.post(&path(&made, "/resume"), json!({})).await.ok();
        assert_eq!(resumed["state"], "active");
    }
    assert_eq!(text_of(&receiver.next().await), "в паузе");
    once_all_is_told(&seller, &made).await;
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_replay_tells_everything_once_more_from_any_event_on() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let receiver = willing().await;
    let chat = buyer.product_chat().await;
    let made = make(&seller, &receiver).await;
    for number in 2..=5 {
        buyer.say(chat, &number.to_string()).await;
    }
    let told = async || {
        let push = receiver.next().await;
        let sequence = push.json()["sequence"].as_i64().unwrap();
        (sequence, push.header("webhook-id").unwrap().to_owned())
    };
    let mut first = Vec::new();
    for _ in 2..=5 {
        first.push(told().await);
    }
    once_all_is_told(&seller, &made).await;
    for from in [2, 4, 5, 1] {
        let body = json!({"from_sequence": from});
        seller.post(&path(&made, "/replay"), body).await.ok();
        for sequence in from..=5 {
            let again = told().await;
            assert_eq!(again.0, sequence, "from {from}");
            let known = first.iter().find(|(known, _)| *known == sequence);
            assert!(known.is_none_or(|known| *known == again), "ids are the same again");
        }
        once_all_is_told(&seller, &made).await;
        receiver.is_left_alone().await;
    }
}

#[tokio::test]
async fn a_replay_gives_up_what_waits() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } = Scene::of(&server, willing().await).await;
    receiver.reply(Reply::status(500));
    buyer.say(chat, "яд").await;
    receiver.next().await;
    once(&seller, &made, |found| found["waiting"] == 1).await;
    let skipped = seller.post(&path(&made, "/replay"), json!({"from_sequence": 3})).await.ok();
    assert_eq!((&skipped["waiting"], &skipped["position"]), (&json!(0), &json!(2)));
    receiver.reply(Reply::status(200));
    buyer.say(chat, "дальше").await;
    assert_eq!(text_of(&receiver.next().await), "дальше");
    wait(&server, 24 * 3600);
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_new_url_and_new_types_hold_for_what_comes_next() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let (old, new) = (willing().await, willing().await);
    let made = make_for(&seller, &old, &["message.created"]).await;
    old.reply(Reply::status(500));
    buyer.say(chat, "вопрос").await;
    old.next().await;
    once(&seller, &made, |found| found["failing_since"] != Value::Null).await;
    seller.post(&path(&made, "/pause"), json!({})).await.ok();
    let change = json!({"url": new.url(), "types": ["message.created", "chat.read"]});
    let request = seller.request(Method::PATCH, &path(&made, "")).json(&change);
    assert_eq!(Answer::of(request).await.ok()["state"], "paused");
    seller.post(&path(&made, "/resume"), json!({})).await.ok();
    // What failed before is attempted at once.
    assert_eq!(text_of(&new.next().await), "вопрос");
    once_all_is_told(&seller, &made).await;
    seller.post(&format!("/chats/{chat}/read"), json!({})).await.ok();
    assert_eq!(new.next().await.json()["kind"], "chat.read");
    old.is_left_alone().await;
}

#[tokio::test]
async fn a_deleted_webhook_is_told_nothing_more() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } = Scene::of(&server, willing().await).await;
    receiver.reply(Reply::status(500));
    buyer.say(chat, "вопрос").await;
    receiver.next().await;
    once(&seller, &made, |found| found["waiting"] == 1).await;
    assert_eq!(seller.delete(&path(&made, "")).await.status, 204);
    // The sender hears of it a moment after the answer.
    tokio::time::sleep(Duration::from_millis(500)).await;
    buyer.say(chat, "ещё").await;
    wait(&server, 3600);
    receiver.is_left_alone().await;
}
