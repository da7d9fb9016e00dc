//! The other end of a push, for people who try out what they build.

use domain::Timestamp;
use serde_json::{Value, json};
use webhooks::Answer;

/// Answers a push as the contract asks of a receiver: its name and time to a ping, `result` to everything else (Ozon
/// contract §9.2, §9.3).
pub fn receive(body: &[u8], at: Timestamp) -> Answer {
    let push: Value = serde_json::from_slice(body).unwrap_or_default();
    let answer = if push["message_type"] == "TYPE_PING" {
        json!({ "version": env!("CARGO_PKG_VERSION"), "name": "torg listen", "time": at.to_string() })
    } else {
        json!({ "result": true })
    };
    Answer::ok(answer.to_string())
}
