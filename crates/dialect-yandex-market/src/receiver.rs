//! The other end of a notification, for people who try out what they build.

use domain::Timestamp;
use serde_json::json;
use webhooks::Answer;

/// Answers a notification as the contract asks of a receiver (Yandex Market contract §8.3).
pub fn receive(_body: &[u8], at: Timestamp) -> Answer {
    let version = env!("CARGO_PKG_VERSION");
    let answer = json!({ "version": version, "name": "torg listen", "time": at.to_string() });
    Answer::ok(answer.to_string())
}
