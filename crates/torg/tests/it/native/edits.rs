//! Replacing the text of a message.

use domain::SignedDuration;
use domain::catalog::Model;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::{OTHER_SELLER, Server};

use super::client::{Answer, Client};

/// Where an account edits a message.
fn path_of(message: &Value) -> String {
    format!("/chats/{}/messages/{}", message["chat_id"], message["id"])
}

async fn edit(client: &Client<'_>, message: &Value, text: &str) -> Answer {
    client.patch(&path_of(message), json!({"text": text})).await
}

async fn moderate(host: &Client<'_>, message: &Value, text: &str) -> Answer {
    host.patch(&format!("/host{}", path_of(message)), json!({"text": text})).await
}

/// The newest messages of a chat, newest first.
async fn history(client: &Client<'_>, chat: i64) -> Value {
    client.get(&format!("/chats/{chat}/messages")).await.ok()["messages"].clone()
}

/// Events of the log after `after`.
async fn events(client: &Client<'_>, after: i64) -> Vec<Value> {
    let list = client.get(&format!("/events?after={after}")).await.ok();
    list["events"].as_array().unwrap().clone()
}

async fn newest(client: &Client<'_>) -> i64 {
    client.get("/events?limit=1").await.ok()["newest"].as_i64().unwrap()
}

#[tokio::test]
async fn an_author_replaces_a_text_and_nothing_else_moves() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let host = Client::host(&server).await;
    let chat = buyer.product_chat().await;
    let question = buyer.say(chat, "Подойдёт на E46?").await;
    assert_eq!(question["edited_at"], Value::Null);
    seller.post(&format!("/chats/{chat}/read"), json!({})).await.ok();
    let answer = seller.say(chat, "Да").await;
    let newer = seller.order_chat(&server.order(Model::Fbs).await).await;
    buyer.say(newer, "другое").await;
    // Whatever there is was delivered before, so that looking at it moves nothing.
    for client in [&seller, &buyer] {
        client.get("/chats").await.ok();
    }
    let before = seller.get("/chats").await.ok();

    server.clock().advance(SignedDuration::from_mins(1));
    let edited = edit(&buyer, &question, "Подойдёт на E36?").await.ok();
    let at = "2026-11-21T10:01:00.000Z";
    let mut expected = question.clone();
    expected["text"] = json!("Подойдёт на E36?");
    expected["edited_at"] = json!(at);
    expected["read"] = json!(true);
    expected["delivered"] = json!(true);
    assert_eq!(edited, expected);
    assert_eq!(edit(&seller, &answer, "Нет").await.ok()["text"], "Нет");

    for seen in [
        history(&seller, chat).await,
        history(&buyer, chat).await,
        host.get(&format!("/host/chats/{chat}/messages")).await.ok()["messages"].clone(),
    ] {
        let texts = [&seen[0]["text"], &seen[1]["text"]];
        assert_eq!(texts, ["Нет", "Подойдёт на E36?"]);
        assert_eq!([&seen[0]["edited_at"], &seen[1]["edited_at"]], [at, at]);
        assert_eq!(seen[1]["created_at"], question["created_at"]);
    }
    let mut after = seller.get("/chats").await.ok();
    let last = &mut after["chats"][1]["last_message"];
    assert_eq!((&last["text"], &last["edited_at"]), (&json!("Нет"), &json!(at)));
    last["text"] = json!("Да");
    last["edited_at"] = Value::Null;
    assert_eq!(after, before, "order, unread, turn, positions and activity stay");
}

#[tokio::test]
async fn the_files_of_a_message_stay() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let file =
        buyer.post_bytes("/attachments?name=a.txt", "text/plain", b"abc".to_vec()).await.ok();
    let body = json!({"attachment_ids": [file["id"]]});
    let sent = buyer.post(&format!("/chats/{chat}/messages"), body).await.ok();
    assert_eq!(sent["text"], Value::Null);
    let edited = edit(&buyer, &sent, "подпись").await.ok();
    assert_eq!(edited["text"], "подпись");
    assert_eq!(edited["attachments"][0]["id"], file["id"]);
    let seen = history(&seller, chat).await;
    assert_eq!(seen[0]["text"], "подпись");
    assert_eq!(seen[0]["attachments"][0]["name"], "a.txt");
}

