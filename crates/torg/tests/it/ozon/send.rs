//! `/v1/chat/send/message` (Ozon contract §7.2, §11.15, §11.19).

use domain::catalog::Model;
use domain::commands::Subject;
use serde_json::json;
use testkit::SELLER;

use super::client::{Client, UNKNOWN_CHAT, ask_as_buyer, log_length, market};

const LENGTH: &str = "Request validation error: invalid ChatSendMessageRequest.Text: value length must be between 1 and 1000 runes, inclusive";

#[tokio::test]
async fn the_answer_is_success_and_the_message_stands_in_the_history() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    let answer = client.send(&chat, "Здравствуйте! Посылку отправим завтра.").await;
    assert_eq!(answer.succeeded(), &json!({"result": "success"}));
    assert_eq!(client.texts(&chat).await, ["Здравствуйте! Посылку отправим завтра."]);
}

#[tokio::test]
async fn texts_of_1_to_1000_code_points_are_kept_letter_for_letter() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    let thousand = "ё".repeat(1000);
    let thousand_wide = "🚗".repeat(1000);
    let verbatim = [
        ".",
        &thousand,
        &thousand_wide,
        "  a \r\n\tb \n",
        "<b>&amp;</b> **x** ![](http://a) [l](b)",
        "e\u{301}",
        "\u{7}",
        "'); DROP TABLE messages; --",
        "\u{202e}abc",
    ];
    for text in verbatim {
        client.send(&chat, text).await.succeeded();
    }
    assert_eq!(client.texts(&chat).await, verbatim);
}

#[tokio::test]
async fn other_texts_are_refused_and_nothing_is_stored() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    let before = log_length(&server, SELLER).await;
    let longer = "ё".repeat(1001);
    let much_longer = "x".repeat(100_000);
    for text in ["", " ", "\r\n\t\u{3000}", &longer, &much_longer] {
        client.send(&chat, text).await.failed(400, 3, LENGTH);
    }
    for body in [json!({"chat_id": chat}), json!({"chat_id": chat, "text": null})] {
        client.post("/v1/chat/send/message", &body).await.failed(400, 3, LENGTH);
    }
    let nul =
        "Request validation error: invalid ChatSendMessageRequest.Text: value must not contain NUL";
    client.send(&chat, "a\u{0}b").await.failed(400, 3, nul);
    client.send(UNKNOWN_CHAT, "x").await.failed(404, 5, "chat not found");
    assert_eq!(log_length(&server, SELLER).await, before);
}

#[tokio::test]
async fn every_send_makes_one_message() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = client.start(&order.posting).await;
    for _ in 0..3 {
        client.send(&chat, "Одно и то же").await.succeeded();
    }
    let messages = client.history(&chat).await;
    let ids: Vec<_> =
        messages.iter().map(|message| message["message_id"].as_i64().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    assert!(
        ids.is_sorted_by(|a, b| a < b) && ids.iter().all(|&id| 0 < id && id < 1 << 53),
        "{ids:?}"
    );
}

#[tokio::test]
async fn an_answer_reaches_the_buyer() {
    let server = market().await;
    let client = Client::new(&server).await;
    let order = server.order(Model::Fbs).await;
    let chat = ask_as_buyer(&server, Subject::Order(order.id), "Когда?").await;
    client.send(&chat.public_id.to_string(), "Завтра").await.succeeded();
    let seen = server.chat(testkit::BUYER, chat.id).await;
    assert_eq!(seen.buyer.marks.unread, 1);
    assert_eq!(seen.last_message.map(|last| last.id), seen.buyer.marks.first_unread);
}
