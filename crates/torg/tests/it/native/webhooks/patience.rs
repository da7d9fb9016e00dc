//! How long the native format goes on with a receiver that fails.

use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{Receiver, Reply, Server};

use super::{
    Scene, alarms, deliveries, make_for, once, once_all_is_told, path, text_of, wait, willing,
};
use crate::native::client::Client;

const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn repeats_come_after_growing_pauses_then_every_hour_and_never_end_by_themselves() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } =
        Scene::of(&server, Receiver::start(Reply::status(500)).await).await;
    buyer.say(chat, "вопрос").await;
    receiver.next().await;
    for (index, pause) in [5, 30, 120, 600, 1800, 3600, 3600, 3600].into_iter().enumerate() {
        once(&seller, &made, |found| found["last_delivery"]["attempt"] == index + 1).await;
        wait(&server, pause - 1);
        receiver.is_left_alone().await;
        wait(&server, 1);
        assert_eq!(text_of(&receiver.next().await), "вопрос", "after {pause} s");
    }
    let found = once(&seller, &made, |found| found["last_delivery"]["attempt"] == 9).await;
    assert_eq!((&found["waiting"], &found["lag"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&found["state"], &found["failing_since"]),
        (&json!("active"), &json!("2026-11-21T10:00:00.000Z"))
    );

    receiver.reply(Reply::status(200));
    wait(&server, 3600);
    receiver.next().await;
    let found = once_all_is_told(&seller, &made).await;
    assert_eq!((&found["waiting"], &found["failing_since"]), (&json!(0), &Value::Null));
    // What comes next begins with the shortest pause again.
    receiver.reply(Reply::status(500));
    buyer.say(chat, "ещё").await;
    receiver.next().await;
    once(&seller, &made, |found| found["failing_since"] != Value::Null).await;
    wait(&server, 5);
    assert_eq!(text_of(&receiver.next().await), "ещё");
}

#[tokio::test]
async fn after_a_day_the_account_is_told_after_five_the_webhook_is_switched_off() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let receiver = Receiver::start(Reply::status(500)).await;
    let witness = willing().await;
    let made = make_for(&seller, &receiver, &["message.created"]).await;
    make_for(&seller, &witness, &["webhook.failing", "webhook.switched_off"]).await;
    buyer.say(chat, "первый").await;
    receiver.next().await;
    for attempt in 1..5 {
        once(&seller, &made, |found| found["last_delivery"]["attempt"] == attempt).await;
        wait(&server, [5, 30, 120, 600][attempt - 1]);
        receiver.next().await;
    }
    once(&seller, &made, |found| found["last_delivery"]["attempt"] == 5).await;
    wait(&server, DAY - 755 - 1);
    receiver.next().await;
    once(&seller, &made, |found| found["last_delivery"]["attempt"] == 6).await;
    assert_eq!(alarms(&seller, &made).await, [""; 0]);
    wait(&server, 3600);
    receiver.next().await;
    let told = witness.next().await.json();
    assert_eq!((&told["kind"], &told["webhook_id"]), (&json!("webhook.failing"), &made["id"]));
    assert_eq!(told["at"], "2026-11-22T10:59:59.000Z");
    once(&seller, &made, |found| found["last_delivery"]["attempt"] == 7).await;
    wait(&server, 3600);
    receiver.next().await;
    once(&seller, &made, |found| found["last_delivery"]["attempt"] == 8).await;
    // It is told once.
    witness.is_left_alone().await;
    assert_eq!(alarms(&seller, &made).await, ["webhook.failing"]);

    wait(&server, 5 * DAY - (DAY + 2 * 3600 - 1) - 1);
    receiver.next().await;
    once(&seller, &made, |found| found["last_delivery"]["attempt"] == 9).await;
    assert_eq!(seller.get(&path(&made, "")).await.ok()["state"], "active");
    wait(&server, 3600);
    receiver.next().await;
    assert_eq!(witness.next().await.json()["kind"], "webhook.switched_off");
    once(&seller, &made, |found| found["state"] == "switched_off").await;
    assert_eq!(alarms(&seller, &made).await, ["webhook.failing", "webhook.switched_off"]);

    buyer.say(chat, "второй").await;
    wait(&server, 10 * DAY);
    receiver.is_left_alone().await;
    // Nothing is lost: it goes on where it stopped.
    receiver.reply(Reply::status(200));
    let resumed = seller.post(&path(&made, "/resume"), json!({})).await.ok();
    assert_eq!((&resumed["state"], &resumed["failing_since"]), (&json!("active"), &Value::Null));
    for expected in ["первый", "второй"] {
        assert_eq!(text_of(&receiver.next().await), expected);
    }
    once_all_is_told(&seller, &made).await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_at_once() {
    let server = Server::start().await;
    let Scene { seller, buyer, chat, receiver, made } =
        Scene::of(&server, Receiver::start(Reply::status(410)).await).await;
    buyer.say(chat, "вопрос").await;
    receiver.next().await;
    once(&seller, &made, |found| found["state"] == "switched_off").await;
    assert_eq!(alarms(&seller, &made).await, ["webhook.switched_off"]);
    assert_eq!(deliveries(&seller, &made).await[0]["status"], 410);
    wait(&server, DAY);
    receiver.is_left_alone().await;
    receiver.reply(Reply::status(200));
    seller.post(&path(&made, "/resume"), json!({})).await.ok();
    assert_eq!(text_of(&receiver.next().await), "вопрос");
    seller.get(&path(&made, "/nothing")).await.problem(StatusCode::NOT_FOUND, "no-such-path");
}
