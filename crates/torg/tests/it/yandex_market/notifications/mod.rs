//! API notifications (contract §8): set up with Torg's own API, pushed to receivers that listen.

mod bodies;
mod replies;
mod schedule;
mod switching;

use serde_json::{Value, json};
use testkit::{Receiver, Reply};

use super::Cabinet;
use crate::native::client::{Answer, Client};

/// What a receiver has to answer (contract §8.3).
fn receipt() -> Value {
    json!({"version": "1.0", "name": "shop", "time": "2026-11-21T10:00:00Z"})
}

/// A receiver that takes everything.
async fn willing() -> Receiver {
    Receiver::start(Reply::json(200, &receipt())).await
}

/// A program of the cabinet's seller with a key for Torg's own API.
async fn seller(cabinet: &Cabinet) -> Client<'_> {
    Client::seller(&cabinet.server).await
}

/// A subscription to these types, with a URL that ends in `/hook`.
fn wanted(receiver: &Receiver, types: &[&str]) -> Value {
    let url = format!("{}/hook", receiver.url());
    json!({"format": "yandex-market", "name": "магазин", "url": url, "types": types})
}

/// Asks for a subscription.
async fn ask(seller: &Client<'_>, receiver: &Receiver, types: &[&str]) -> Answer {
    seller.post("/webhooks", wanted(receiver, types)).await
}

/// Makes a subscription, whose PING has come.
async fn subscribe(seller: &Client<'_>, receiver: &Receiver, types: &[&str]) -> Value {
    let made = ask(seller, receiver, types).await.ok();
    assert_eq!(receiver.next().await.json()["notificationType"], "PING");
    made
}

/// The next notification, of which only its message or its type is looked at.
async fn next_message(receiver: &Receiver) -> i64 {
    let body = receiver.next().await.json();
    assert_eq!(body["notificationType"], "CHAT_MESSAGE_SENT", "{body}");
    body["messageId"].as_str().unwrap().parse().unwrap()
}
