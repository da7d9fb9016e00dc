//! A URL is taken, changed and switched on again only when its receiver answers a PING (contract §8.4).

use domain::catalog::Model;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::{BUYER, Receiver, Reply};

use super::{ask, next_message, receipt, seller, subscribe, willing};
use crate::native::client::Answer;
use crate::native::webhooks::{once_all_is_told, path};
use crate::yandex_market::Cabinet;

const INVALID: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

#[tokio::test]
async fn a_url_that_does_not_answer_the_ping_is_not_taken() {
    let cabinet = Cabinet::open().await;
    let api = seller(&cabinet).await;
    let receiver = willing().await;
    for (reply, reason) in [
        (Reply::status(500), "CANT_GET_RESPONSE/HTTP"),
        (Reply::status(204), "CANT_GET_RESPONSE/HTTP"),
        (Reply::json(400, &json!({"error": {"type": "WRONG_EVENT_FORMAT"}})), "WRONG_EVENT_FORMAT"),
        (Reply::json(200, &json!({"result": true})), "INVALID_RESPONSE/INVALID_DATA"),
        (Reply::text(200, "text/html", "<p>"), "CANT_GET_RESPONSE/UNSUPPORTED_MEDIA_TYPE"),
        (Reply::Break, "INVALID_RESPONSE/CANT_PARSE_RESPONSE"),
    ] {
        receiver.reply(reply);
        let problem = ask(&api, &receiver, &[]).await.problem(INVALID, "not-confirmed");
        assert_eq!(problem["ping"]["reason"], reason);
        assert_eq!(receiver.next().await.json()["notificationType"], "PING");
    }
    let closed = Receiver::start(Reply::Hang).await.url().to_owned();
    let body = json!({"format": "yandex-market", "name": "x", "url": closed});
    let problem = api.post("/webhooks", body).await.problem(INVALID, "not-confirmed");
    assert_eq!(problem["ping"]["reason"], "CANT_GET_RESPONSE/CONNECTION_REFUSED");
    assert_eq!(api.get("/webhooks").await.ok(), json!({"webhooks": []}));
}

#[tokio::test]
async fn another_url_is_pinged_and_another_name_is_not() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let made = subscribe(&api, &receiver, &[]).await;
    let patch = async |body: Value| {
        Answer::of(api.request(Method::PATCH, &path(&made, "")).json(&body)).await
    };
    patch(json!({"name": "другое", "types": ["CHAT_CREATED"]})).await.ok();
    receiver.is_left_alone().await;

    let silent = Receiver::start(Reply::status(404)).await;
    patch(json!({"url": silent.url()})).await.problem(INVALID, "not-confirmed");
    silent.next().await;
    let kept = api.get(&path(&made, "")).await.ok();
    assert_eq!(kept["url"], format!("{}/hook", receiver.url()));

    let other = willing().await;
    patch(json!({"url": other.url(), "exact_url": true})).await.ok();
    let ping = other.next().await;
    assert_eq!((&ping.json()["notificationType"], ping.path.as_str()), (&json!("PING"), "/"));
}

#[tokio::test]
async fn a_pause_ends_with_a_ping_and_loses_nothing() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let chat = cabinet.order_chat(Model::Fbs).await;
    let made = subscribe(&api, &receiver, &[]).await;
    api.post(&path(&made, "/pause"), json!({})).await.ok();
    // The sender hears of it after the answer.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let message = cabinet.say(BUYER, chat, "вопрос").await;
    receiver.is_left_alone().await;
    receiver.reply(Reply::status(500));
    let refused = api.post(&path(&made, "/resume"), json!({})).await;
    refused.problem(INVALID, "not-confirmed");
    receiver.next().await;
    assert_eq!(api.get(&path(&made, "")).await.ok()["state"], "paused");
    receiver.reply(Reply::json(200, &receipt()));
    assert_eq!(api.post(&path(&made, "/resume"), json!({})).await.ok()["state"], "active");
    assert_eq!(receiver.next().await.json()["notificationType"], "PING");
    assert_eq!(next_message(&receiver).await, message);
    once_all_is_told(&api, &made).await;
}

#[tokio::test]
async fn there_is_no_secret_of_any_kind() {
    let cabinet = Cabinet::open().await;
    let (api, receiver) = (seller(&cabinet).await, willing().await);
    let made = subscribe(&api, &receiver, &[]).await;
    assert_eq!(made["secret"], Value::Null);
    let answer = api.post(&path(&made, "/rotate-secret"), json!({})).await;
    answer.problem(StatusCode::CONFLICT, "not-signed");
}

#[tokio::test]
async fn the_marketplace_can_set_a_url_up_for_its_seller() {
    let cabinet = Cabinet::open().await;
    let host = crate::native::client::Client::host(&cabinet.server).await;
    let receiver = willing().await;
    let body = super::wanted(&receiver, &[]);
    let path = format!("/host/accounts/{}/webhooks", testkit::SELLER);
    host.post(&path, body).await.ok();
    assert_eq!(receiver.next().await.json()["notificationType"], "PING");
    let chat = cabinet.order_chat(Model::Fbs).await;
    assert_eq!(receiver.next().await.json()["chatId"], chat);
}
