//! Webhooks, through HTTP and with receivers that listen.

mod managing;
mod refusals;

use serde_json::{Value, json};
use testkit::{Receiver, Reply};

use super::client::Client;

/// A receiver that takes everything, as the native format asks for.
async fn willing() -> Receiver {
    Receiver::start(Reply::status(204)).await
}

/// A webhook of the native format for all types.
fn wanted(receiver: &Receiver) -> Value {
    json!({"format": "native", "name": "CRM", "url": format!("{}/hook", receiver.url())})
}

/// Makes a webhook, and answers it with its secret.
async fn make(client: &Client<'_>, receiver: &Receiver) -> Value {
    let answer = client.post("/webhooks", wanted(receiver)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.ok()
}

/// The path of a webhook, and of what can be done with it.
fn path(webhook: &Value, deed: &str) -> String {
    format!("/webhooks/{}{deed}", webhook["id"])
}
