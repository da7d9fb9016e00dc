//! One message for each idempotency key.

use reqwest::StatusCode;
use serde_json::json;
use testkit::{OTHER_BUYER, PRODUCT, Server};

use super::client::Client;

#[tokio::test]
async fn a_repeat_answers_with_the_same_message() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let first = buyer.post_once(&path, "k-1", json!({"text": "раз"})).await;
    assert_eq!(first.status, 201);
    assert!(!first.headers.contains_key("idempotent-replayed"));
    // Spelling and unknown members do not matter; header and body name the same key.
    for body in [
        json!({"text": "раз"}),
        json!({"attachment_ids": null, "text": "раз", "trace": 7, "client_key": "k-1"}),
    ] {
        let again = buyer.post_once(&path, "k-1", body).await;
        assert_eq!(again.status, 200);
        assert_eq!(again.headers["idempotent-replayed"], "true");
        assert_eq!(again.body["id"], first.body["id"]);
    }
    let in_body = buyer.post(&path, json!({"text": "раз", "client_key": "k-1"})).await;
    assert_eq!((in_body.status, &in_body.body["id"]), (200, &first.body["id"]));
    let list = buyer.get(&path).await.ok();
    assert_eq!(list["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn concurrent_repeats_make_one_message() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let send = || buyer.post_once(&path, "same", json!({"text": "раз"}));
    let answers: [_; 8] =
        tokio::join!(send(), send(), send(), send(), send(), send(), send(), send()).into();
    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
    assert!(answers.iter().all(|answer| answer.body["id"] == answers[0].body["id"]));
    assert_eq!(buyer.get(&path).await.ok()["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_good_for_one_request_only() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    buyer.post_once(&path, "k", json!({"text": "раз"})).await.ok();
    for body in [
        json!({"text": "два"}),
        json!({"text": "раз", "if_last_message_id": 0}),
        json!({"text": "раз", "attachment_ids": [1]}),
    ] {
        let problem = buyer.post_once(&path, "k", body).await;
        problem.problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused");
    }
    let order = server.order(domain::catalog::Model::Fbs).await;
    let other = buyer.order_chat(&order).await;
    let path = format!("/chats/{other}/messages");
    let elsewhere = buyer.post_once(&path, "k", json!({"text": "раз"})).await;
    elsewhere.problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused");
    // Keys belong to the account.
    let stranger = Client::of(&server, OTHER_BUYER).await;
    let chat = stranger.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let own = stranger.post_once(&path, "k", json!({"text": "раз"})).await;
    assert_eq!(own.status, 201);
}

#[tokio::test]
async fn a_repeat_is_answered_even_when_the_chat_has_moved_on() {
    let server = Server::start().await;
    let (seller, buyer) = (Client::seller(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    let body = json!({"text": "ответ", "if_last_message_id": 0});
    let first = seller.post_once(&path, "k", body.clone()).await;
    buyer.say(chat, "спасибо").await;
    assert_eq!(buyer.put(&format!("/chats/{chat}/block"), json!({})).await.status, 204);
    let again = seller.post_once(&path, "k", body).await;
    assert_eq!((again.status, &again.body["id"]), (200, &first.body["id"]));
}

#[tokio::test]
async fn an_opening_with_a_message_is_repeated_safely() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let request = json!({
        "context": {"type": "product", "id": PRODUCT.get()},
        "message": {"text": "Здравствуйте!"},
    });
    let first = buyer.post_once("/chats", "open", request.clone()).await;
    assert_eq!(first.status, 201);
    let again = buyer.post_once("/chats", "open", request).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["message"]["id"], first.body["message"]["id"]);
    assert_eq!(again.body["created"], false);
    let another = json!({
        "context": {"type": "product", "id": PRODUCT.get()},
        "message": {"text": "Ещё вопрос"},
    });
    let problem = buyer.post_once("/chats", "open", another).await;
    problem.problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused");
}

#[tokio::test]
async fn keys_have_bounds() {
    let server = Server::start().await;
    let buyer = Client::buyer(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/chats/{chat}/messages");
    buyer.post_once(&path, &"k".repeat(255), json!({"text": "раз"})).await.ok();
    for key in ["", &"k".repeat(256)] {
        buyer.post_once(&path, key, json!({"text": "раз"})).await.invalid_at("Idempotency-Key");
        buyer.post(&path, json!({"text": "раз", "client_key": key})).await.invalid_at("client_key");
    }
    let differing = buyer.post_once(&path, "a", json!({"text": "раз", "client_key": "b"})).await;
    differing.invalid_at("client_key");
}

#[tokio::test]
async fn the_marketplaces_lines_are_repeated_safely_too() {
    let server = Server::start().await;
    let (host, buyer) = (Client::host(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    let path = format!("/host/chats/{chat}/messages");
    let body = json!({"role": "support", "text": "Чем помочь?"});
    let first = host.post_once(&path, "k", body.clone()).await;
    assert_eq!(first.status, 201);
    let again = host.post_once(&path, "k", body).await;
    assert_eq!((again.status, &again.body["id"]), (200, &first.body["id"]));
    let other = host.post_once(&path, "k", json!({"role": "market", "text": "Чем помочь?"})).await;
    other.problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused");
}
