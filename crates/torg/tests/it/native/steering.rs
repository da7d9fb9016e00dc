//! What the marketplace does to chats.

use domain::catalog::Model;
use reqwest::StatusCode;
use serde_json::{Value, json};
use testkit::Server;

use super::client::Client;

#[tokio::test]
async fn the_marketplace_sees_any_chat_and_delivers_nothing_by_it() {
    let server = Server::start().await;
    let (host, buyer) = (Client::host(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    buyer.say(chat, "вопрос").await;
    let seen = host.get(&format!("/host/chats/{chat}")).await.ok();
    assert_eq!(seen["id"], chat);
    assert_eq!(seen["turn"], "seller");
    let messages = host.get(&format!("/host/chats/{chat}/messages?after=0")).await.ok();
    assert_eq!(messages["messages"][0]["text"], "вопрос");
    assert_eq!(messages["messages"][0]["delivered"], false);
    let after = host.get(&format!("/host/chats/{chat}")).await.ok();
    assert_eq!(after["seller_position"]["delivered_up_to"], Value::Null);
    for path in ["/host/chats/999999", "/host/chats/0", "/host/chats/x/messages"] {
        host.get(path).await.problem(StatusCode::NOT_FOUND, "chat-not-found");
    }
}

#[tokio::test]
async fn the_marketplace_writes_in_three_roles_and_may_ask_a_side() {
    let server = Server::start().await;
    let (host, buyer) = (Client::host(&server).await, Client::buyer(&server).await);
    let seller = Client::seller(&server).await;
    let chat = buyer.product_chat().await;
    let path = format!("/host/chats/{chat}/messages");
    for (role, asks, turn) in [
        ("market", Value::Null, "nobody"),
        ("support", json!("buyer"), "buyer"),
        ("arbiter", json!("seller"), "seller"),
        ("support", Value::Null, "seller"),
    ] {
        let body = json!({"role": role, "text": "Добрый день", "asks": asks});
        let written = host.post(&path, body).await;
        assert_eq!(written.status, 201, "{}", written.text);
        assert_eq!(
            written.body["author"],
            json!({"role": role, "account_id": null, "member_id": null})
        );
        assert_eq!(buyer.get(&format!("/chats/{chat}")).await.ok()["turn"], turn);
    }
    for client in [&seller, &buyer] {
        assert_eq!(client.get(&format!("/chats/{chat}")).await.ok()["unread"], 4);
    }
    for (body, place) in [
        (json!({"text": "x"}), "role"),
        (json!({"role": "seller", "text": "x"}), "role"),
        (json!({"role": "market", "text": "x", "asks": "arbiter"}), "asks"),
    ] {
        host.post(&path, body).await.invalid_at(place);
    }
    let empty = host.post(&path, json!({"role": "market"})).await;
    empty.problem(StatusCode::UNPROCESSABLE_ENTITY, "nothing-to-send");
    let absent = host.post("/host/chats/999999/messages", json!({"role": "market", "text": "x"}));
    absent.await.problem(StatusCode::NOT_FOUND, "chat-not-found");
}

#[tokio::test]
async fn closing_reopening_and_turning_are_repeatable() {
    let server = Server::start().await;
    let (host, buyer) = (Client::host(&server).await, Client::buyer(&server).await);
    let chat = buyer.product_chat().await;
    for (call, body, member, value) in [
        ("turn", json!({"turn": "market"}), "turn", "market"),
        ("close", json!({}), "state", "closed"),
        ("reopen", json!({}), "state", "open"),
    ] {
        for _ in 0..2 {
            let answer = host.post(&format!("/host/chats/{chat}/{call}"), body.clone()).await.ok();
            assert_eq!(answer[member], value);
        }
        let absent = host.post(&format!("/host/chats/999999/{call}"), body).await;
        absent.problem(StatusCode::NOT_FOUND, "chat-not-found");
    }
    host.post(&format!("/host/chats/{chat}/turn"), json!({"turn": "me"})).await.invalid_at("turn");
    host.post(&format!("/host/chats/{chat}/turn"), json!({})).await.invalid_at("turn");
}

#[tokio::test]
async fn a_dispute_begins_about_a_chat_an_order_or_a_return() {
    let server = Server::start().await;
    let (host, buyer) = (Client::host(&server).await, Client::buyer(&server).await);
    let (first, second) = (server.order(Model::Fbs).await, server.order(Model::Dbs).await);
    let chat = buyer.order_chat(&first).await;
    for (body, status) in [
        (json!({"chat_id": chat}), 200),
        (json!({"order_id": second.id.get()}), 201),
        (json!({"return_id": second.return_id.get()}), 201),
    ] {
        let answer = host.post("/host/disputes", body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(
            (&answer.body["state"], &answer.body["turn"]),
            (&json!("disputed"), &json!("arbiter"))
        );
    }
    for (body, slug) in [
        (json!({"chat_id": 999_999}), "chat-not-found"),
        (json!({"order_id": 999_999}), "order-not-found"),
        (json!({"return_id": 999_999}), "return-not-found"),
    ] {
        host.post("/host/disputes", body).await.problem(StatusCode::NOT_FOUND, slug);
    }
    for body in [json!({}), json!({"chat_id": chat, "order_id": 1})] {
        host.post("/host/disputes", body).await.invalid_at("chat_id");
    }
    let absent = host.post("/host/chats/999999/dispute/end", json!({})).await;
    absent.problem(StatusCode::NOT_FOUND, "chat-not-found");
}