#[tokio::test]
async fn both_logs_tell_of_an_edit_and_of_its_text() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let host = Client::host(&server).await;
    let chat = buyer.product_chat().await;
    let message = buyer.say(chat, "раз").await;
    assert_eq!(edit(&buyer, &message, "два").await.status, 200);
    assert_eq!(moderate(&host, &message, "***").await.status, 200);

    for client in [&seller, &buyer] {
        let mut told = events(client, 1).await;
        told.retain(|event| event["kind"] != "chat.delivered");
        let kinds: Vec<_> = told.iter().map(|event| &event["kind"]).collect();
        assert_eq!(kinds, ["message.created", "message.updated", "message.updated"]);
        for event in &told {
            assert_eq!((&event["chat_id"], &event["message_id"]), (&json!(chat), &message["id"]));
            // An entry is rendered when it is read.
            assert_eq!(event["message"]["id"], message["id"]);
            assert_eq!(event["message"]["text"], "***");
            assert_ne!(event["message"]["edited_at"], Value::Null);
        }
        let sides: Vec<_> = told.iter().map(|event| &event["side"]).collect();
        assert_eq!(sides, [&json!("buyer"), &json!("buyer"), &Value::Null]);
    }
}

#[tokio::test]
async fn a_log_that_shows_an_edited_message_has_delivered_it() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let message = buyer.say(chat, "раз").await;
    edit(&buyer, &message, "два").await.ok();
    assert_eq!(events(&seller, 2).await[0]["message"]["text"], "два");
    let seen = buyer.get(&format!("/chats/{chat}")).await.ok();
    assert_eq!(seen["seller_position"]["delivered_up_to"], message["id"]);
}

#[tokio::test]
async fn the_same_text_once_more_changes_nothing() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let message = buyer.say(chat, "раз").await;
    let (newest_before, same) = (newest(&buyer).await, edit(&buyer, &message, "раз").await.ok());
    assert_eq!(same, message);
    assert_eq!(newest(&buyer).await, newest_before);
    let edited = edit(&buyer, &message, "два").await.ok();
    server.clock().advance(SignedDuration::from_mins(1));
    assert_eq!(edit(&buyer, &message, "два").await.ok(), edited, "a repeat is harmless");
    assert_eq!(newest(&buyer).await, newest_before + 1);
}

#[tokio::test]
async fn a_repeated_send_answers_the_text_as_it_is_now() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let first = buyer.post_once(&path, "k", json!({"text": "раз"})).await.ok();
    edit(&buyer, &first, "два").await.ok();
    let again = buyer.post_once(&path, "k", json!({"text": "раз"})).await;
    assert_eq!((again.status, &again.body["text"]), (200, &json!("два")));
    assert_eq!(again.body["id"], first["id"]);
}

#[tokio::test]
async fn refused_edits_leave_no_trace() {
    let server = Server::start_with(|settings| {
        settings.native.seller.reply_window_hours = 48;
        settings.native.text_chars_max = 10;
    })
    .await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let host = Client::host(&server).await;
    let chat = buyer.product_chat().await;
    let question = buyer.say(chat, "вопрос").await;
    let answer = seller.say(chat, "ответ").await;
    let told = host
        .post(&format!("/host/chats/{chat}/messages"), json!({"role": "support", "text": "помощь"}))
        .await
        .ok();
    history(&buyer, chat).await;
    let before = (history(&buyer, chat).await, newest(&buyer).await);

    for (client, message) in
        [(&seller, &question), (&buyer, &answer), (&seller, &told), (&buyer, &told)]
    {
        let refused = edit(client, message, "иначе").await;
        refused.problem(StatusCode::FORBIDDEN, "not-your-message");
    }
    for (text, slug) in [
        ("", "text-empty"),
        (" \n", "text-empty"),
        ("a\u{0}b", "text-has-forbidden-character"),
        ("12345678901", "text-too-long"),
    ] {
        for refused in [edit(&buyer, &question, text).await, moderate(&host, &question, text).await]
        {
            refused.problem(StatusCode::UNPROCESSABLE_ENTITY, slug);
        }
    }
    for body in [json!({}), json!({"text": null}), json!({"text": 7})] {
        buyer.patch(&path_of(&question), body).await.invalid_at("text");
    }

    buyer.put(&format!("/chats/{chat}/block"), json!({})).await;
    let refused = edit(&seller, &answer, "иначе").await;
    refused.problem(StatusCode::CONFLICT, "blocked-by-buyer");
    buyer.delete(&format!("/chats/{chat}/block")).await;
    server.clock().advance(SignedDuration::from_hours(49));
    let refused = edit(&seller, &answer, "иначе").await;
    let refused = refused.problem(StatusCode::CONFLICT, "window-closed");
    assert_eq!(refused["closed_at"], "2026-11-23T10:00:00.000Z");
    host.post(&format!("/host/chats/{chat}/close"), json!({})).await.ok();
    let refused = edit(&seller, &answer, "иначе").await;
    refused.problem(StatusCode::CONFLICT, "chat-closed");

    // Blocked, unblocked, closed: nothing else has happened.
    assert_eq!((history(&buyer, chat).await, newest(&buyer).await - 3), before);

    // The buyer may write here, so may edit; the chat stays closed all the same.
    assert_eq!(edit(&buyer, &question, "иначе").await.status, 200);
    assert_eq!(buyer.get(&format!("/chats/{chat}")).await.ok()["state"], "closed");
}

