//! Repeats, order, and the end after 14 days (contract §8.4).

use domain::catalog::Model;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{BUYER, Reply};

use super::{next_message, receipt, seller, subscribe, willing};
use crate::native::webhooks::{alarms, once, once_all_is_told, path, wait};
use crate::yandex_market::Cabinet;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// The pauses between the attempts of 14 days: how many, and how long in seconds.
const PAUSES: [(i64, i64); 3] = [(60, MINUTE), (23 * 4, 15 * MINUTE), (13 * 24, HOUR)];

#[tokio::test]
async fn a_failing_subscription_is_repeated_by_its_schedule_and_switched_off_after_14_days() {
    let cabinet = Cabinet::open().await;
    let server = &cabinet.server;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let chat = cabinet.order_chat(Model::Fbs).await;
    let made = subscribe(&api, &receiver, &["CHAT_MESSAGE_SENT"]).await;
    receiver.reply(Reply::status(500));
    let message = cabinet.say(BUYER, chat, "первый").await;
    assert_eq!(next_message(&receiver).await, message);
    for (index, (count, pause)) in PAUSES.into_iter().enumerate() {
        for number in 1..=count {
            wait(server, pause - 1);
            if number == 1 || number == count {
                receiver.is_left_alone().await;
            }
            // Within the first day nothing is said of the failing.
            if number == count {
                let expected: &[&str] = if index == 2 { &["webhook.failing"] } else { &[] };
                assert_eq!(alarms(&api, &made).await, expected);
            }
            wait(server, 1);
            assert_eq!(next_message(&receiver).await, message, "{number} times {pause} s");
        }
    }
    let off = once(&api, &made, |found| found["state"] == "switched_off").await;
    assert_eq!(off["failing_since"], "2026-11-21T10:00:00.000Z");
    assert_eq!(alarms(&api, &made).await, ["webhook.failing", "webhook.switched_off"]);
    let log = api.get(&format!("{}?limit=2", path(&made, "/deliveries"))).await.ok();
    let (note, last) = (&log["deliveries"][0], &log["deliveries"][1]);
    let attempts = 1 + PAUSES.iter().map(|(count, _)| count).sum::<i64>();
    assert_eq!(
        (&last["attempt"], &last["at"]),
        (&json!(attempts), &json!("2026-12-05T10:00:00.000Z"))
    );
    let reason = "switched off: a notification was not delivered for 14 days";
    assert_eq!(
        (&note["reason"], &note["attempt"], &note["type"]),
        (&json!(reason), &json!(0), &Value::Null)
    );

    // Nothing new is sent.
    cabinet.say(BUYER, chat, "второй").await;
    wait(server, 24 * HOUR);
    receiver.is_left_alone().await;

    // It is switched on only when a PING is answered.
    let resume = path(&made, "/resume");
    let refused = api.post(&resume, json!({})).await;
    refused.problem(StatusCode::UNPROCESSABLE_ENTITY, "not-confirmed");
    assert_eq!(receiver.next().await.json()["notificationType"], "PING");
    assert_eq!(api.get(&path(&made, "")).await.ok()["state"], "switched_off");
    receiver.reply(Reply::json(200, &receipt()));
    let on = api.post(&resume, json!({})).await.ok();
    assert_eq!((&on["state"], &on["failing_since"]), (&json!("active"), &Value::Null));
    assert_eq!(receiver.next().await.json()["notificationType"], "PING");
    // What was queued is lost, and what happened meanwhile too.
    receiver.is_left_alone().await;
    let third = cabinet.say(BUYER, chat, "третий").await;
    assert_eq!(next_message(&receiver).await, third);
    once_all_is_told(&api, &made).await;
    // Unless somebody wants it from the log.
    api.post(&path(&made, "/replay"), json!({"from_sequence": 1})).await.ok();
    assert_eq!(next_message(&receiver).await, message);
}

#[tokio::test]
async fn patience_begins_anew_with_every_success() {
    let cabinet = Cabinet::open().await;
    let server = &cabinet.server;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let chat = cabinet.order_chat(Model::Fbs).await;
    let made = subscribe(&api, &receiver, &[]).await;
    receiver.reply(Reply::status(500));
    cabinet.say(BUYER, chat, "первый").await;
    next_message(&receiver).await;
    for _ in 0..60 {
        wait(server, MINUTE);
        next_message(&receiver).await;
    }
    receiver.reply(Reply::json(200, &receipt()));
    wait(server, 15 * MINUTE);
    next_message(&receiver).await;
    once_all_is_told(&api, &made).await;
    receiver.reply(Reply::status(500));
    let second = cabinet.say(BUYER, chat, "второй").await;
    next_message(&receiver).await;
    once(&api, &made, |found| found["failing_since"] == "2026-11-21T11:15:00.000Z").await;
    wait(server, MINUTE - 1);
    receiver.is_left_alone().await;
    wait(server, 1);
    assert_eq!(next_message(&receiver).await, second);
}

#[tokio::test]
async fn one_that_fails_holds_back_all_that_come_later() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let chats = [
        cabinet.order_chat(Model::Fbs).await,
        cabinet.order_chat(Model::Dbs).await,
        cabinet.order_chat(Model::Express).await,
    ];
    subscribe(&api, &receiver, &[]).await;
    let other = willing().await;
    subscribe(&api, &other, &[]).await;
    receiver.reply(Reply::status(500));
    let mut said = Vec::new();
    for round in 0..3 {
        for chat in chats {
            said.push(cabinet.say(BUYER, chat, &round.to_string()).await);
        }
    }
    assert_eq!(next_message(&receiver).await, said[0]);
    receiver.is_left_alone().await;
    // Another subscription is not held up, and both are told in the order of the commits (row 41).
    for message in &said {
        assert_eq!(next_message(&other).await, *message);
    }
    receiver.reply(Reply::json(200, &receipt()));
    wait(&cabinet.server, MINUTE);
    for message in &said {
        assert_eq!(next_message(&receiver).await, *message);
    }
    receiver.is_left_alone().await;
}
