//! What a receiver answers, and how a failure is filed (contract §8.3).

use std::time::{Duration, Instant};

use domain::catalog::Model;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{BUYER, Reply};

use super::{ask, next_message, receipt, seller, subscribe, willing};
use crate::native::webhooks::{deliveries, once, once_all_is_told, wait};
use crate::yandex_market::Cabinet;

/// The receipt with another value for one field; null leaves it out.
fn receipt_with(field: &str, value: Value) -> Value {
    let mut receipt = receipt();
    if value.is_null() {
        receipt.as_object_mut().unwrap().remove(field);
    } else {
        receipt[field] = value;
    }
    receipt
}

#[tokio::test]
async fn a_complete_receipt_is_delivered() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let chat = cabinet.order_chat(Model::Fbs).await;
    let made = subscribe(&api, &receiver, &[]).await;
    let replies = [
        Reply::json(200, &receipt()),
        Reply::text(200, "Application/JSON; charset=utf-8", &receipt().to_string()),
        Reply::json(200, &receipt_with("time", json!("2026-11-21T13:00:00.123456789+03:00"))),
        Reply::json(200, &receipt_with("name", json!("я".repeat(100)))),
        Reply::json(200, &receipt_with("version", json!("v".repeat(100)))),
        Reply::json(200, &receipt_with("more", json!({"a": [1]}))),
    ];
    for reply in replies {
        receiver.reply(reply.clone());
        let message = cabinet.say(BUYER, chat, "вопрос").await;
        assert_eq!(next_message(&receiver).await, message);
        let found = once_all_is_told(&api, &made).await;
        assert_eq!(found["last_delivery"]["outcome"], "accepted", "{reply:?}");
        assert_eq!(found["last_delivery"]["reason"], Value::Null);
    }
    wait(&cabinet.server, 3600);
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn every_failure_is_filed_and_repeated() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let chat = cabinet.order_chat(Model::Fbs).await;
    let made = subscribe(&api, &receiver, &[]).await;
    let incomplete = "INVALID_RESPONSE/INVALID_DATA";
    let unreadable = "INVALID_RESPONSE/CANT_PARSE_RESPONSE";
    let other_type = "CANT_GET_RESPONSE/UNSUPPORTED_MEDIA_TYPE";
    let http = "CANT_GET_RESPONSE/HTTP";
    let redirect = Reply::Answer {
        status: 302,
        headers: vec![("location", format!("{}/elsewhere", receiver.url()))],
        body: String::new(),
    };
    let text = receipt().to_string();
    let mut rows = vec![
        (Reply::json(500, &json!({"error": {"type": "UNKNOWN", "message": "?"}})), http),
        (redirect, http),
        (Reply::text(200, "text/plain", &text), other_type),
        (Reply::Answer { status: 200, headers: Vec::new(), body: text.clone() }, other_type),
        (Reply::text(200, "application/json", ""), unreadable),
        (Reply::text(200, "application/json", "OK"), unreadable),
        (Reply::text(200, "application/json", &text[1..]), unreadable),
        (Reply::Break, unreadable),
        (Reply::json(200, &json!({})), incomplete),
        (Reply::json(200, &json!(["1.0", "shop", "2026-11-21T10:00:00Z"])), incomplete),
        (Reply::json(200, &json!({"result": true})), incomplete),
    ];
    for status in [201, 202, 204, 401, 403, 404, 409, 410, 420, 429, 501, 502, 503] {
        rows.push((Reply::json(status, &receipt()), http));
    }
    for field in ["version", "name", "time"] {
        for value in [Value::Null, json!(""), json!(7), json!("x".repeat(101))] {
            rows.push((Reply::json(200, &receipt_with(field, value)), incomplete));
        }
    }
    for time in ["2026-11-21", "2026-11-21T10:00:00", "21.11.2026 10:00:00", "1795255200"] {
        rows.push((Reply::json(200, &receipt_with("time", json!(time))), incomplete));
    }
    for (reply, reason) in rows {
        receiver.reply(reply.clone());
        let message = cabinet.say(BUYER, chat, "вопрос").await;
        assert_eq!(next_message(&receiver).await, message);
        let found = once(&api, &made, |found| found["failing_since"] != Value::Null).await;
        assert_eq!(found["last_delivery"]["outcome"], "failed", "{reply:?}");
        assert_eq!(found["last_delivery"]["reason"], reason, "{reply:?}");
        receiver.reply(Reply::json(200, &receipt()));
        wait(&cabinet.server, 60);
        assert_eq!(next_message(&receiver).await, message);
        once_all_is_told(&api, &made).await;
    }
}

#[tokio::test]
async fn a_bad_event_is_not_repeated_and_holds_nothing_back() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let chat = cabinet.order_chat(Model::Fbs).await;
    let made = subscribe(&api, &receiver, &[]).await;
    for (body, reason) in [
        (json!({"error": {"type": "WRONG_EVENT_FORMAT", "message": "?"}}), "WRONG_EVENT_FORMAT"),
        (json!({"error": {"type": "DUPLICATED_EVENT"}}), "DUPLICATED_EVENT"),
        (json!({"error": {"type": "UNKNOWN"}}), "UNKNOWN"),
        (json!({"error": {}}), "UNKNOWN"),
        (json!({}), "UNKNOWN"),
    ] {
        receiver.reply(Reply::json(400, &body));
        let message = cabinet.say(BUYER, chat, "вопрос").await;
        assert_eq!(next_message(&receiver).await, message);
        let found = once_all_is_told(&api, &made).await;
        let last = &found["last_delivery"];
        assert_eq!((&last["outcome"], &last["reason"]), (&json!("declined"), &json!(reason)));
        assert_eq!((&last["status"], &found["failing_since"]), (&json!(400), &Value::Null));
    }
    wait(&cabinet.server, 24 * 3600);
    receiver.is_left_alone().await;
}

#[tokio::test]
async fn a_notification_may_take_ten_seconds_and_a_ping_one() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let made = subscribe(&api, &receiver, &[]).await;
    receiver.reply(Reply::Hang);
    let begun = Instant::now();
    let problem = ask(&api, &receiver, &[]).await;
    let problem = problem.problem(StatusCode::UNPROCESSABLE_ENTITY, "not-confirmed");
    assert!((1..5).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(problem["ping"]["reason"], "CANT_GET_RESPONSE/READ_TIMED_OUT");
    receiver.next().await;

    let begun = Instant::now();
    cabinet.order_chat(Model::Fbs).await;
    receiver.next().await;
    let told = async || {
        let log = deliveries(&api, &made).await;
        log.last().filter(|last| last["type"] == "CHAT_CREATED").cloned()
    };
    let filed = loop {
        match told().await {
            Some(filed) => break filed,
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    assert!((10..20).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert_eq!(filed["reason"], "CANT_GET_RESPONSE/READ_TIMED_OUT");
    assert_eq!((&filed["status"], &filed["outcome"]), (&Value::Null, &json!("failed")));
}

#[tokio::test]
async fn a_receiver_that_does_not_listen_is_filed_as_refusing() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let made = subscribe(&api, &receiver, &[]).await;
    drop(receiver);
    cabinet.order_chat(Model::Fbs).await;
    let found = once(&api, &made, |found| found["failing_since"] != Value::Null).await;
    assert_eq!(found["last_delivery"]["reason"], "CANT_GET_RESPONSE/CONNECTION_REFUSED");
    assert_eq!(found["last_delivery"]["response"], "");
}