#[tokio::test]
async fn the_marketplace_moderates_what_anybody_wrote_and_when() {
    let server = Server::start().await;
    let order = server.order(Model::Fbs).await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let host = Client::host(&server).await;
    let started = host.post("/host/disputes", json!({"order_id": order.id.get()})).await.ok();
    let chat = started["id"].as_i64().unwrap();
    let path = format!("/host/chats/{chat}/messages");
    let said = [
        seller.say(chat, "звоните 8-900").await,
        buyer.say(chat, "плохие слова").await,
        host.post(&path, json!({"role": "arbiter", "text": "решение"})).await.ok(),
    ];
    host.post(&format!("/host/chats/{chat}/dispute/end"), json!({})).await.ok();
    for message in &said {
        let moderated = moderate(&host, message, "***").await.ok();
        assert_eq!(moderated["text"], "***");
        assert_eq!(moderated["author"]["role"], message["author"]["role"]);
    }
    for (client, message) in [(&seller, &said[0]), (&buyer, &said[1])] {
        let refused = edit(client, message, "своё").await;
        refused.problem(StatusCode::CONFLICT, "dispute-ended");
        let texts = history(client, chat).await;
        assert!(texts.as_array().unwrap().iter().all(|message| message["text"] == "***"));
    }
    let absent = host.patch(&format!("{path}/1"), json!({"text": "x"})).await;
    absent.problem(StatusCode::NOT_FOUND, "message-not-found");
    let absent = host.patch("/host/chats/999999/messages/1", json!({"text": "x"})).await;
    absent.problem(StatusCode::NOT_FOUND, "chat-not-found");
    let account = moderate(&seller, &said[1], "x").await;
    account.problem(StatusCode::FORBIDDEN, "wrong-kind-of-key");
}

#[tokio::test]
async fn what_is_foreign_and_what_is_absent_get_the_same_answer() {
    let server = Server::start().await;
    let (buyer, stranger) = (Client::buyer(&server).await, Client::of(&server, OTHER_SELLER).await);
    let chat = buyer.product_chat().await;
    let message = buyer.say(chat, "вопрос").await;
    let other = buyer.order_chat(&server.order(Model::Fbs).await).await;
    let id = &message["id"];
    let at = |chat: &str, message: &str| format!("/chats/{chat}/messages/{message}");
    let try_at =
        async |client: &Client<'_>, path: String| client.patch(&path, json!({"text": "моё"})).await;

    // A stranger meets the same bytes, whether chat and message exist or not.
    let foreign = try_at(&stranger, path_of(&message)).await;
    for (absent_chat, absent_message) in [("999999", "1"), ("999999", &id.to_string()), ("x", "1")]
    {
        let absent = try_at(&stranger, at(absent_chat, absent_message)).await;
        assert_eq!(absent.text, foreign.text);
    }
    let absent = try_at(&stranger, at(&chat.to_string(), "1")).await;
    assert_eq!(absent.text, foreign.text);
    foreign.problem(StatusCode::NOT_FOUND, "chat-not-found");

    // In a chat of one's own: a message of another chat, one that never was, and what is no id.
    let elsewhere = try_at(&buyer, at(&other.to_string(), &id.to_string())).await;
    for absent in ["1", "0", "-1", "x", "9007199254740991", "9007199254740992"] {
        let absent = try_at(&buyer, at(&other.to_string(), absent)).await;
        assert_eq!(absent.text, elsewhere.text);
    }
    elsewhere.problem(StatusCode::NOT_FOUND, "message-not-found");
    assert_eq!(history(&buyer, chat).await[0]["text"], "вопрос");
    assert!(events(&stranger, 0).await.is_empty());
}

#[tokio::test]
async fn search_finds_the_new_text_and_not_the_old_one() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let message = buyer.say(chat, "фара левая").await;
    let found = async |needle: &str| {
        let list = seller.get(&format!("/search?q={needle}")).await.ok();
        let in_chat = seller.get(&format!("/search?q={needle}&chat_id={chat}")).await.ok();
        assert_eq!(list["messages"], in_chat["messages"]);
        list["messages"].as_array().unwrap().iter().map(|found| found["text"].clone()).collect()
    };
    let texts: Vec<Value> = found("фара").await;
    assert_eq!(texts, ["фара левая"]);
    edit(&buyer, &message, "зеркало").await.ok();
    // At once, while no index can know, and when one has had the time to follow.
    for _ in 0..2 {
        let (old, new): (Vec<Value>, Vec<Value>) = (found("фара").await, found("зеркало").await);
        assert_eq!((old, new), (vec![], vec![json!("зеркало")]));
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}
