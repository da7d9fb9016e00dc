//! A seller's program that listens for pushes.

use serde_json::{Value, json};
use testkit::{Received, Receiver, Reply};

use super::client::{Answer, Client};

/// A program that does everything right.
pub(crate) async fn listening() -> Receiver {
    let receiver = Receiver::start(Reply::status(500)).await;
    receiver.reply_by(as_expected);
    receiver
}

/// What Ozon wants to hear (Ozon contract §9.2, §9.3).
pub(crate) fn as_expected(received: &Received) -> Reply {
    if received.json()["message_type"] == "TYPE_PING" {
        Reply::json(200, &pong())
    } else {
        Reply::json(200, &json!({"result": true}))
    }
}

pub(crate) fn pong() -> Value {
    json!({"version": "1.0", "name": "Example shop", "time": "2026-10-02T08:00:00Z"})
}

pub(crate) async fn set(client: &Client<'_>, url: &str, types: &[&str]) -> Answer {
    client.post("/v1/notification/set", &json!({"url": url, "types": types})).await
}

/// Sets the address of a receiver, which is pinged, and answers its id.
pub(crate) async fn subscribe(client: &Client<'_>, receiver: &Receiver, types: &[&str]) -> i64 {
    assert_eq!(set(client, receiver.url(), types).await.succeeded(), &json!({}));
    receiver.is_pinged().await;
    let urls = addresses(client).await;
    let row = urls.iter().find(|row| row["url"] == receiver.url()).unwrap();
    row["id"].as_i64().unwrap()
}

/// The seller's addresses, by age.
pub(crate) async fn addresses(client: &Client<'_>) -> Vec<Value> {
    let list = client.post("/v1/notification/list", &json!({})).await;
    list.succeeded()["urls"].as_array().unwrap().clone()
}

pub(crate) trait Pushed {
    /// The next push is a ping.
    async fn is_pinged(&self);

    /// What the next push says.
    async fn told(&self) -> Value;
}

impl Pushed for Receiver {
    async fn is_pinged(&self) {
        assert_eq!(self.told().await["message_type"], "TYPE_PING");
    }

    async fn told(&self) -> Value {
        let received = self.next().await;
        assert_eq!(received.method, "POST");
        assert_eq!(received.header("content-type"), Some("application/json"));
        received.json()
    }
}
