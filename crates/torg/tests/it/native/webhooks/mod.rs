//! Webhooks, through HTTP and with receivers that listen.

mod managing;
mod patience;
mod pushes;
mod refusals;
mod signatures;
mod steering;

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Received, Receiver, Reply, Server};

use super::client::Client;

/// A buyer who has a chat with a seller, whose webhook is told of messages.
struct Scene<'s> {
    seller: Client<'s>,
    buyer: Client<'s>,
    chat: i64,
    receiver: Receiver,
    made: Value,
}

impl<'s> Scene<'s> {
    async fn of(server: &'s Server, receiver: Receiver) -> Self {
        let (seller, buyer) = (Client::seller(server).await, Client::buyer(server).await);
        let chat = buyer.product_chat().await;
        let made = make_for(&seller, &receiver, &["message.created"]).await;
        Self { seller, buyer, chat, receiver, made }
    }
}

/// A receiver that takes everything, as the native format asks for.
async fn willing() -> Receiver {
    Receiver::start(Reply::status(204)).await
}

/// A webhook of the native format for all types.
fn wanted(receiver: &Receiver) -> Value {
    json!({"format": "native", "name": "CRM", "url": format!("{}/hook", receiver.url())})
}

/// Makes a webhook for all types, and answers it with its secret.
async fn make(client: &Client<'_>, receiver: &Receiver) -> Value {
    make_for(client, receiver, &[]).await
}

/// Makes a webhook for these types.
async fn make_for(client: &Client<'_>, receiver: &Receiver, types: &[&str]) -> Value {
    let mut body = wanted(receiver);
    body["types"] = json!(types);
    let answer = client.post("/webhooks", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.ok()
}

/// The path of a webhook, and of what can be done with it.
pub(crate) fn path(webhook: &Value, deed: &str) -> String {
    format!("/webhooks/{}{deed}", webhook["id"])
}

/// The text of the message that a push shows.
fn text_of(push: &Received) -> String {
    push.json()["message"]["text"].as_str().unwrap_or("-").to_owned()
}

/// The webhook, as soon as it is like this.
pub(crate) async fn once(
    client: &Client<'_>,
    webhook: &Value,
    is_so: impl Fn(&Value) -> bool,
) -> Value {
    for _ in 0..400 {
        let found = client.get(&path(webhook, "")).await.ok();
        if is_so(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never came so far: {}", client.get(&path(webhook, "")).await.text);
}

/// The webhook, as soon as its receiver was told everything.
pub(crate) async fn once_all_is_told(client: &Client<'_>, webhook: &Value) -> Value {
    once(client, webhook, |found| found["lag"] == 0).await
}

/// Everything in the delivery log of a webhook, the oldest first.
pub(crate) async fn deliveries(client: &Client<'_>, webhook: &Value) -> Vec<Value> {
    let page = client.get(&format!("{}?limit=100", path(webhook, "/deliveries"))).await.ok();
    assert_eq!(page["next_cursor"], Value::Null);
    let mut deliveries = page["deliveries"].as_array().unwrap().clone();
    deliveries.reverse();
    deliveries
}

/// The kinds of the alarms in an account's log.
pub(crate) async fn alarms(client: &Client<'_>, webhook: &Value) -> Vec<String> {
    let events = client.get("/events?limit=500").await.ok();
    let events = events["events"].as_array().unwrap().clone();
    let alarms = events.into_iter().filter(|event| event["webhook_id"] == webhook["id"]);
    alarms.map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

/// Moves the clock by so many seconds.
pub(crate) fn wait(server: &Server, seconds: i64) {
    server.clock().advance(domain::SignedDuration::from_secs(seconds));
}
